"""`unlink`: what was placed in an application's folders is taken back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio.to_thread

from civitai_dl.adapters.storage import Application, LinkRecord, System
from civitai_dl.domain.placing import Record
from civitai_dl.errors import UsageError

from ._place import Keep, Remover
from ._watch import Progress, Stopped, hear_of, root_of


@dataclass(slots=True)
class UnlinkReport:
    """What was removed, or would be, and what was kept, and why."""

    root: Path
    dry_run: bool
    removed: list[Record] = field(default_factory=list)
    kept: list[tuple[Record, Keep]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unread: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        return 130 if self.interrupted else 0


async def unlink(
    root: Path,
    *,
    dry_run: bool,
    progress: Progress,
    stop: Callable[[], bool],
    system: System | None = None,
) -> UnlinkReport:
    """Remove from an application's folders what `link` placed there, and still is as it was.

    Raises: UsageError when nothing was ever placed there; Busy; StorageError. Safe to repeat.
    """
    work = partial(_unlink, root, progress, stop, system or System(), dry_run=dry_run)
    return await anyio.to_thread.run_sync(work)


def _unlink(
    given: Path, progress: Progress, stop: Callable[[], bool], system: System, *, dry_run: bool
) -> UnlinkReport:
    root = root_of(given)
    record = LinkRecord(root, system)
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
        remover = Remover(root, record, hear_of(progress, stop), Application(system), dry=dry_run)
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
