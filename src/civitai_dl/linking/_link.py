"""`link` and `unlink`: an archive's files in an application's folders, and out of them again.

The archive is only read, so that a run may be at work in it. What was placed is known from a record
in the application's own folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio.to_thread

from civitai_dl.adapters.catalog import STATE_FILE, Database, ShelfFile, read_shelf
from civitai_dl.adapters.storage import STATE, LinkRecord, names_in
from civitai_dl.domain.decisions import (
    Layout,
    Record,
    RootVerdict,
    Way,
    judge_root,
    models_folder,
)
from civitai_dl.errors import UsageError

from ._place import Done, Placer, Remover
from ._plan import Conflict, Plan, Planner, What, is_elsewhere
from ._wanted import Choice, Unplaced, Wanted, find_wanted


class Stopped(Exception):
    """The work was stopped between two slices."""


@dataclass(slots=True)
class Progress:
    """How far it is, for whoever looks from another thread. bytes: read or copied."""

    files: int = 0
    of: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """What is to be placed where, and how.

    layout: None for that of an earlier command. folders: by type, instead of the application's own.
    mode: None for hard links, else reflinks. force: also into what does not look like it.
    """

    root: Path
    layout: Layout | None = None
    mode: Way | None = None
    folders: Mapping[str, str] = field(default_factory=dict)
    choice: Choice = Choice()
    prune: bool = False
    force: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class LinkReport:
    """What was done, or would be. there: placed earlier. same: somebody's own with these bytes.

    kept: previews and sidecars of somebody's own, or edited. stale: placed earlier and not wanted
    by this command; pruned: of these, what was removed. elsewhere: bytes of weights for which a
    dry run found that they are on another file system.
    """

    layout: Layout
    root: Path
    dry_run: bool
    mode: Way | None = None
    done: list[Done] = field(default_factory=list)
    there: int = 0
    same: int = 0
    kept: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    unplaced: list[Unplaced] = field(default_factory=list)
    stale: int = 0
    pruned: list[Record] = field(default_factory=list)
    elsewhere: int = 0
    overrides: bool = False
    unread: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        if self.interrupted:
            return 130
        return 1 if self.conflicts else 0


@dataclass(slots=True)
class UnlinkReport:
    """What was removed, or would be, and what was kept because it is not what was placed."""

    root: Path
    dry_run: bool
    removed: list[Record] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unread: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        return 130 if self.interrupted else 0


async def link(
    archive: Path, order: LinkOrder, *, progress: Progress, stop: Callable[[], bool]
) -> LinkReport:
    """Place an archive's files in an application's folders.

    stop: asked between slices; what was placed by then stays, and is known. Raises: UsageError,
    Busy while another command works in these folders, StorageError, CatalogError. Safe to repeat:
    a second time changes nothing.
    """
    archive = await anyio.to_thread.run_sync(_archive_of, archive)
    shelf = await _read_all(archive)
    work = partial(_link, archive, shelf, order, progress, stop)
    return await anyio.to_thread.run_sync(work)


def _archive_of(given: Path) -> Path:
    if not (given / STATE / STATE_FILE).is_file():
        raise UsageError(f"there is no archive here: {given}")
    return given.resolve()


async def _read_all(archive: Path) -> list[ShelfFile]:
    database = Database(archive / STATE / STATE_FILE, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        return [file async for batch in read_shelf(database) for file in batch]
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


def _hear(progress: Progress, stop: Callable[[], bool]) -> Callable[[int], None]:
    def hear(count: int) -> None:
        progress.bytes += count
        if stop():
            raise Stopped

    return hear


def _link(
    archive: Path,
    shelf: list[ShelfFile],
    order: LinkOrder,
    progress: Progress,
    stop: Callable[[], bool],
) -> LinkReport:
    root = _root_of(order.root)
    _check_apart(root, archive)
    record = LinkRecord(root)
    record.read()
    layout = _layout_of(order, record)
    _check_root(root, layout, force=order.force)
    report = LinkReport(layout, root, order.dry_run, order.mode)
    report.overrides = layout is Layout.COMFYUI and (root / "extra_model_paths.yaml").exists()
    wanted = find_wanted(archive, shelf, layout, order.folders, order.choice)
    report.unplaced = wanted.unplaced
    is_idle = order.dry_run or not (wanted.groups or record.exists)
    try:
        with nullcontext() if is_idle else record.lock():
            if not is_idle:
                # Nobody else has it now; what was read before may be of a moment ago.
                record = LinkRecord(root)
                record.read()
            report.unread = record.unread
            hear = _hear(progress, stop)
            try:
                _work(_Work(archive, order, record, report, progress, hear), wanted)
            except Stopped:
                report.interrupted = True
    finally:
        if not is_idle and not record.records and not record.folders:
            record.leave()
    return report


@dataclass(frozen=True, slots=True)
class _Work:
    archive: Path
    order: LinkOrder
    record: LinkRecord
    report: LinkReport
    progress: Progress
    hear: Callable[[int], None]


def _work(work: _Work, wanted: Wanted) -> None:
    report, order, record = work.report, work.order, work.record
    planner = Planner(report.root, work.archive, record, order.prune, work.hear)
    plan = planner.plan(wanted.groups)
    _count(plan, report)
    if order.dry_run or not (wanted.groups or record.exists):
        _foretell(plan, order, report, planner)
        return
    record.note_layout(report.layout.value)
    for path, facts, digest in planner.learned:
        record.note_theirs(path, facts, digest)
    if order.prune:
        remover = Remover(report.root, record, work.hear)
        try:
            remover.remove(plan.stale)
        finally:
            report.pruned = remover.removed
    steps = plan.of(What.PLACE, What.RENEW)
    work.progress.of = len(steps)

    def count() -> None:
        work.progress.files += 1

    placer = Placer(report.root, work.archive, record, order.mode, work.hear, count)
    try:
        placer.run(steps)
    finally:
        report.done = placer.done
        report.conflicts += placer.conflicts
        _tidy(work)


def _tidy(work: _Work) -> None:
    """Where nothing is placed, leave nothing of ours: neither folders nor a record."""
    if work.record.records:
        work.record.tidy()
        return
    Remover(work.report.root, work.record, work.hear).remove_folders()
    work.record.forget()


def _count(plan: Plan, report: LinkReport) -> None:
    report.there = len(plan.of(What.THERE))
    report.same = len(plan.of(What.SAME))
    report.kept = len(plan.of(What.KEPT))
    report.conflicts = list(plan.conflicts)
    report.stale = len(plan.stale)


def _foretell(plan: Plan, order: LinkOrder, report: LinkReport, planner: Planner) -> None:
    """What would be done, as far as that can be known without trying."""
    for step in plan.of(What.PLACE, What.RENEW):
        beside = step.member.beside
        way = Way.COPY if beside else order.mode or Way.HARDLINK
        replaced = step.what is What.RENEW
        size = step.origin.size
        report.done.append(Done(step.path, step.member.source, way, size, beside, replaced))
        if way is Way.HARDLINK and is_elsewhere(step):
            report.elsewhere += size
    if order.prune:
        remover = Remover(report.root, planner.record, planner.hear, dry=True)
        remover.remove(plan.stale)
        report.pruned = remover.removed


async def unlink(
    root: Path, *, dry_run: bool, progress: Progress, stop: Callable[[], bool]
) -> UnlinkReport:
    """Remove from an application's folders what `link` placed there, and still is as it was.

    Raises: UsageError when nothing was ever placed there; Busy; StorageError. Safe to repeat.
    """
    work = partial(_unlink, root, progress, stop, dry_run=dry_run)
    return await anyio.to_thread.run_sync(work)


def _unlink(
    given: Path, progress: Progress, stop: Callable[[], bool], *, dry_run: bool
) -> UnlinkReport:
    root = _root_of(given)
    record = LinkRecord(root)
    if not record.exists:
        raise UsageError(
            f"nothing was placed here: {root}",
            hint="give the folder of the application, as it was given to `civitai-dl link`",
        )
    report = UnlinkReport(root, dry_run)
    with nullcontext() if dry_run else record.lock():
        record.read()
        report.unread = record.unread
        progress.of = len(record.records)
        remover = Remover(root, record, _hear(progress, stop), dry=dry_run)
        try:
            remover.remove(record.records.values())
            if not dry_run:
                remover.remove_folders()
                record.forget()
        except Stopped:
            report.interrupted = True
    report.removed, report.kept = remover.removed, remover.kept
    report.folders = remover.folders
    if not dry_run and not report.interrupted:
        record.leave()
    return report


def _root_of(given: Path) -> Path:
    root = given.expanduser().resolve()
    if not root.is_dir():
        raise UsageError(f"this is no directory: {given}")
    return root


def _check_apart(root: Path, archive: Path) -> None:
    if root == archive or root in archive.parents or archive in root.parents:
        raise UsageError(
            f"the archive and the application must lie apart: {archive}, {root}",
            hint="an application that looks through the archive finds every file twice",
        )


def _layout_of(order: LinkOrder, record: LinkRecord) -> Layout:
    known = Layout(record.layout) if record.layout in set(Layout) else None
    if order.layout is None and known is None:
        raise UsageError(
            "the application is not known: --layout is missing",
            hint=f"--layout {'|'.join(layout.value for layout in Layout)}",
        )
    if known and order.layout and order.layout is not known and record.records:
        raise UsageError(
            f"files are placed here for {known.value}, not for {order.layout.value}",
            hint=f"civitai-dl unlink {os.fspath(order.root)} takes them back first",
        )
    layout = order.layout or known
    assert layout is not None
    return layout


def _check_root(root: Path, layout: Layout, *, force: bool) -> None:
    verdict = judge_root(layout, names_in(root))
    if force or verdict is RootVerdict.FITS:
        return
    top = models_folder(layout)
    hint = f"give the folder that has {top}/ in it, or --force"
    if verdict is RootVerdict.IS_WITHIN:
        hint = f"these look like the models themselves: give {root.parent}, or --force"
    raise UsageError(
        f"this does not look like the folder of {layout.value}: there is no {top}/ in {root}",
        hint=hint,
    )
