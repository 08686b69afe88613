"""Making a model's folder complete: its page, and the sidecars that other programs read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import msgspec

from civitai_dl.documents import gone_path
from civitai_dl.domain.decisions import There, is_as_written, made_of, model_folder
from civitai_dl.domain.entities import Dressed, DressRef, Model, ModelId, Notice, Outcome, Skipped

if TYPE_CHECKING:
    from civitai_dl.documents import Merge
    from civitai_dl.domain.decisions import Seen
    from civitai_dl.ports import Catalog, Reporter, Storage

    from ._tools import Dresser, Dressing, Tools

LARGEST = 16 << 20
"""Bytes of a document of others that is read to be added to; no sidecar comes near."""


class Wardrobe(Protocol):
    """What is needed to dress a model; see Tools."""

    @property
    def storage(self) -> Storage:
        """The archive's files."""

    @property
    def catalog(self) -> Catalog:
        """What is stored, and what was written of models."""

    @property
    def reporter(self) -> Reporter:
        """Hears of documents that are left alone."""

    @property
    def dresser(self) -> Dresser:
        """Makes what is to be written."""

    @property
    def maker(self) -> str:
        """See Tools."""


@dataclass(frozen=True, slots=True)
class Wearing:
    """What a model has now. sidecars: documents beside its files, and second names of previews.

    left: documents of others that nothing could be added to. told: its JSON could be read.
    """

    sidecars: int
    left: int
    told: bool


async def dress(ref: DressRef, tools: Wardrobe) -> Outcome:
    """Write a model's page and sidecars from what is on disk. Raises: StorageError."""
    worn = await dress_model(ref, tools)
    return Skipped("the model's JSON is not there" if worn is None else "written")


async def dress_model(ref: DressRef, tools: Wardrobe) -> Wearing | None:
    """Write a model's page and sidecars; None where its JSON is not there.

    With the sidecars it is noted what they were made of, so that a later run need not make them
    again to see that nothing has changed. Raises: StorageError. Safe to repeat.
    """
    place = json_path(ref.model_id)
    lost = gone_path(ref.model_id)
    raw, gone = await tools.storage.read_all([place, lost])
    if raw is None:
        return None
    stored = await tools.catalog.stored_under(ref.model_id)
    dressing = tools.dresser(raw, stored, sidecars=ref.sidecars, gone=gone)
    merged = await _merge(dressing.merges, tools)
    await tools.storage.save([*dressing.documents, *merged.changed])
    links = await _link(dressing, tools)
    answer = _answer_in(raw)
    if ref.sidecars and dressing.documents and answer is not None:
        written = [(place, raw), *dressing.documents, *merged.changed, *merged.kept]
        if gone is not None:
            written.append((lost, gone))
        dressed = Dressed(
            made_of(answer, stored, maker=tools.maker),
            tuple((path, sha256(data).hexdigest()) for path, data in written),
            tuple(links),
        )
        await tools.catalog.note_dressed(ref.model_id, dressed)
    beside = len(dressing.documents) - 1 + len(dressing.merges) - merged.left + len(links)
    return Wearing(max(0, beside), merged.left, bool(dressing.documents))


@dataclass(slots=True)
class _Merged:
    """changed: to be written. kept: as they are, read. left: how many are not for us."""

    changed: list[tuple[str, bytes]]
    kept: list[tuple[str, bytes]]
    left: int = 0


async def _merge(merges: Sequence[Merge], tools: Wardrobe) -> _Merged:
    """Put our part into documents of others.

    What is not ours to change is told of and left as it is. It is noted with its digest, as all
    that is written, so that it is looked at again when somebody has put it right.
    """
    merged = _Merged([], [])
    if not merges:
        return merged
    seen = await tools.storage.inspect([merge.path for merge in merges], read=False)
    files = await tools.storage.inspect([merge.beside for merge in merges], read=False)
    for merge, there, beside in zip(merges, seen, files, strict=True):
        existing = await _existing(merge, there, tools)
        is_ours = existing is not None or there.there is There.NOTHING
        # Of a file that is gone nothing is told; it is fetched again, and this written anew.
        result = merge.into(existing, beside.modified) if is_ours else None
        if result is None:
            merged.left += 1
            text = f"{merge.path} is no JSON object that can be added to: it is left as it is"
            tools.reporter.emit(Notice("warning", text))
            if existing is not None:
                merged.kept.append((merge.path, existing))
        elif result == existing:
            merged.kept.append((merge.path, result))
        else:
            merged.changed.append((merge.path, result))
    return merged


async def _existing(merge: Merge, seen: Seen, tools: Wardrobe) -> bytes | None:
    """What is there, as far as it is a file of a size that such documents have."""
    if seen.there is not There.FILE or seen.size > LARGEST:
        return None
    return await tools.storage.read(merge.path)


async def _link(dressing: Dressing, tools: Wardrobe) -> list[str]:
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
