"""Making a model's folder complete: its page, and the sidecars that other programs read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from civitai_dl.documents import gone_path
from civitai_dl.domain.decisions import is_as_written, made_of, model_folder
from civitai_dl.domain.entities import Dressed, DressRef, Model, ModelId, Outcome, Skipped

if TYPE_CHECKING:
    from ._tools import Dressing, Tools


async def dress(ref: DressRef, tools: Tools) -> Outcome:
    """Write a model's page and sidecars from what is on disk.

    With the sidecars it is noted what they were made of, so that a later run need not make them
    again to see that nothing has changed. Raises: StorageError.
    """
    place = json_path(ref.model_id)
    lost = gone_path(ref.model_id)
    raw, gone = await tools.storage.read_all([place, lost])
    if raw is None:
        return Skipped("the model's JSON is not there")
    stored = await tools.catalog.stored_under(ref.model_id)
    dressing = tools.dresser(raw, stored, sidecars=ref.sidecars, gone=gone)
    await tools.storage.save(dressing.documents)
    links = await _link(dressing, tools)
    answer = _answer_in(raw)
    if ref.sidecars and dressing.documents and answer is not None:
        written = [(place, raw), *dressing.documents]
        if gone is not None:
            written.append((lost, gone))
        dressed = Dressed(
            made_of(answer, stored, maker=tools.maker),
            tuple((path, sha256(data).hexdigest()) for path, data in written),
            tuple(links),
        )
        await tools.catalog.note_dressed(ref.model_id, dressed)
    return Skipped("written")


async def _link(dressing: Dressing, tools: Tools) -> list[str]:
    """Give the second names; those that are there now."""
    there = []
    for existing, path in dressing.links:
        try:
            await tools.storage.link(existing, path)
        except FileNotFoundError:
            continue
        except FileExistsError:
            # A second name that is there stays: it may be the user's own picture.
            pass
        there.append(path)
    return there


async def written_as_they_are(models: Sequence[Model], tools: Tools) -> set[ModelId]:
    """The models of which everything that would be written now lies there already.

    Where that cannot be told they are left out, and are written again.
    """
    found = await tools.catalog.dressed([model.id for model in models])
    answers = {model.id: _dumped(model.raw) for model in models if model.id in found}
    asked = []
    for number, (dressed, stored) in found.items():
        facts = made_of(answers[number], stored, maker=tools.maker)
        if dressed.made_of == facts:
            asked.append((number, dressed, facts))
    paths = [path for _, dressed, _ in asked for path, _ in dressed.documents]
    names = [path for _, dressed, _ in asked for path in dressed.links]
    seen = iter(await tools.storage.inspect(paths, read=True) if paths else [])
    sizes = iter(await tools.storage.sizes(names) if names else [])
    return {
        number
        for number, dressed, facts in asked
        if is_as_written(
            dressed,
            facts,
            [next(seen) for _ in dressed.documents],
            [next(sizes) for _ in dressed.links],
        )
    }


def json_path(model_id: ModelId) -> str:
    """Where the answer of the service about a model is kept."""
    return f"{model_folder(model_id)}/model.json"


def _answer_in(raw: bytes) -> bytes | None:
    """The answer that a model's JSON holds, None where somebody has edited it to something else."""
    try:
        return _dumped(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _dumped(answer: object) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:
        # Half a character, which UTF-8 cannot carry.
        return json.dumps(answer).encode()
