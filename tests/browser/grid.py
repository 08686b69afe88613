"""What a reader does with a grid of models, in either form."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def names(page: Page) -> list[str]:
    """The models that are shown."""
    return page.locator("ul.grid .name").all_text_contents()


def search(page: Page, words: str) -> None:
    """Write into the search field; the results follow."""
    page.get_by_role("searchbox").fill(words)
