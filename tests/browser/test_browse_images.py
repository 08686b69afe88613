"""Looking at images: the wall, the lightbox, prompts, videos, what waits to be asked for."""

from __future__ import annotations

import re

import pytest
from shelf_world import FILM, MATURE_ONE, PREVIEW_PROMPT, SHOWPIECE

expect = pytest.importorskip("playwright.sync_api").expect

SHOWN_WHOLE = "image => image.complete && image.naturalWidth > 0"


def lightbox(page):
    return page.get_by_role("dialog")


def blur_of(locator):
    return locator.evaluate("shown => getComputedStyle(shown).filter")


def test_the_wall_of_images_is_searched_by_prompt(open_page, shelf):
    """Words of prompts find images, also a Japanese word inside a sentence."""
    page = open_page(shelf, "/images")
    expect(page.locator("ul.shots .shot")).to_have_count(60)
    page.get_by_role("searchbox").fill("take17")
    expect(page.locator(".count")).to_contain_text(re.compile(r"\s*1 image\b"))
    page.get_by_role("searchbox").fill("灯籠流し")
    expect(page.locator("ul.shots .shot")).not_to_have_count(1)
    page.locator("ul.shots a").first.click()
    expect(lightbox(page)).to_contain_text("川辺の灯籠流し")


def test_the_wall_can_be_narrowed_to_videos(open_page, shelf):
    """Kind and origin choose images."""
    page = open_page(shelf, "/images")
    page.get_by_label("Kind").select_option("video")
    expect(page.locator("ul.shots .shot video").first).to_be_attached()
    expect(page.locator("ul.shots .shot img")).to_have_count(0)
    page.get_by_label("Kind").select_option("")
    page.get_by_label("From").select_option("preview")
    expect(page.locator("ul.shots .shot img").first).to_be_attached()


def test_small_pictures_arrive(open_page, shelf):
    """Covers in sight are drawn."""
    page = open_page(shelf)
    cover = page.locator("ul.grid .card img").first
    page.wait_for_function(SHOWN_WHOLE, arg=cover.element_handle())


def test_the_lightbox_shows_an_image_and_how_it_was_made(open_page, shelf):
    """Image, prompt, negative prompt, resources, parameters; arrows go on; Esc gives focus back."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    shots = page.locator("#gallery a.open")
    shots.nth(1).click()
    box = lightbox(page)
    expect(box).to_be_visible()
    picture = box.locator(".stage img")
    page.wait_for_function(SHOWN_WHOLE, arg=picture.element_handle())
    expect(picture).to_have_attribute("src", shots.nth(1).get_attribute("data-full"))
    expect(box.get_by_role("heading", name=re.compile("^Prompt"))).to_be_visible()
    expect(box).to_contain_text(", take7")
    expect(box.get_by_role("heading", name="Negative prompt")).to_be_visible()
    expect(box).to_contain_text("auroraWatercolor_v20")
    expect(box).to_contain_text("DPM++ 2M Karras")
    first = box.locator(".prompt").first.inner_text()
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("src", shots.nth(2).get_attribute("data-full"))
    expect(box.locator(".prompt").first).not_to_have_text(first)
    box.get_by_role("button", name="Previous image").click()
    expect(box.locator(".prompt").first).to_have_text(first)
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(shots.nth(1)).to_be_focused()


def test_a_preview_has_the_prompt_that_its_gallery_knows(open_page, shelf):
    """Models do not tell how their previews were made; the same image in the gallery does."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    page.locator(".version").first.locator("a.open").first.click()
    expect(lightbox(page).locator(".prompt")).to_have_text(PREVIEW_PROMPT)
    page.keyboard.press("Escape")
    page.goto(shelf + page.locator(".version a.open").first.get_attribute("href"))
    expect(page.locator(".details .prompt")).to_have_text(PREVIEW_PROMPT)


def test_the_lightbox_goes_round(open_page, shelf):
    """Before the first comes the last, and the focus ends where one stopped looking."""
    page = open_page(shelf, f"/models/{FILM}")
    shots = page.locator(".version").first.locator("a.open")
    shots.first.click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(shots.last).to_be_focused()


