"""From the words of a selection, on the command line or in the file, to a Selection."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypedDict

from civitai_dl.config import STDIN, read_levels, read_lines, read_size
from civitai_dl.domain.entities import (
    ALL_LEVELS,
    CreatorTarget,
    Media,
    ModelTarget,
    Part,
    Rating,
    Selection,
)
from civitai_dl.errors import ConfigError, TargetError
from civitai_dl.sources import parse_target

if TYPE_CHECKING:

    from civitai_dl.config import Layers

_TAG = re.compile(r"tag:(?P<name>.+)", re.IGNORECASE)
_VERSIONS = {
    "all": (None, False),
    "latest": (1, False),
    "latest-per-base-model": (1, True),
}


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection, and sentences about what was doubtful in its words."""

    selection: Selection
    warnings: tuple[str, ...]


def read_selection(layers: Layers) -> Selected:
    """What of everything is wanted. Raises: ConfigError for what cannot be read."""
    only = layers.text("only")
    if only not in (None, "models", "images"):
        raise ConfigError(f"only must be models or images, not {only!r}")
    versions, per_base_model = _versions(layers.text("versions"))
    warnings: list[str] = []
    excluded = _read_exclusions(layers)
    selection = Selection(
        files=only != "images",
        images=only != "models",
        gallery=not layers.on("no_gallery"),
        gallery_limit=layers.whole("gallery_limit"),
        levels=_levels(layers),
        media=_media(layers.text("media")),
        types=_words(layers, "types", warnings),
        base_models=_words(layers, "base_models", warnings),
        versions=versions,
        per_base_model=per_base_model,
        since=_day(layers.text("since")),
        file_types=_words(layers, "file_types", warnings),
        formats=_words(layers, "formats", warnings),
        precisions=_words(layers, "fp", warnings),
        size=_size(layers.text("size")),
        max_file_size=_most(layers.text("max_file_size")),
        include_training_data=layers.on("include_training_data"),
        allow_unsafe=layers.on("allow_unsafe"),
        **excluded,
    )
    return Selected(selection, tuple(warnings))


def _words(layers: Layers, name: str, warnings: list[str]) -> tuple[str, ...]:
    """The words of one option; a warning for each that nobody knows here."""
    values = _many(layers, name)
    if not values:
        return ()
    # Runs that choose nothing do without the words.
    from civitai_dl.config import KNOWN_WORDS, read_words

    option = name.replace("_", "-")
    found = read_words(option, values, KNOWN_WORDS.get(name, ()))
    warnings += [
        f"{option}: {word!r} is no word that is known here; it is asked for as it is"
        for word in found.strange
    ]
    return found.words


def _many(layers: Layers, name: str) -> list[object]:
    """The values of an option that may be repeated, of a list in the file, or a single one."""
    value = layers.raw(name)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _levels(layers: Layers) -> int:
    levels = read_levels(str(layers.raw("browsing_level")))
    if not layers.on("nsfw"):
        levels &= Rating.PG.value
    if not levels & ALL_LEVELS:
        raise ConfigError("no browsing level is left: --no-nsfw leaves PG only")
    return levels


def _versions(text: str | None) -> tuple[int | None, bool]:
    word = (text or "all").strip().lower()
    if word in _VERSIONS:
        return _VERSIONS[word]
    if not re.fullmatch(r"[0-9]{1,6}", word) or int(word) == 0:
        names = ", ".join(_VERSIONS)
        raise ConfigError(f"versions must be {names}, or a number from 1, not {text!r}")
    return int(word), False


def _media(text: str | None) -> Media | None:
    if text is None:
        return None
    if text not in ("image", "video"):
        raise ConfigError(f"media must be image or video, not {text!r}")
    return Media(text)


def _size(text: str | None) -> str | None:
    if text not in (None, "full", "pruned"):
        raise ConfigError(f"size must be full or pruned, not {text!r}")
    return text


def _most(text: str | None) -> int | None:
    if text is None:
        return None
    size = read_size(text)
    if size <= 0:
        raise ConfigError("max-file-size must be more than 0", hint="for example 500M, 7G")
    return size


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            f"this is no day: {text!r}", hint="write since as year-month-day: 2026-01-31"
        ) from None


class _Excluded(TypedDict):
    exclude_users: tuple[str, ...]
    exclude_models: tuple[int, ...]
    exclude_tags: tuple[str, ...]


def _read_exclusions(layers: Layers) -> _Excluded:
    users: list[str] = []
    models: list[int] = []
    tags: list[str] = []
    bad: list[str] = []
    names = [str(name) for name in _many(layers, "exclude")]
    for name in names:
        for number, line in read_lines(name, sys.stdin.buffer.read):
            try:
                _sort(line, users, models, tags)
            except TargetError as error:
                bad.append(f"{STDIN if name == '-' else name}:{number}: {error.message}")
    if bad:
        # Not even with --skip-bad-lines: what is meant to stay out would come in.
        raise ConfigError(
            "\n".join(bad),
            hint="a line of --exclude is user:NAME, model:NUMBER, tag:NAME or a link to one",
        )
    return _Excluded(
        exclude_users=tuple(users), exclude_models=tuple(models), exclude_tags=tuple(tags)
    )


def _sort(line: str, users: list[str], models: list[int], tags: list[str]) -> None:
    """Read one line of a list of exclusions. Raises: TargetError for what cannot be excluded."""
    tag = _TAG.fullmatch(line)
    if tag is not None and tag["name"].strip():
        tags.append(tag["name"].strip())
        return
    target = parse_target(line)
    if isinstance(target, CreatorTarget) and target.part is Part.ALL:
        users.append(str(target.username))
    elif isinstance(target, ModelTarget) and target.version_id is None:
        models.append(int(target.model_id))
    else:
        raise TargetError(f"only a user, a model or a tag can be excluded: {line[:200]}")
