"""A model as an archive has it: with what the service shows of it no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from civitai_dl.documents import parse_object, read_gone
from civitai_dl.domain.decisions import still_missing, whole_answer
from civitai_dl.domain.entities import Model, ModelId, Tombstones
from civitai_dl.errors import CivitaiDLError

from ._shapes import read_model

if TYPE_CHECKING:
    from civitai_dl.ports import Json


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model with all its versions and files; missing: those that the service shows no more."""

    model: Model
    missing: Tombstones


def read_kept(answer: bytes | None, gone: bytes | None) -> KeptModel | None:
    """A model from its model.json and gone.json; None where the first cannot be read.

    People edit these files, so that anything may be in them.
    """
    raw = parse_object(answer)
    stones = read_gone(gone)
    whole = raw if stones is None else whole_answer(raw, stones)
    try:
        model = read_model(cast("dict[str, Json]", whole))
    except CivitaiDLError:
        return None
    if stones is None:
        return KeptModel(model, Tombstones(ModelId(model.id)))
    return KeptModel(model, still_missing(stones, raw))
