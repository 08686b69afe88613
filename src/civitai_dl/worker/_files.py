"""One model file: found, linked, or fetched and proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.decisions import (
    Plausible,
    Proven,
    Wrong,
    download_path,
    is_proven,
    verify_file,
)
from civitai_dl.domain.entities import (
    Deferred,
    Failed,
    Failure,
    FileRef,
    Outcome,
    Reason,
    SignedUrl,
    Stored,
    StoredFile,
    Task,
    Trouble,
    Unavailable,
)
from civitai_dl.errors import BadAnswer, KeyRefused, NotFound, SourceError, TransferError

from ._desk import WorkerDesk
from ._failures import refusal
from ._got import Got
from ._links import SharedLink
from ._owned import lost_meanwhile, take_owned
from ._pieces import Pieces
from ._publish import adopt_staged, forget, forget_begun, link_twin, publish
from ._tools import Flight
from ._transfer import Transfer

if TYPE_CHECKING:
    from civitai_dl.ports import Partial

    from ._tools import Tools

EXPIRY_MARGIN = 60.0
"""Seconds: a link with less left is not begun with."""


@dataclass(frozen=True, slots=True)
class FileLink:
    """The signed link of a file, asked for once and kept while it is valid, over all tries."""

    key: str
    ref: FileRef
    tools: Tools

    async def __call__(
        self,
        renew: bool,  # noqa: FBT001  # as it is called
        *,
        seen: SignedUrl | None = None,
    ) -> SignedUrl:
        """The link, a new one when asked or when the old one is about to end.

        seen: the link that the caller has found wanting; when there is a newer one by now, that is
        the answer. However many ask for a new link at once, the service is asked once, and what it
        said, be it a refusal, is told to all of them.
        """
        asking = self.tools.asking
        while True:
            link = self._usable(seen, renew=renew)
            if link is not None:
                return link
            flight = asking.get(self.key)
            if flight is None:
                return await self._ask()
            await flight.over.wait()
            if flight.error is not None:
                raise flight.error
            if flight.link is not None:
                return flight.link
            # Who asked was cancelled before there was an answer: then it is for us to ask.

    def _usable(self, seen: SignedUrl | None, *, renew: bool) -> SignedUrl | None:
        link = self.tools.signed.get(self.key)
        if link is None or (renew and (seen is None or seen is link)):
            return None
        # A link that is newer than the caller's is taken with any life left in it: where links are
        # short-lived, everybody would otherwise ask for one of their own.
        margin = EXPIRY_MARGIN if seen is None or seen is link else 0.0
        ends, now = link.expires_at, self.tools.clock.now()
        return link if ends is None or ends - now >= margin else None

    async def _ask(self) -> SignedUrl:
        flight = self.tools.asking[self.key] = Flight(anyio.Event())
        try:
            flight.link = self.tools.signed[self.key] = await self._resolve()
        except SourceError as error:
            flight.error = error
            raise
        finally:
            del self.tools.asking[self.key]
            flight.over.set()
        return flight.link

    async def _resolve(self) -> SignedUrl:
        """By file id; where that is not found, by the service's own link, which some files need."""
        path = download_path(self.ref.version_id, self.ref.file_id)
        try:
            return await self.tools.links.resolve(path)
        except NotFound as error:
            if error.gone or self.ref.listed_path is None:
                raise
            return await self.tools.links.resolve(self.ref.listed_path)


async def fetch_file(task: Task, ref: FileRef, tools: Tools) -> Outcome:
    """Do a FILE task to its end.

    Raises: KeyRefused, StorageError; all that is expected of one file comes back as a value.
    """
    mark = str(ref.file_id)
    published, staged = await adopt_staged(task, tools)
    if published is not None:
        return published
    found = await _already_there(task, ref, mark, tools)
    if found is not None:
        await forget_begun(task, tools)
        return found
    if tools.owned is not None and tools.owned.only is not None:
        return lost_meanwhile(ref)
    async with tools.storage.partial(task.key) as partial:
        link = FileLink(task.key, ref, tools)
        transfer = Transfer(
            task,
            tools,
            partial,
            link,
            name=ref.name,
            size_hint=ref.size_hint,
            crc=not ref.digests.sha256 and bool(ref.digests.crc32),
            pieces=_pieces(task, ref, partial, link, tools),
        )
        try:
            got = None if staged is None else await transfer.take_finished(staged)
            if got is None:
                got = await transfer.run()
        except SourceError as error:
            return await _refused(task, ref, error, tools)
        except TransferError as error:
            if isinstance(error, BadAnswer):
                await forget(task, partial, tools)
            return WorkerDesk(tools).judge_transfer(task, error, progress=transfer.grew)
        outcome = await _judge(task, ref, got, partial, tools)
        if isinstance(outcome, Stored) and transfer.checkpointed:
            await tools.catalog.hold(task.key, None)
        if not isinstance(outcome, Deferred) or outcome.mismatch:
            # Done with, or wrong: then the next try asks anew, and may be sent to another store.
            tools.signed.pop(task.key, None)
        return outcome


