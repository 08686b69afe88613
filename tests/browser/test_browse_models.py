"""Finding a model among 300, and reading all about it."""

from __future__ import annotations

import re

import pytest
from grid import names, search
from shelf_world import (
    COUNT,
    DAMAGED,
    FIRST,
    GONE,
    HALFWAY,
    SHOWN_POSTS,
    SHOWPIECE,
    TRIGGER,
    shelf_world,
)

expect = pytest.importorskip("playwright.sync_api").expect


def counted(page, text):
    """The line above the results begins with this; it is awaited."""
    expect(page.locator(".count")).to_contain_text(re.compile(rf"^\s*{text}\b"))


def test_the_grid_reaches_all_models_without_a_double(open_page, shelf):
    """Scrolling to the end again and again shows each of the 300 models once."""
    page = open_page(shelf)
    counted(page, f"{COUNT} models")
    cards = page.locator("ul.grid .card a")
    expect(cards).to_have_count(60)
    while page.locator("[data-more]").count():
        before = cards.count()
        page.mouse.wheel(0, 100_000)
        page.wait_for_function(
            "before => document.querySelectorAll('ul.grid .card').length > before"
            " || !document.querySelector('[data-more]')",
            arg=before,
        )
    links = cards.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert COUNT == len(links)
    assert {f"/models/{FIRST + place}" for place in range(COUNT)} == set(links)


def test_a_search_by_trigger_word_finds_its_model(open_page, shelf):
    """What is written into the field is found while one writes, and stands in the address."""
    page = open_page(shelf)
    search(page, TRIGGER)
    counted(page, "1 model")
    assert ["Aurora Watercolor / オーロラ水彩"] == names(page)
    assert "q=aurora_wash" in page.url
    page.reload()
    assert TRIGGER == page.get_by_role("searchbox").input_value()
    assert ["Aurora Watercolor / オーロラ水彩"] == names(page)


def test_a_japanese_name_of_two_characters_is_found(open_page, shelf):
    """A name shorter than any index of letters is found all the same."""
    page = open_page(shelf)
    search(page, "花火")
    counted(page, "1 model")
    assert ["花火"] == names(page)


def test_a_search_for_a_tag_and_for_a_creator(open_page, shelf):
    """Tags and creators are found by the same field; what is not there says so."""
    page = open_page(shelf)
    search(page, "さくら工房")
    counted(page, "43 models")
    search(page, "夜景 花火")
    counted(page, "1 model")
    search(page, "no such thing anywhere")
    expect(page.get_by_text("Nothing fits this choice.")).to_be_visible()
    page.get_by_role("link", name="clear").click()
    counted(page, f"{COUNT} models")
    assert "" == page.get_by_role("searchbox").input_value()


def test_a_word_of_a_prompt_leads_to_its_images(open_page, shelf):
    """The models' search tells how many prompts have the words, and leads there."""
    page = open_page(shelf)
    search(page, "lighthouse")
    page.get_by_role("link", name="in their prompts").click()
    expect(page).to_have_url(f"{shelf}/images?q=lighthouse")
    expect(page.locator("ul.shots .shot").first).to_be_visible()


def test_filters_narrow_and_combine(open_page, shelf):
    """Type, base model, rating and state choose; together they choose fewer."""
    page = open_page(shelf)
    checkpoints = [model for model in shelf_world().models if model.kind == "Checkpoint"]
    ponies = [model for model in checkpoints if model.versions[0].base_model == "Pony"]
    assert 0 < len(ponies) < len(checkpoints)
    page.get_by_label("Type").select_option("Checkpoint")
    counted(page, f"{len(checkpoints)} models")
    page.get_by_label("Base model").select_option("Pony")
    counted(page, f"{len(ponies)} models")
    cards = page.locator("ul.grid .card").filter(has_text="Checkpoint").filter(has_text="Pony")
    expect(cards).to_have_count(len(ponies))
    page.get_by_label("Type").select_option("")
    page.get_by_label("Base model").select_option("")
    page.get_by_label("Rating").select_option("X")
    expect(page.locator("ul.grid .card a.veiled")).not_to_have_count(0)


@pytest.mark.parametrize(
    ("state", "number"), [("gone", GONE), ("failed", DAMAGED), ("partial", HALFWAY)]
)
def test_what_is_not_whole_can_be_chosen(open_page, shelf, state, number):
    """Models that are gone, failed or half there are found by their state, and carry it."""
    page = open_page(shelf)
    page.get_by_label("State").select_option(state)
    counted(page, "1 model")
    card = page.locator(f"a[href='/models/{number}']")
    expect(card.locator(".state")).to_have_text(state)


