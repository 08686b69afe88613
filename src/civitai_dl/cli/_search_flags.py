"""The options that are about lists of models: which of them, and how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

SEARCH_FLAGS = ("sort", "period", "max_models")


def search_options(command: F) -> F:
    """Give a command the options of searches, tags and favourites."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--sort", metavar="ORDER", help="Of searches: as in Newest; tells which come first."
    ),
    click.option("--period", metavar="SPAN", help="Of searches: Year, Month, Week, Day."),
    click.option("--max-models", metavar="N", help="Of searches: only the first N models of each."),
)