def _pieces(
    task: Task, ref: FileRef, partial: Partial, link: FileLink, tools: Tools
) -> Pieces | None:
    if tools.spare is None:
        return None
    proven = is_proven(ref.digests)
    shared = SharedLink(link, tools.clock)
    return Pieces(task, tools, tools.spare, partial, shared, proven, ref.name)


async def _already_there(task: Task, ref: FileRef, mark: str, tools: Tools) -> Stored | None:
    """The same bytes under the same name, elsewhere in the archive, or among the user's files."""
    expected = ref.digests.sha256
    if expected is None:
        return None
    here = (await tools.storage.sizes([ref.destination]))[0]
    if here is not None and ref.size_hint in (None, here):
        measured = await tools.storage.measure(ref.destination)
        if measured is not None and measured.sha256 == expected:
            return Stored(ref.destination, measured.sha256, measured.size, how="adopted")
    twins = await tools.catalog.find_sha256(expected)

    def path_of(_: StoredFile) -> str:
        return ref.destination

    linked = await link_twin(task, twins, path_of, mark, tools)
    if linked is None and tools.owned is not None:
        return await take_owned(task, ref, mark, tools.owned, tools)
    return linked


async def _refused(task: Task, ref: FileRef, error: SourceError, tools: Tools) -> Outcome:
    verdict = refusal(ref, error, now=tools.clock.now())
    if verdict is None:
        return WorkerDesk(tools).judge(task, error)
    wants_login = isinstance(verdict, Unavailable) and verdict.reason is Reason.LOGIN_REQUIRED
    # Asked to log in although a key was sent: it may have been revoked while we ran.
    if wants_login and tools.check_key is not None and not await tools.check_key():
        raise KeyRefused(
            "the API key is no longer accepted",
            status=401,
            hint="make a new key in the account settings of the site; nothing is lost",
        )
    return verdict


async def _judge(task: Task, ref: FileRef, got: Got, partial: Partial, tools: Tools) -> Outcome:
    verdict = verify_file(ref.name, ref.digests, ref.size_hint, got.measured)
    if isinstance(verdict, Wrong):
        return await _wrong(task, ref, got, verdict, partial, tools)
    assert isinstance(verdict, (Proven, Plausible))
    stored = Stored(
        ref.destination,
        got.measured.sha256,
        got.measured.size,
        verified=isinstance(verdict, Proven),
        note="" if isinstance(verdict, Proven) else "the service lists no digest",
        prefixes=got.measured.prefixes,
    )
    tools.digests.pop(task.key, None)
    return await publish(task, stored, partial, str(ref.file_id), tools)


async def _wrong(
    task: Task, ref: FileRef, got: Got, verdict: Wrong, partial: Partial, tools: Tools
) -> Outcome:
    """Wrong bytes: fetched again, up to three times in all, then set aside with the evidence."""
    trouble = Trouble.TRANSIENT if verdict.page else Trouble.CORRUPT
    outcome = WorkerDesk(tools).decide(task, Failure(trouble, verdict.why))
    if verdict.page or not isinstance(outcome, Failed):
        if isinstance(outcome, Deferred) and outcome.mismatch:
            tools.digests.setdefault(task.key, []).append(got.measured.sha256)
        await forget(task, partial, tools)
        return outcome
    tries = [*tools.digests.pop(task.key, []), got.measured.sha256]
    agree = len(tries) > 1 and len(set(tries)) == 1
    evidence = {
        "model_id": ref.model_id,
        "version_id": ref.version_id,
        "file_id": ref.file_id,
        "name": ref.name,
        "expected": {"sha256": ref.digests.sha256, "crc32": ref.digests.crc32},
        "expected_size": ref.size_hint,
        "measured_sha256": tries,
        "measured_size": got.measured.size,
        "why": verdict.why,
        "verdict": (
            "every download gave the same bytes: the service's digest is wrong or stale"
            if agree
            else "the downloads differ"
        ),
        "host": got.answer.host,
        "etag": got.answer.etag,
        "content_type": got.answer.content_type,
    }
    name = f"{ref.version_id}-{ref.file_id}-{ref.destination.rsplit('/', 1)[-1]}"
    where = await partial.quarantine(name, evidence)
    await tools.catalog.hold(task.key, None)
    hint = f"the bytes and the evidence are in {where}"
    why = "the service's digest seems wrong: every download gave the same bytes" if agree else ""
    detail = f"{verdict.why}; {why}" if why else verdict.why
    return Failed(Failure(Trouble.CORRUPT, detail, hint=hint), evidence=where, mismatch=True)
