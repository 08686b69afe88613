"""Keeping the words of a model that the service has changed; see docs/reference/layout.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import count
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import TEXTS, find_changes, model_folder
from civitai_dl.domain.entities import Change, Model, ModelId

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

    from ._tombs import Burial, Past

PAGE = "description.html"
ANSWER = "model.json"
GONE = "gone.json"


def changes_of(
    models: Iterable[Model], past: Mapping[ModelId, Past], burials: Mapping[ModelId, Burial]
) -> dict[ModelId, tuple[Change, ...]]:
    """What has changed of models that are about to be written again."""
    found = {}
    for model in models:
        stones = past[model.id].stones
        after = burials[model.id].after if model.id in burials else stones
        found[model.id] = find_changes(past[model.id].answer, model, stones, after)
    return found


async def keep_words(
    changes: Mapping[ModelId, Sequence[Change]], desk: Desk
) -> dict[ModelId, tuple[Change, ...]]:
    """Copy the page and the JSON of models whose words have changed, before these are replaced.

    The copies bear the day on which the change was seen, and a number from the second one of a day
    on. Returns the changes with the place of the copy. Safe to repeat: a copy that is there is not
    made again. Raises: StorageError.
    """
    kept = {}
    for model_id, found in changes.items():
        place = ""
        if any(change.kind in TEXTS for change in found):
            place = await _copy(model_folder(model_id), desk)
        kept[model_id] = tuple(
            replace(change, kept=place) if change.kind in TEXTS else change for change in found
        )
    return kept


async def _copy(folder: str, desk: Desk) -> str:
    there = await desk.read([f"{folder}/{name}" for name in (PAGE, ANSWER, GONE)])
    day = datetime.fromtimestamp(desk.clock.now(), timezone.utc).date().isoformat()
    for number in count(1):
        tail = day if number == 1 else f"{day}.{number}"
        names = {path: _dated(path, tail) for path in there}
        taken = await desk.read(list(names.values()))
        if all(taken.get(copy, data) == data for data, copy in _pairs(there, names)):
            new = [(copy, data) for data, copy in _pairs(there, names) if copy not in taken]
            if new:
                await desk.save(*new)
            return names.get(f"{folder}/{PAGE}") or names.get(f"{folder}/{ANSWER}", "")
    raise AssertionError("there are more numbers")


def _pairs(there: Mapping[str, bytes], names: Mapping[str, str]) -> list[tuple[bytes, str]]:
    return [(data, names[path]) for path, data in there.items()]


def _dated(path: str, tail: str) -> str:
    stem, _, ending = path.rpartition(".")
    return f"{stem}.{tail}.{ending}"
