"""Doing what was planned in an application's folder, and taking it back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from civitai_dl.adapters.storage import (
    Application,
    DamagedSource,
    LinkRecord,
    NoLinksHere,
    digest_of,
    look_at,
)
from civitai_dl.domain.decisions import There
from civitai_dl.domain.messages import format_bytes
from civitai_dl.domain.placing import Facts, Record, Way, Whose, is_last, whose
from civitai_dl.errors import UsageError

from ._plan import Conflict, Obstacle, Step, What

BATCH = 200
"""Files whose records are made durable together, before they are placed."""

NOTED_BYTES = 1 << 30
"""Bytes copied after which it is noted what was: a killed run must not read them all again."""


@dataclass(frozen=True, slots=True)
class Done:
    """A file that was placed, or would be. replaced: something older of ours was there."""

    path: str
    source: str
    how: Way
    size: int
    beside: bool
    replaced: bool = False


@dataclass(slots=True)
class Placer:
    """mode: None for hard links where they can be, else reflinks. left: bytes still to be placed.

    hear: told of bytes; raises to end the work. progress: called after each file.
    """

    root: Path
    archive: Path
    record: LinkRecord
    mode: Way | None
    hear: Callable[[int], None]
    progress: Callable[[], None]
    application: Application
    done: list[Done] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    _ways: dict[tuple[int, bool], Way] = field(default_factory=dict)
    _unnoted: int = 0

    def run(self, steps: Sequence[Step]) -> None:
        """Place what is to be placed. What was done is in the record, whatever ends it.

        Raises: UsageError where files cannot be linked; StorageError; what `hear` raises.
        """
        try:
            for batch in self._batches(steps):
                self._run(batch)
        finally:
            self.record.save()

    def _batches(self, steps: Sequence[Step]) -> Iterator[list[Step]]:
        """The first file of each kind in a folder alone: it shows in which way files get there."""
        seen: set[tuple[Path, bool]] = set()
        batch: list[Step] = []
        for step in steps:
            key = (step.final.parent, step.member.beside)
            if key not in seen or len(batch) >= BATCH:
                if batch:
                    yield batch
                batch = []
                if key not in seen:
                    seen.add(key)
                    yield [step]
                    continue
            batch.append(step)
        if batch:
            yield batch

    def _run(self, batch: Sequence[Step]) -> None:
        for step in batch:
            if step.what is What.RENEW:
                # Before the record changes: a kill in between leaves nothing there, which is well.
                self.application.remove(step.final)
        folders = dict.fromkeys(step.final.parent for step in batch)
        for folder in folders:
            for missing in missing_folders(folder):
                self.record.note_folder(self._path_of(missing))
        records = [self._record(step) for step in batch]
        self.record.note(records)
        self.record.save()
        for folder in folders:
            self.application.make_folder(folder)
        try:
            for step, record in zip(batch, records, strict=True):
                self.hear(0)
                self._place(step, record)
                self.progress()
        finally:
            for folder in folders:
                self.application.sync_folder(folder)

    def _path_of(self, path: Path) -> str:
        inside = self.root == path or self.root in path.parents
        return path.relative_to(self.root).as_posix() if inside else str(path)

    def _record(self, step: Step) -> Record:
        way = self._way(step)
        member, origin = step.member, step.origin
        is_hard = way is Way.HARDLINK
        return Record(
            path=step.path,
            key=step.group.key if member.beside else member.key,
            archive=str(self.archive),
            source=member.source,
            how=way,
            sha256=member.sha256 or digest_of(step.source, self.hear),
            size=origin.size,
            inode=origin.inode if is_hard else 0,
            modified=origin.modified if is_hard else 0,
            origin=origin.modified,
            target=str(step.source) if way is Way.SYMLINK else "",
            beside=member.beside,
        )

    def _way(self, step: Step) -> Way:
        """How a file is placed. Applications write into what lies beside weights: never a link."""
        known = self._ways.get((self._device(step.final.parent), step.member.beside))
        if step.member.beside:
            return known or Way.REFLINK
        return self.mode or known or Way.HARDLINK

    def _device(self, folder: Path) -> int:
        while not folder.exists():
            folder = folder.parent
        return folder.stat().st_dev

    def _place(self, step: Step, record: Record) -> None:
        try:
            placed = self._place_in_some_way(step, record)
        except FileExistsError:
            self._give_up(step, Obstacle.APPEARED)
        except (FileNotFoundError, DamagedSource):
            self._give_up(step, Obstacle.DAMAGED)
        else:
            self.record.note([placed])
            self.done.append(
                Done(
                    step.path,
                    step.member.source,
                    placed.how,
                    step.origin.size,
                    step.member.beside,
                    replaced=step.what is What.RENEW,
                )
            )
            self._unnoted += step.origin.size if placed.how is Way.COPY else 0
            if self._unnoted >= NOTED_BYTES:
                self._unnoted = 0
                self.record.save()

    def _give_up(self, step: Step, why: Obstacle) -> None:
        self.record.note_gone(step.path)
        self.conflicts.append(Conflict(step.member.source, step.path, why))

    def _place_in_some_way(self, step: Step, record: Record) -> Record:
        way = record.how
        while True:
            try:
                facts = self.application.place(
                    step.source,
                    step.final,
                    way,
                    sha256=record.sha256,
                    draft=draft_of(step.final),
                    hear=self.hear,
                )
            except NoLinksHere as error:
                way = self._next_way(step, way, error)
                self._ways[(self._device(step.final.parent), step.member.beside)] = way
                record = replace(record, how=way, inode=0, modified=0)
                self.record.note([record])
                self.record.save()
            else:
                if way is Way.SYMLINK:
                    return record
                return replace(record, inode=facts.inode, modified=facts.modified)

    def _next_way(self, step: Step, way: Way, error: NoLinksHere) -> Way:
        if step.member.beside:
            return Way.COPY
        if way is Way.HARDLINK and self.mode is None:
            return Way.REFLINK
        # Nothing came of it, so that there is nothing to remember.
        self.record.note_gone(step.path)
        tried = "no hard link or reflink" if self.mode is None else f"no {way.value}"
        raise UsageError(
            f"{tried} of the archive's files can be made in {step.final.parent}: it is on another"
            " file system, or on one that knows none",
            hint=f"--mode copy copies them (this one has {format_bytes(step.origin.size)});"
            " --mode symlink makes symbolic links into the archive; --dry-run tells how much it is",
        ) from error


def draft_of(final: Path) -> Path:
    """Under which name a copy is made before it is whole."""
    mark = hashlib.sha256(final.name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return final.with_name(f".civitai-dl-{mark}.tmp")


def missing_folders(folder: Path) -> list[Path]:
    """The folder and those above it that are not there."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    return missing


