"""A real Chromium before archives that the real program made; each is made once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from browsing import archiving, made_once, shown  # noqa: E402  # the path had to be told first
from shelf_world import GONE, HALFWAY, shelf_world  # noqa: E402  # as above
from watch import Watch  # noqa: E402  # as above

if os.environ.get("CIVITAI_DL_BROWSER") == "required":
    import playwright.sync_api  # noqa: F401  # modules of tests would only skip without it

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REQUIRED = os.environ.get("CIVITAI_DL_BROWSER") == "required"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PATIENCE = 15_000.0
"""Milliseconds that a page may take for anything, on a machine with other work."""

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for all processes of this run of the tests."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "browser"


@pytest.fixture(scope="session")
def shelf_folder(shared: Path) -> Path:
    """An archive of 300 models: one is gone, one has failed, one was interrupted."""
    return made_once(shared / "shelf", fill_shelf)


def fill_shelf(place: Path) -> None:
    """Download all of the world, and what happens to three of its models."""
    world = shelf_world()
    most = [str(model.id) for model in world.models if model.id != HALFWAY]
    with archiving(world, place) as archiver:
        assert 1 == archiver.download(*most, users=["lumen", "yamane_ken"])
        world.remove_model(GONE)
        assert 0 == archiver.download(str(GONE), words=["--no-gallery"])
        assert 130 == archiver.download_half(str(HALFWAY), "Half")


@pytest.fixture(scope="session")
def shelf(shelf_folder: Path) -> Iterator[str]:
    """The address at which `civitai-dl browse` shows it."""
    with shown(shelf_folder) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. For one module only: while it is there no other event loop can run here."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        unavailable(f"no Chromium on this machine ({', '.join(NAMES)})")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        unavailable("playwright is not installed")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


def unavailable(why: str) -> None:
    """Skip, unless the environment says that the browser must be there."""
    if REQUIRED:
        pytest.fail(f"CIVITAI_DL_BROWSER=required, but {why}")
    pytest.skip(why)


@pytest.fixture
def watch() -> Watch:
    """Hears what pages do; the address that is theirs is told by who opens them."""
    return Watch("")


@pytest.fixture
def open_page(chromium: Browser, watch: Watch) -> Iterator[Open]:
    """Open an address in a context of its own: `open_page(address, "/images", locale="ja-JP")`.

    A test fails afterwards when a page complained, or asked for anything elsewhere.
    """
    contexts = []

    def opening(address: str, path: str = "/", **how: object) -> Page:
        watch.own = address
        wide = {"width": 1280, "height": 900}
        context = chromium.new_context(**{"viewport": wide, "locale": "en-US", **how})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        watch.over(context)
        page = context.new_page()
        page.goto(f"{address}{path}")
        return page

    yield opening
    for context in contexts:
        context.close()
    assert [] == watch.told()
