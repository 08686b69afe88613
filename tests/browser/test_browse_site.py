"""An archive as files: everything a reader does, without a server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing import exported
from grid import names, search
from shelf_world import COUNT, FILM, FIRST, PROMPTS, SHOWN_POSTS, SHOWPIECE, TRIGGER

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture(scope="module")
def site(shelf_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the files, ending in a slash."""
    folder = tmp_path_factory.mktemp("exported") / "a site #1"
    exported(shelf_folder, folder)
    return f"{folder.as_uri()}/"


def counted(page, text):
    expect(page.locator(".count")).to_have_text(re.compile(rf"^\s*{text}"))


def test_the_grid_of_files_reaches_all_models_without_a_double(open_page, site):
    """As far as one scrolls, each of the 300 models once."""
    page = open_page(site, "index.html")
    counted(page, str(COUNT))
    cards = page.locator("ul.grid .card a")
    while page.locator(".more:visible").count():
        before = cards.count()
        page.mouse.wheel(0, 100_000)
        page.wait_for_function(
            "before => document.querySelectorAll('ul.grid .card').length > before"
            " || document.querySelector('.more').hidden",
            arg=before,
        )
    links = cards.evaluate_all("links => links.map(link => link.href.split('/').pop())")
    assert [f"{FIRST + place}.html" for place in range(COUNT)] == sorted(links)


def test_files_are_searched_by_all_that_models_are_called(open_page, site):
    """Trigger words, Japanese names of two signs, creators; type and order."""
    page = open_page(site, "index.html")
    search(page, TRIGGER)
    counted(page, "1 ")
    assert ["Aurora Watercolor / オーロラ水彩"] == names(page)
    search(page, "花火")
    counted(page, "1 ")
    search(page, "")
    counted(page, str(COUNT))
    page.get_by_label("Type").select_option("VAE")
    page.get_by_label("Order").select_option("name")
    expect(page.locator("ul.grid .card .chip").first).to_have_text("VAE")
    first = min(names(page), key=str.casefold)
    expect(page.locator("ul.grid .name").first).to_have_text(first)


@pytest.mark.parametrize("words", ["lighthouse muted", "灯籠流し", "RIVER festival"])
def test_files_are_searched_by_prompts(open_page, site, words):
    """A word of a prompt leads to the models whose images have it; in any case, also Japanese."""
    page = open_page(site, "index.html")
    search(page, words)
    expect(page.locator(".count")).not_to_have_text(re.compile(rf"^\s*({COUNT}|0) "))
    page.locator("ul.grid .card a").first.click()
    page.wait_for_url("**/models/**")
    expect(page.locator(".prompt").first).to_be_attached()
    shown = page.locator(".prompt").all_text_contents()
    wanted = words.lower().split()
    assert any(all(word in prompt.lower() for word in wanted) for prompt in shown)


def test_a_model_page_of_files_has_all_of_it(open_page, site):
    """Files with their state, trigger words, all of the gallery; the lightbox tells the prompt."""
    page = open_page(site, f"models/{SHOWPIECE // 1000}/{SHOWPIECE}.html")
    expect(page.locator(".mark.verified").first).to_be_visible()
    number = int(page.locator("#gallery h2 .quiet").inner_text())
    assert number >= SHOWN_POSTS
    expect(page.locator("#gallery .shot")).to_have_count(number)
    page.locator("#gallery a.open").first.click()
    box = page.get_by_role("dialog")
    expect(box.locator(".stage img")).to_have_js_property("complete", value=True)
    assert box.locator(".stage img").evaluate("image => image.naturalWidth") > 0
    prompts = set()
    for _ in range(12):
        prompts |= set(box.locator(".prompt").all_text_contents())
        page.keyboard.press("ArrowRight")
    assert any(prompt.startswith(PROMPTS) for prompt in prompts)
    page.keyboard.press("Escape")
    expect(page.locator("#gallery a.open:focus")).to_have_count(1)


def test_a_video_plays_from_a_file(open_page, site):
    """It moves, without anything that serves it."""
    page = open_page(site, f"models/{FILM // 1000}/{FILM}.html")
    page.locator("a.open[data-media=video]").first.click()
    page.wait_for_function(
        "() => { const film = document.querySelector('dialog video');"
        " return film && film.videoWidth > 0 && film.currentTime > 0; }"
    )


def test_a_tag_leads_to_the_models_that_have_it(open_page, site):
    """From a model's page to the grid, where it can be taken back."""
    page = open_page(site, f"models/{SHOWPIECE // 1000}/{SHOWPIECE}.html")
    page.locator(".tags a", has_text="watercolor").first.click()
    page.wait_for_url("**/index.html#tag=*")
    expect(page.locator(".count")).not_to_have_text(re.compile(rf"^\s*({COUNT}|0) "))
    assert "Aurora Watercolor / オーロラ水彩" in names(page)
    page.get_by_label("Tag").fill("")
    counted(page, str(COUNT))


def test_files_can_be_read_without_scripts(open_page, site):
    """A grid, the next page of it, a model."""
    page = open_page(site, "index.html", java_script_enabled=False)
    links = "links => links.map(link => link.href)"
    first = page.locator("ul.grid .card a").evaluate_all(links)
    page.locator("[data-more]").click()
    page.wait_for_url("**/index~2.html")
    second = page.locator("ul.grid .card a").evaluate_all(links)
    assert first
    assert second
    assert not set(first) & set(second)
    page.locator("ul.grid .card a").first.click()
    page.wait_for_url("**/models/**")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
