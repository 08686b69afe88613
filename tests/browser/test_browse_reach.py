"""Pages for everybody: keyboard alone, a phone, two languages, dark, no script, no motion, axe."""

from __future__ import annotations

import re

import pytest
from shelf_world import COUNT, DAMAGED, FIREWORKS, MATURE_ONE, SHOWPIECE

expect = pytest.importorskip("playwright.sync_api").expect
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PAGES = ("/", f"/models/{SHOWPIECE}", f"/models/{DAMAGED}", f"/models/{MATURE_ONE}", "/images")
PAGES += ("/?q=nothing-like-it", "/creators", "/creators/lumen", "/run", "IMAGE", "/models/999")


def open_any(open_page, shelf, path, **how):
    """Open one of PAGES; the number of an image is not known before."""
    if path != "IMAGE":
        return open_page(shelf, path, **how)
    page = open_page(shelf, f"/models/{SHOWPIECE}", **how)
    page.goto(shelf + page.locator("#gallery a.open").first.get_attribute("href"))
    return page


def faults_by_axe(page):
    """What axe-core finds that keeps people out, in light colours and in dark ones."""
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme="light")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    page.emulate_media(color_scheme="dark")
    dark = Axe().run(page, options={"runOnly": ["color-contrast", "link-in-text-block"]})
    return [
        (one["id"], node["target"], node["failureSummary"])
        for one in found.response["violations"] + dark.response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("path", PAGES)
def test_nobody_is_kept_out(open_page, shelf, watch, path):
    """axe-core finds nothing serious on any kind of page, light or dark."""
    watch.expected.append("404")
    assert [] == faults_by_axe(open_any(open_page, shelf, path))


def test_the_lightbox_keeps_nobody_out(open_page, shelf):
    """Nor does it find anything when the lightbox is open."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    page.locator("#gallery a.open").first.click()
    expect(page.get_by_role("dialog").locator(".prompt").first).to_be_visible()
    assert [] == faults_by_axe(page)


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_all_without_scrolling_sideways(open_page, shelf, watch, path):
    """At 390 px nothing sticks out, in either language, and the controls are on the screen."""
    watch.expected.append("404")
    page = open_any(open_page, shelf, path, **PHONE)
    assert_fits(page)
    page.get_by_role("link", name="日本語").tap()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    assert_fits(page)


def assert_fits(page):
    """Nothing is wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = page.locator("header a, header button, form input, form select").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({left, right}) => [left, right])"
    )
    assert [] == [(left, right) for left, right in boxes if not 0 <= left < right <= 390]


def test_a_phone_opens_the_lightbox_and_leaves_it(open_page, shelf):
    """With a finger: open, next, close; all of it on the screen."""
    page = open_page(shelf, f"/models/{SHOWPIECE}", **PHONE)
    page.locator("#gallery a.open").first.tap()
    box = page.get_by_role("dialog")
    expect(box.locator(".prompt").first).to_be_visible()
    for name in ("Previous image", "Next image", "Close"):
        expect(box.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    box.get_by_role("button", name="Next image").tap()
    box.get_by_role("button", name="Close").tap()
    expect(box).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_alone_finds_and_opens_a_model(open_page, shelf):
    """/ searches, the arrows go to the cards, Enter opens."""
    page = open_page(shelf)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.insert_text("花火")
    expect(page.locator(".count")).to_contain_text("1 model")
    page.keyboard.press("ArrowDown")
    expect(page.locator("ul.grid .card a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{shelf}/models/{FIREWORKS}")


def test_arrows_move_over_the_grid(open_page, shelf):
    """Right and left go along a row, down and up to the nearest card of the next one."""
    page = open_page(shelf)
    cards = page.locator("ul.grid .card a")
    page.keyboard.press("ArrowRight")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    row = page.evaluate(
        "getComputedStyle(document.querySelector('ul.grid')).gridTemplateColumns.split(' ').length"
    )
    expect(cards.nth(row + 1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(cards.nth(0)).to_be_focused()


def test_tab_begins_with_a_way_past_the_menu(open_page, shelf):
    """The first stop leads to the content; the menu and the form follow in order."""
    page = open_page(shelf)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_the_keyboard_alone_looks_through_a_gallery(open_page, shelf):
    """Enter opens the lightbox, arrows go on, Tab stays inside, Esc leads back."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    first = page.locator("#gallery a.open").first
    first.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog")
    expect(box.locator(".prompt").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement.closest('dialog') || document.activeElement === document.body"
        )
        assert page.evaluate(f"Boolean({inside})")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page.locator("#gallery a.open").nth(1)).to_be_focused()


def test_the_language_is_switched_and_remembered(open_page, shelf):
    """A link changes it; later pages stay in it; the filters of the page are kept."""
    page = open_page(shelf, "/?type=LORA")
    page.get_by_role("link", name="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.get_by_label("種類")).to_have_value("LORA")
    page.get_by_role("link", name="画像", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.get_by_role("searchbox")).to_have_attribute("placeholder", "プロンプトの語")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_japanese_browser_is_spoken_to_in_japanese(open_page, shelf):
    """What the browser asks for decides, as long as nobody chose."""
    page = open_page(shelf, locale="ja-JP")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator(".count")).to_contain_text(f"{COUNT} モデル")


def test_without_script_everything_can_be_read(open_page, shelf):
    """The grid, a search by its form, a model, an image, the next page by its link."""
    page = open_page(shelf, java_script_enabled=False)
    cards = page.locator("ul.grid .card a")
    expect(cards).to_have_count(60)
    first = cards.first.get_attribute("href")
    page.get_by_role("link", name="More").click()
    expect(cards).to_have_count(60)
    assert first != cards.first.get_attribute("href")
    page.get_by_role("searchbox").fill("花火")
    page.get_by_role("button", name="Search").click()
    expect(cards).to_have_count(1)
    cards.first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("花火")
    page.locator("a.open").first.click()
    expect(page).to_have_url(re.compile("/images/[0-9]+$"))
    expect(page.locator(".whole img")).to_be_visible()


def test_nothing_moves_for_whom_motion_is_bad(open_page, shelf):
    """With prefers-reduced-motion no transition is left, and no cover plays by itself."""
    page = open_page(shelf, "/images?media=video", reduced_motion="reduce")
    assert "0s" == page.locator("#said").evaluate("it => getComputedStyle(it).transitionDuration")
    link = page.locator("a.open[data-media=video]").first
    video = link.locator("video").element_handle()
    page.wait_for_function("video => video.readyState >= 1", arg=video)
    link.hover()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert video.evaluate("video => video.paused")
