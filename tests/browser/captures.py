"""Draw the pictures of `civitai-dl browse` in the documentation: `make captures`.

An archive of an invented service, with landscapes for images, in a real Chromium.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from browsing import archiving, shown
from painting import HEIGHT, WIDTH, painting
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from shelf_world import FILM, SHOWPIECE, shelf_world

QUALITY = 82
DRAWN = """() => [...document.images].every((image) =>
  image.getBoundingClientRect().top > innerHeight || (image.complete && image.naturalWidth))"""
DESK = {"viewport": {"width": 1280, "height": 832}}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2, "is_mobile": True}


def models(page: Page, address: str) -> None:
    """The grid."""
    page.goto(address)


def model(page: Page, address: str) -> None:
    """One model."""
    page.goto(f"{address}/models/{SHOWPIECE}")


def prompt(page: Page, address: str) -> None:
    """An image, and how it was made."""
    page.goto(f"{address}/images?q=夜明けの港")
    page.locator("a.open:not(.veiled)").nth(1).click()
    page.get_by_role("dialog").locator(".prompt").first.wait_for()


SHOTS: dict[str, tuple[Callable[[Page, str], None], dict[str, object]]] = {
    "browse-models": (models, {**DESK, "color_scheme": "dark"}),
    "browse-model": (model, DESK),
    "browse-prompt": (prompt, {**DESK, "locale": "ja-JP"}),
    "browse-phone": (models, {**PHONE, "locale": "ja-JP"}),
}


def draw(browser: Browser, address: str, folder: Path) -> None:
    """All of SHOTS, as WebP."""
    for name, (show, how) in SHOTS.items():
        context = browser.new_context(**{"locale": "en-US", **how})
        page = context.new_page()
        show(page, address)
        page.wait_for_function(DRAWN)
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        path = folder / f"{name}.webp"
        picture.save(path, "WEBP", quality=QUALITY, method=6)
        sys.stdout.write(f"{path}: {path.stat().st_size // 1000} kB\n")
        context.close()


def main(folder: Path) -> None:
    """Make the archive, look at it, and throw it away."""
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        world = shelf_world(painting, size=(WIDTH, HEIGHT))
        with archiving(world, place) as archiver:
            numbers = [model.id for model in world.models]
            # What comes last stands first in the grid.
            first = {SHOWPIECE, FILM, *numbers[7:30]}
            archiver.download(*(str(number) for number in numbers if number not in first))
            archiver.download(*(str(number) for number in first))
        with shown(place / "archive") as address, sync_playwright() as playwright:
            found = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
            draw(browser, address, folder)
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
