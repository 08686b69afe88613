"""Copies of stored images with their prompts inside; the originals stay as they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from civitai_dl.adapters.catalog import Database, Holdings, ListedImage
from civitai_dl.adapters.storage import STATE
from civitai_dl.documents import parse_object
from civitai_dl.domain.decisions import Seen, There
from civitai_dl.domain.entities import Notice
from civitai_dl.errors import StorageError

if TYPE_CHECKING:
    from civitai_dl.archive import Left, Prompt
    from civitai_dl.ports import Reporter, Storage

FOLDER = "with_prompts"
"""Where copies lie, each under the path of its original."""

MARK = f"{STATE}/with_prompts.json"
"""Up to when images were looked at; without it, all of them are."""

OVERLAP = 86_400.0
"""Seconds before that time that are looked at again: clocks are set back."""

EDITION = 1
"""Raised by whoever changes what is embedded, so that all images are looked at again."""

LARGEST = 64 << 20
"""Bytes of an image that is read into memory."""

AT_ONCE = 200
"""Images that are asked of the catalog in one go."""

BATCH_BYTES, BATCH = 16 << 20, 32
"""Copies that are written together: disks make many durable for the price of one."""

EXTENSIONS = ("png", "jpg", "jpeg", "webp")


@dataclass(slots=True)
class EmbedReport:
    """What was done, kept up to date as it goes.

    there: copies that were there already. left: how many images have none, by why. broken: places
    of some that are not whole.
    """

    copies: int = 0
    there: int = 0
    left: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass(slots=True)
class Embedding:
    """One pass over stored images."""

    storage: Storage
    database: Database
    stop: anyio.Event
    report: EmbedReport = field(default_factory=EmbedReport)
    waiting: list[tuple[str, bytes]] = field(default_factory=list)

    async def go(self, *, everything: bool) -> EmbedReport:
        """Make the copies that are missing; those of images that have changed are made anew.

        everything: look at all images, else at those that were stored since the last whole pass.
        Safe to repeat and to interrupt. Raises: StorageError, CatalogError.
        """
        since = 0.0 if everything else await self._since()
        holdings, row, newest = Holdings(self.database), 0, since
        while batch := await holdings.listed(row, since, AT_ONCE):
            for listed in await self._without_copy(batch):
                if self.stop.is_set():
                    self.report.interrupted = True
                    return self.report
                await self._embed(listed)
            await self._write()
            row, newest = batch[-1].row, max(newest, *(one.stored_at for one in batch))
        await self.storage.save([(MARK, json.dumps([EDITION, newest]).encode())])
        return self.report

    async def _since(self) -> float:
        try:
            edition, until = json.loads(await self.storage.read(MARK) or b"")
            return max(0.0, float(until) - OVERLAP) if edition == EDITION else 0.0
        except (ValueError, TypeError):
            return 0.0

    async def _without_copy(self, batch: Sequence[ListedImage]) -> list[ListedImage]:
        mine = [one for one in batch if one.path.rsplit(".", 1)[-1] in EXTENSIONS]
        originals = await self.storage.inspect([one.path for one in mine], read=False)
        copies = await self.storage.inspect([copy_of(one.path) for one in mine], read=False)
        wanted = []
        for listed, original, copy in zip(mine, originals, copies, strict=True):
            if is_due(original, copy):
                wanted.append(listed)
            else:
                self.report.there += copy.there is There.FILE
        return wanted

    async def _embed(self, listed: ListedImage) -> None:
        from civitai_dl.archive import Left, embed

        prompt = await self._prompt(listed)
        data = await self.storage.read(listed.path) if prompt is not None else None
        if prompt is None or data is None:
            return
        result = await anyio.to_thread.run_sync(partial(embed, data, prompt))
        if isinstance(result, Left):
            self._leave(listed, result)
            return
        self.waiting.append((copy_of(listed.path), result))
        if len(self.waiting) >= BATCH or sum(len(copy) for _, copy in self.waiting) > BATCH_BYTES:
            await self._write()

    async def _prompt(self, listed: ListedImage) -> Prompt | None:
        from civitai_dl.archive import read_prompt

        return read_prompt(parse_object(await self.storage.read(listed.document)))

    def _leave(self, listed: ListedImage, why: Left) -> None:
        from civitai_dl.archive import Left

        self.report.left[why.name] += 1
        if why is Left.BROKEN and len(self.report.broken) < 3:
            self.report.broken.append(listed.path)

    async def _write(self) -> None:
        await self.storage.save(self.waiting)
        self.report.copies += len(self.waiting)
        self.waiting = []


def copy_of(path: str) -> str:
    """The place of an image's copy with its prompt."""
    return f"{FOLDER}/{path}"


def is_due(original: Seen, copy: Seen) -> bool:
    """Whether a copy is to be made: there is an original, and no copy, or one of an older original.

    Something in its place that is no file is left there.
    """
    if original.there is not There.FILE or original.size > LARGEST:
        return False
    if copy.there is There.FILE:
        return copy.modified < original.modified
    return copy.there is There.NOTHING


async def embed_new(
    storage: Storage, database: Database, reporter: Reporter, stop: anyio.Event
) -> None:
    """At the end of a run that asks for it: make the copies that are missing, and tell of them.

    Trouble with the disk is told of, and the next run goes on where this one was.
    """
    embedding = Embedding(storage, database, stop)
    try:
        await embedding.go(everything=False)
    except StorageError as error:
        reporter.emit(Notice("warning", f"not all prompts could be embedded: {error.message}"))
    for level, text in told(embedding.report):
        reporter.emit(Notice(level, text))


def told(report: EmbedReport) -> list[tuple[str, str]]:
    """What a person should hear of: level and text."""
    said = []
    if report.copies:
        said.append(("info", f"copies with prompts in {FOLDER}/: {report.copies:,} new"))
    if report.broken:
        first, count = report.broken[0], report.left["BROKEN"]
        said.append(("warning", f"images that are not whole, left as they are: {count}, {first}"))
    if report.left["TOO_LONG"]:
        said.append(("warning", f"prompts too long for a JPEG: {report.left['TOO_LONG']:,}"))
    return said