def test_models_can_be_put_in_order(open_page, shelf):
    """By name, by downloads, by the day they were published."""
    page = open_page(shelf)
    order = page.get_by_label("Order")
    order.select_option("name")
    expect(page.locator("ul.grid .name").first).to_have_text("After Hours")
    shown = names(page)
    assert sorted(shown, key=str.lower) == shown
    order.select_option("downloads")
    expect(page.locator("ul.grid .name").first).to_have_text("Aurora Watercolor / オーロラ水彩")
    order.select_option("published")
    expect(page.locator("ul.grid .card a").first).to_have_attribute(
        "href", f"/models/{FIRST + COUNT - 1}"
    )


def test_a_models_page_tells_all(open_page, shelf):
    """Versions, files with their state and digest, trigger words, description, gallery."""
    page = open_page(shelf)
    search(page, TRIGGER)
    counted(page, "1 model")
    page.locator("ul.grid .card a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Aurora Watercolor")
    expect(page.get_by_role("heading", level=2, name="v2.0 第二版")).to_be_visible()
    expect(page.get_by_role("heading", level=2, name="v1.0")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="auroraWatercolor_v20.safetensors")
    expect(row).to_contain_text("40.0 kB")
    expect(row).to_contain_text("verified")
    expect(row.locator(".digest")).to_have_attribute("title", re.compile("^[0-9a-f]{64}$"))
    described = page.get_by_role("region", name="Description")
    expect(described).to_contain_text("Soft washes and visible paper.")
    picture = described.get_by_role("img", name="weights side by side")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth === 320", arg=picture.element_handle())
    previews = sum(len(version.images) for version in shelf_world().models[0].versions)
    expect(page.locator("#gallery h2")).to_contain_text(str(SHOWN_POSTS + previews))


def test_a_gallery_goes_on_when_its_end_comes_near(open_page, shelf):
    """A gallery of more than one page is shown whole, each image once."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    shots = page.locator("#gallery .shot a")
    expect(shots).not_to_have_count(0)
    while page.locator("#gallery [data-more]").count():
        page.mouse.wheel(0, 100_000)
        page.evaluate("() => new Promise(requestAnimationFrame)")
    links = shots.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    total = int(page.locator("#gallery h2 .quiet").inner_text())
    assert total == len(links) == len(set(links))
    assert total > 60


def test_a_file_that_failed_says_why(open_page, shelf):
    """The page of a damaged file tells what is wrong with it."""
    page = open_page(shelf, f"/models/{DAMAGED}")
    row = page.get_by_role("row").filter(has_text="crackedGlaze")
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("the service lists")


def test_a_file_on_its_way_is_told_as_waiting(open_page, shelf):
    """What an interrupted run left is no loss: it is waiting."""
    page = open_page(shelf, f"/models/{HALFWAY}")
    expect(page.get_by_role("row").filter(has_text="Half")).to_contain_text("waiting")


def test_trigger_words_are_copied_at_a_click(open_page, shelf):
    """One word, or all of them, go to the clipboard, and the page says that they did."""
    page = open_page(
        shelf, f"/models/{SHOWPIECE}", permissions=["clipboard-read", "clipboard-write"]
    )
    words = page.locator(".words li")
    words.filter(has_text="オーロラ水彩").get_by_role("button").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert "オーロラ水彩" == page.evaluate("navigator.clipboard.readText()")
    words.filter(has_text="all of them").get_by_role("button").click()
    page.wait_for_function(
        "async () => (await navigator.clipboard.readText()).includes(', soft wash')"
    )
    assert f"{TRIGGER}, オーロラ水彩, soft wash" == page.evaluate("navigator.clipboard.readText()")


def test_tags_and_creators_lead_on(open_page, shelf):
    """A tag shows all models with it; a creator's page shows models and images."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    page.get_by_role("link", name="watercolor", exact=True).click()
    counted(page, "1 model")
    page.get_by_role("link", name="Creators").click()
    page.get_by_role("searchbox").fill("さくら")
    expect(page.locator(".count")).to_contain_text("1 creator")
    page.locator("ul.grid .card a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("さくら工房")
    expect(page.locator("ul.grid .card")).to_have_count(43)


def test_the_last_run_is_told(open_page, shelf):
    """The page of the run says how much is stored and what failed."""
    page = open_page(shelf, "/run")
    expect(page.get_by_text("no run is at work")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Stored")).to_be_visible()


def test_what_is_not_there_says_so(open_page, shelf, watch):
    """A wrong address has a page of its own that leads back."""
    watch.expected.append("404")
    page = open_page(shelf, "/models/999")
    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
    page.get_by_role("link", name="To the models").click()
    counted(page, f"{COUNT} models")
