"""The options that are about lists of models: which of them, and how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., object])

SEARCH_FLAGS = ("sort", "period", "max_models")


def search_options(command: F) -> F:
    """Give a command the options of searches, tags and favourites."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _among(name: str) -> Complete:
    """Completion of a value among the words of that name, spelt so that they need no quotes."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        # Help must come at once, and shows none of this.
        from click.shell_completion import CompletionItem

        from civitai_dl.domain import entities

        del ctx, param
        words: tuple[str, ...] = getattr(entities, name)
        plain = (word.replace(" ", "-") for word in words)
        return [CompletionItem(w) for w in plain if w.lower().startswith(incomplete.lower())]

    return complete


_OPTIONS = (
    click.option(
        "--sort",
        shell_complete=_among("MODEL_SORTS"),
        metavar="ORDER",
        help="Of searches: as in Newest; tells which come first.",
    ),
    click.option(
        "--period",
        shell_complete=_among("PERIODS"),
        metavar="SPAN",
        help="Of searches: Year, Month, Week, Day.",
    ),
    click.option("--max-models", metavar="N", help="Of searches: only the first N models of each."),
)
