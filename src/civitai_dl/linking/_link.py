"""`link`: an archive's files in an application's folders.

The archive is only read, so that a run may be at work in it. What was placed is known from a record
in the application's own folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio.to_thread

from civitai_dl.adapters.catalog import STATE_FILE, Database, HeldFile, Holdings
from civitai_dl.adapters.storage import STATE, Application, LinkRecord, System, names_in
from civitai_dl.domain.placing import (
    Facts,
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
from ._wanted import Choice, Group, Unplaced, find_wanted
from ._watch import Progress, Stopped, hear_of, root_of


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


async def link(
    archive: Path,
    order: LinkOrder,
    *,
    progress: Progress,
    stop: Callable[[], bool],
    system: System | None = None,
) -> LinkReport:
    """Place an archive's files in an application's folders.

    stop: asked between slices; what was placed by then stays, and is known. system: what does the
    work on the disk. Raises: UsageError,
    Busy while another command works in these folders, StorageError, CatalogError. Safe to repeat:
    a second time changes nothing.
    """
    archive = await anyio.to_thread.run_sync(_archive_of, archive)
    shelf = await _read_all(archive)
    work = partial(_link, archive, shelf, order, progress, stop, system or System())
    return await anyio.to_thread.run_sync(work)


def _archive_of(given: Path) -> Path:
    if not (given / STATE / STATE_FILE).is_file():
        raise UsageError(f"there is no archive here: {given}")
    return given.resolve()


async def _read_all(archive: Path) -> list[HeldFile]:
    database = Database(archive / STATE / STATE_FILE, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        return [file async for batch in Holdings(database).model_files() for file in batch]
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


def _link(
    archive: Path,
    shelf: list[HeldFile],
    order: LinkOrder,
    progress: Progress,
    stop: Callable[[], bool],
    system: System,
) -> LinkReport:
    root = root_of(order.root)
    _check_apart(root, archive)
    _check_texts([str(archive), *order.folders.values()])
    record = LinkRecord(root, system)
    record.read()
    layout = _layout_of(order, record)
    _check_root(root, layout, force=order.force)
    report = LinkReport(layout, root, order.dry_run, order.mode)
    report.overrides = layout is Layout.COMFYUI and (root / "extra_model_paths.yaml").exists()
    wanted = find_wanted(archive, shelf, layout, order.folders, order.choice)
    report.unplaced = wanted.unplaced
    work = _Work(archive, order, record, report, progress, hear_of(progress, stop), wanted.groups)
    try:
        plan = work.plan()
        if order.dry_run:
            work.foretell(plan)
        elif not work.is_idle(plan):
            work.carry_out(plan)
    except Stopped:
        report.interrupted = True
    return report


@dataclass(slots=True)
class _Work:
    archive: Path
    order: LinkOrder
    record: LinkRecord
    report: LinkReport
    progress: Progress
    hear: Callable[[int], None]
    groups: Sequence[Group]
    learned: dict[str, tuple[Facts, str]] = field(default_factory=dict)
    known_again: dict[str, Record] = field(default_factory=dict)

    def plan(self) -> Plan:
        """Look at everything, and count what was found."""
        planner = Planner(self.report.root, self.archive, self.record, self.order.prune, self.hear)
        plan = planner.plan(self.groups)
        self.learned.update(planner.learned)
        self.known_again.update(planner.known_again)
        _count(plan, self.report)
        self.report.unread = self.record.unread
        return plan

    def is_idle(self, plan: Plan) -> bool:
        """Whether there is nothing to do, so that not even a lock is taken."""
        if plan.of(What.PLACE, What.RENEW) or self.learned or self.known_again:
            return False
        return not (self.order.prune and plan.stale)

    def foretell(self, plan: Plan) -> None:
        """Report what would be done, as far as that can be known without trying."""
        order, report = self.order, self.report
        for step in plan.of(What.PLACE, What.RENEW):
            beside, size = step.member.beside, step.origin.size
            way = Way.COPY if beside else order.mode or Way.HARDLINK
            replaced = step.what is What.RENEW
            report.done.append(Done(step.path, step.member.source, way, size, beside, replaced))
            if way is Way.HARDLINK and is_elsewhere(step):
                report.elsewhere += size
        if order.prune:
            remover = self._remover(dry=True)
            remover.remove(plan.stale)
            report.pruned = remover.removed

    def carry_out(self, plan: Plan) -> None:
        """Do it, alone in these folders."""
        try:
            with self.record.lock():
                latest = LinkRecord(self.report.root, self.record.system)
                latest.read()
                is_changed = latest.digest != self.record.digest
                self.record = latest
                for path, learned in self.learned.items():
                    latest.note_theirs(path, *learned)
                latest.note(self.known_again.values())
                # Somebody else was at work here between the look and the lock.
                self._carry_out(self.plan() if is_changed else plan)
        finally:
            if self.record.is_empty:
                self.record.leave()

    def _carry_out(self, plan: Plan) -> None:
        report, order, record = self.report, self.order, self.record
        record.note_layout(report.layout.value)
        if order.prune:
            remover = self._remover()
            try:
                remover.remove(plan.stale)
            finally:
                report.pruned = remover.removed
        steps = plan.of(What.PLACE, What.RENEW)
        self.progress.of = len(steps)
        placer = Placer(
            report.root,
            self.archive,
            record,
            order.mode,
            self.hear,
            self._count_one,
            Application(record.system),
        )
        try:
            placer.run(steps)
        finally:
            report.done = placer.done
            report.conflicts += placer.conflicts
            if not record.records:
                # Folders that were made for files that then could not be placed.
                self._remover().remove_folders()
            if record.is_empty:
                record.forget()
            else:
                record.tidy()

    def _remover(self, *, dry: bool = False) -> Remover:
        application = Application(self.record.system)
        return Remover(self.report.root, self.record, self.hear, application, dry=dry)

    def _count_one(self) -> None:
        self.progress.files += 1


def _count(plan: Plan, report: LinkReport) -> None:
    report.there = len(plan.of(What.THERE))
    report.same = len(plan.of(What.SAME))
    report.kept = len(plan.of(What.KEPT))
    report.conflicts = list(plan.conflicts)
    report.stale = len(plan.stale)


def _check_apart(root: Path, archive: Path) -> None:
    if root == archive or root in archive.parents or archive in root.parents:
        raise UsageError(
            f"the archive and the application must lie apart: {archive}, {root}",
            hint="an application that looks through the archive finds every file twice",
        )


def _check_texts(paths: Iterable[str]) -> None:
    """Refuse what cannot be written into the record."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"this path is no UTF-8: {path!r}", hint="rename the folder, or link to it"
            ) from None


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
