"""The options that say what of everything is wanted: those of `download`, for other commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

CHOICES = ("only", "no_gallery", "gallery_limit", "nsfw", "browsing_level")
"""By the names of their parameters."""


def chosen(command: F) -> F:
    """Give a command these options, just as `download` has them."""
    from ._download import command as download

    options = {str(option.name): option for option in download.params}
    kept = getattr(command, "__click_params__", [])
    # click takes them from the last to the first.
    command.__click_params__ = [  # type: ignore[attr-defined]  # where click itself keeps them
        *kept,
        *(options[name] for name in reversed(CHOICES)),
    ]
    return command


def is_chosen(flags: Mapping[str, object]) -> bool:
    """Whether any of them was given on the command line."""
    return any(flags.get(name) not in (None, False, ()) for name in CHOICES) or (
        flags.get("nsfw") is False
    )
