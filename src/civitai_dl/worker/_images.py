"""One image, video or sound: linked, or fetched and looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import (
    Plausible,
    Wrong,
    image_variants,
    verify_media,
)
from civitai_dl.domain.entities import (
    Deferred,
    Failed,
    Failure,
    ImageRef,
    Media,
    Outcome,
    Reason,
    SignedUrl,
    Stored,
    StoredFile,
    Task,
    Trouble,
    Unavailable,
    uuid_in,
)
from civitai_dl.errors import BadAnswer, ConnectionLost, LinkExpired, TransferError

from ._desk import WorkerDesk
from ._failures import as_failure
from ._got import Got
from ._publish import adopt_staged, forget, forget_begun, link_twin, publish
from ._transfer import Transfer

if TYPE_CHECKING:
    from civitai_dl.ports import Partial

    from ._tools import Tools

GONE = frozenset({404, 410})
"""What the CDN answers for an image that was removed or blocked."""

BELIEVED = 2
"""How often the CDN must say so before it is believed; other trouble in between does not count."""

REFUSED = 530
"""The status under which a refusal by the CDN counts: the edge's, which is about the lane when it
happens to many images, and about the image when it happens to one."""

NOT_THE_LANE = -1
"""Status for trouble with a host outside the service, which says nothing about the lane."""


@dataclass(frozen=True, slots=True)
class PlainLink:
    """An address that is the same however often it is asked for."""

    url: str

    async def __call__(
        self, renew: bool, *, seen: SignedUrl | None = None  # noqa: FBT001  # as it is called
    ) -> SignedUrl:
        """The address."""
        del renew, seen
        return SignedUrl(self.url)


async def fetch_image(task: Task, ref: ImageRef, tools: Tools) -> Outcome:
    """Do an IMAGE task to its end. Raises: StorageError."""
    mark = str(ref.image_id or "other")
    published, _ = await adopt_staged(task, tools)
    if published is not None:
        return published
    if task.source is not None:
        begun = task.begun
        twins = await tools.catalog.find_source(task.source) if begun is None else begun.twins

        def path_of(twin: StoredFile) -> str:
            return f"{ref.stem}.{twin.path.rsplit('.', 1)[-1]}"

        linked = await link_twin(task, twins, path_of, mark, tools)
        if linked is not None:
            await forget_begun(task, tools)
            return linked
    return await _try_variants(task, ref, mark, tools)


async def _try_variants(task: Task, ref: ImageRef, mark: str, tools: Tools) -> Outcome:
    """The original by each of its addresses; a still is taken for a video only when all fail."""
    variants = image_variants(ref.url, ref.media)
    outcome: Outcome | None = None
    for number, url in enumerate(variants):
        last = number == len(variants) - 1
        outcome = await _try_variant(task, ref, url, mark, tools, last=last)
        if outcome is not None:
            return outcome
        # What was known of it when it was claimed is no longer so.
        task = replace(task, begun=None)
    raise AssertionError("the last variant has a verdict")


async def _try_variant(
    task: Task, ref: ImageRef, url: str, mark: str, tools: Tools, *, last: bool
) -> Outcome | None:
    """The verdict on one address; None when the next one should be tried."""
    async with tools.storage.partial(task.key) as partial:
        transfer = Transfer(task, tools, partial, PlainLink(url), renewable=False)
        try:
            got = await transfer.run()
        except TransferError as error:
            if isinstance(error, BadAnswer):
                await forget(task, partial, tools)
            return _failed(task, ref, error, tools, progress=transfer.grew)
        outcome = await _judge(task, ref, got, partial, mark, tools, last=last)
        if isinstance(outcome, Stored) and transfer.checkpointed:
            await tools.catalog.hold(task.key, None)
        return outcome


def _failed(
    task: Task, ref: ImageRef, error: TransferError, tools: Tools, *, progress: bool
) -> Outcome:
    failure = as_failure(error)
    if isinstance(error, LinkExpired) and error.status in GONE:
        misses = tools.missed[task.key] = tools.missed.get(task.key, 0) + 1
        if misses < BELIEVED:
            failure = replace(failure, trouble=Trouble.NOT_FOUND)
            return WorkerDesk(tools).decide(task, failure)
        return Unavailable(Reason.GONE, f"the image was removed (HTTP {error.status})")
    if isinstance(error, LinkExpired):
        error = ConnectionLost(f"the image server refused (HTTP {error.status})", status=REFUSED)
        failure = as_failure(error)
    if uuid_in(ref.url) is not None:
        return WorkerDesk(tools).judge_transfer(task, error, progress=progress)
    if failure.status not in (429, 503):
        failure = replace(failure, status=NOT_THE_LANE)
    outcome = WorkerDesk(tools).decide(task, failure)
    if isinstance(outcome, Failed):
        return Unavailable(Reason.GONE, f"its own host does not give it: {failure.detail}")
    if isinstance(outcome, Deferred):
        # Another host that wants to be left alone is left alone by itself, not by the whole lane.
        return replace(outcome, pause=None)
    return outcome


async def _judge(
    task: Task, ref: ImageRef, got: Got, partial: Partial, mark: str, tools: Tools, *, last: bool
) -> Outcome | None:
    kind = got.answer.content_type
    verdict = verify_media(ref.media, got.measured, content_type=kind, promised=got.promised)
    note = ""
    if isinstance(verdict, Wrong) and ref.media is Media.VIDEO:
        still = verify_media(Media.IMAGE, got.measured, content_type=kind, promised=got.promised)
        if isinstance(still, Plausible) and still.kind == "image":
            if not last:
                await forget(task, partial, tools)
                return None
            verdict, note = still, "degraded: the service gives only a still of this video"
    if isinstance(verdict, Wrong):
        return await _wrong(task, ref, got, verdict, partial, tools)
    stored = Stored(
        f"{ref.stem}.{verdict.extension}",
        got.measured.sha256,
        got.measured.size,
        verified=True,
        note=note,
    )
    return await publish(task, stored, partial, mark, tools)


async def _wrong(
    task: Task, ref: ImageRef, got: Got, verdict: Wrong, partial: Partial, tools: Tools
) -> Outcome:
    trouble = Trouble.TRANSIENT if verdict.page else Trouble.CORRUPT
    outcome = WorkerDesk(tools).decide(task, Failure(trouble, verdict.why))
    if isinstance(outcome, Deferred) or verdict.page:
        await forget(task, partial, tools)
        return outcome
    evidence = {
        "image_id": ref.image_id,
        "address": str(SignedUrl(ref.url)),
        "why": verdict.why,
        "measured_sha256": got.measured.sha256,
        "measured_size": got.measured.size,
        "promised_size": got.promised,
        "content_type": got.answer.content_type,
        "host": got.answer.host,
    }
    where = await partial.quarantine(ref.stem.rsplit("/", 1)[-1], evidence)
    await tools.catalog.hold(task.key, None)
    hint = f"the bytes and the evidence are in {where}"
    return Failed(Failure(Trouble.CORRUPT, verdict.why, hint=hint), evidence=where, mismatch=True)