class Keep(str, Enum):
    """Why something that was placed is not removed; the value is the word of `--json`."""

    CHANGED = "changed"
    LAST = "last_copy"


@dataclass(slots=True)
class Remover:
    """Takes back what was placed and still is what was placed. dry: only tell.

    kept: what was changed since, and the last copies of what the archive has no more.
    """

    root: Path
    record: LinkRecord
    hear: Callable[[int], None]
    application: Application
    dry: bool = False
    removed: list[Record] = field(default_factory=list)
    kept: list[tuple[Record, Keep]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def remove(self, records: Iterable[Record]) -> None:
        """Remove files. Safe to repeat. Raises: StorageError; what `hear` raises."""
        try:
            for record in list(records):
                self.hear(0)
                self._remove(record)
        finally:
            if not self.dry:
                self.record.save()

    def _remove(self, record: Record) -> None:
        final = self.root / record.path
        facts = look_at(final)
        owner = self._whose(record, final, facts)
        if owner is Whose.OURS and is_last(record, facts):
            owner = Whose.THEIRS
            self.kept.append((record, Keep.LAST))
        elif owner is Whose.THEIRS:
            self.kept.append((record, Keep.CHANGED))
        elif owner is Whose.OURS:
            self.removed.append(record)
        if self.dry:
            return
        if not record.inode and record.how in (Way.COPY, Way.REFLINK):
            self.application.remove(draft_of(final))
        if owner is Whose.OURS:
            self.application.remove(final)
        self.record.note_gone(record.path)

    def _whose(self, record: Record, final: Path, facts: Facts) -> Whose:
        origin = look_at(Path(record.archive) / record.source)
        same = origin.there is There.FILE and (origin.device, origin.inode) == (
            facts.device,
            facts.inode,
        )
        owner = whose(record, facts, same=same)
        if owner is Whose.ASK:
            owner = whose(record, facts, digest=digest_of(final, self.hear))
        return owner

    def remove_folders(self) -> None:
        """Remove the folders that were made and are empty, the deepest first."""
        for path in sorted(self.record.folders, key=lambda name: -name.count("/")):
            if self.application.remove_folder(self.root / path):
                self.folders.append(path)
            self.record.note_gone(path)
        self.record.save()