def test_a_prompt_is_copied_from_the_lightbox(open_page, shelf):
    """The prompt goes to the clipboard as it was written."""
    page = open_page(
        shelf, f"/models/{SHOWPIECE}", permissions=["clipboard-read", "clipboard-write"]
    )
    page.locator("#gallery a.open").first.click()
    prompt = lightbox(page).locator("section").filter(has_text="Prompt").first
    prompt.get_by_role("button", name="Copy").click()
    expect(page.locator("#said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert prompt.locator(".prompt").inner_text() == copied


def test_a_click_beside_the_image_closes_the_lightbox(open_page, shelf):
    """As does the button."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    page.locator("#gallery a.open").first.click()
    lightbox(page).locator(".stage").click(position={"x": 20, "y": 20})
    expect(lightbox(page)).to_be_hidden()
    page.locator("#gallery a.open").first.click()
    lightbox(page).get_by_role("button", name="Close").click()
    expect(lightbox(page)).to_be_hidden()


def test_an_image_has_a_page_of_its_own(open_page, shelf):
    """A link to an image, opened in a tab, shows it with its facts and leads to its model."""
    page = open_page(shelf, f"/models/{SHOWPIECE}")
    page.goto(shelf + page.locator("#gallery a.open").first.get_attribute("href"))
    picture = page.locator(".whole img")
    page.wait_for_function(SHOWN_WHOLE, arg=picture.element_handle())
    expect(page.get_by_role("heading", name=re.compile("^Prompt"))).to_be_visible()
    page.get_by_role("link", name="Aurora Watercolor").click()
    expect(page).to_have_url(f"{shelf}/models/{SHOWPIECE}")


def test_a_video_plays(open_page, shelf):
    """In the lightbox a video runs by itself, with controls; its time goes on."""
    page = open_page(shelf, f"/models/{FILM}")
    page.locator("a.open[data-media=video]").first.click()
    video = lightbox(page).locator("video")
    expect(video).to_have_js_property("controls", value=True)
    page.wait_for_function(
        "video => video.currentTime > 0.2 && video.videoWidth > 0", arg=video.element_handle()
    )


def test_a_video_on_its_own_page_plays_at_a_word(open_page, shelf):
    """Without the lightbox it waits for its reader."""
    page = open_page(shelf, f"/models/{FILM}")
    page.goto(shelf + page.locator("a.open[data-media=video]").first.get_attribute("href"))
    video = page.locator("video")
    assert video.evaluate("video => video.paused")
    video.evaluate("video => video.play()")
    page.wait_for_function("video => video.currentTime > 0.1", arg=video.element_handle())


def test_a_cover_that_is_a_video_moves_under_the_pointer(open_page, shelf):
    """It stands still until the pointer comes, and again when it goes."""
    page = open_page(shelf, "/images?media=video")
    link = page.locator("a.open[data-media=video]").first
    video = link.locator("video").element_handle()
    page.wait_for_function("video => video.readyState >= 1", arg=video)
    assert video.evaluate("video => video.paused")
    link.hover()
    page.wait_for_function("video => !video.paused && video.currentTime > 0", arg=video)
    page.mouse.move(5, 5)
    page.wait_for_function("video => video.paused", arg=video)


def test_mature_images_are_blurred_until_asked_for(open_page, shelf):
    """The switch shows them, also on the next visit, and hides them again."""
    page = open_page(shelf, f"/models/{MATURE_ONE}")
    picture = page.locator(".veiled img").first
    assert "blur" in blur_of(picture)
    switch = page.get_by_role("button", name="Mature")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    expect(page.locator("#said")).to_have_text("Mature images are shown")
    assert "none" == blur_of(picture)
    page.goto(f"{shelf}/models/{MATURE_ONE}")
    expect(switch).to_have_attribute("aria-pressed", "true")
    assert "none" == blur_of(picture)
    page.keyboard.press("m")
    expect(switch).to_have_attribute("aria-pressed", "false")
    assert "blur" in blur_of(picture)


@pytest.mark.parametrize("how", ["click", "key"])
def test_one_mature_image_is_shown_alone(open_page, shelf, how):
    """In the lightbox a click, or a button for those without a mouse, shows the one alone."""
    page = open_page(shelf, f"/models/{MATURE_ONE}")
    page.locator("a.open").first.click()
    box = lightbox(page)
    picture = box.locator(".stage img")
    show = box.get_by_role("button", name="Show", exact=True)
    assert "blur" in blur_of(picture)
    if how == "click":
        picture.click(position={"x": 5, "y": 5})
    else:
        page.keyboard.press("Tab")
        expect(show).to_be_focused()
        page.keyboard.press("Enter")
    expect(show).to_be_hidden()
    assert "none" == blur_of(picture)
    page.keyboard.press("ArrowRight")
    expect(show).to_be_visible()
    assert "blur" in blur_of(picture)


def test_one_mature_image_is_shown_on_its_own_page(open_page, shelf):
    """A button shows it, and the switch stays as it was."""
    page = open_page(shelf, f"/models/{MATURE_ONE}")
    page.goto(shelf + page.locator("a.open").first.get_attribute("href"))
    picture = page.locator(".whole img")
    assert "blur" in blur_of(picture)
    page.get_by_role("button", name="Show", exact=True).click()
    assert "none" == blur_of(picture)
    expect(page.get_by_role("button", name="Mature")).to_have_attribute("aria-pressed", "false")
