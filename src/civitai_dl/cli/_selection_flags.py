"""The options that say what of everything is wanted: one decorator for every command that asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

_LIST = {"multiple": True, "metavar": "LIST"}

_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, object]], ...] = (
    (
        ("--only",),
        {"type": click.Choice(["models", "images"]), "help": "Only files, or only images."},
    ),
    (("--no-gallery",), {"is_flag": True, "help": "Do not ask the Image API; previews stay."}),
    (
        ("--gallery-limit",),
        {"type": click.IntRange(1), "help": "Newest N images per gallery."},
    ),
    (
        ("--nsfw/--no-nsfw",),
        {"default": None, "help": "Mature images too, or PG only.  [nsfw]"},
    ),
    (
        ("--browsing-level",),
        {"metavar": "LIST", "help": "Ratings, as in PG,PG-13,R.  [all]"},
    ),
    (
        ("--media",),
        {"type": click.Choice(["image", "video"]), "help": "Only images, or only videos."},
    ),
    (("--types",), {**_LIST, "help": "Types of models, as in LORA,Checkpoint."}),
    (("--base-models",), {**_LIST, "help": 'Base models, as in "SDXL 1.0,Pony".'}),
    (
        ("--versions",),
        {"metavar": "N|WORD", "help": "all, latest, latest-per-base-model, or N.  [all]"},
    ),
    (("--since",), {"metavar": "DAY", "help": "Versions published from 2026-01-31 on."}),
    (("--file-types",), {**_LIST, "help": "Types of files, as in Model,VAE."}),
    (("--formats",), {**_LIST, "help": "Formats of files, as in SafeTensor,GGUF."}),
    (("--fp",), {**_LIST, "help": "Precisions of files, as in fp16,bf16."}),
    (
        ("--size",),
        {"type": click.Choice(["full", "pruned"]), "help": "Only full, or only pruned files."},
    ),
    (("--max-file-size",), {"metavar": "BYTES", "help": "No larger files, as in 7G."}),
    (
        ("--exclude",),
        {"multiple": True, "metavar": "FILE", "help": "List of users, models, tags to leave out."},
    ),
    (
        ("--include-training-data/--no-training-data",),
        {"default": None, "help": "Training data too, or not.  [included]"},
    ),
    (
        ("--allow-unsafe",),
        {"is_flag": True, "help": "Also files held for unsafe: scan, or needless pickle."},
    ),
)

_NAMES = tuple(
    spellings[0].split("/")[0].removeprefix("--").replace("-", "_") for spellings, _ in _OPTIONS
)
_TWO_SIDED = tuple(
    name for name, (spellings, _) in zip(_NAMES, _OPTIONS, strict=True) if "/" in spellings[0]
)


def selection_flags(command: F) -> F:
    """Give a command the options of a selection, in the order in which they are told."""
    for spellings, facts in reversed(_OPTIONS):
        command = click.option(*spellings, **facts)(command)  # type: ignore[arg-type]  # keywords
    return command


def is_chosen(flags: Mapping[str, object]) -> bool:
    """Whether any of them was given on the command line."""
    return any(flags.get(name) not in (None, False, ()) for name in _NAMES) or any(
        flags.get(name) is False for name in _TWO_SIDED
    )
