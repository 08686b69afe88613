"""What is to be done in an application's folder: all is looked at before anything is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from civitai_dl.adapters.storage import LinkRecord, digest_of, look_at, names_in
from civitai_dl.domain.decisions import There, name_key
from civitai_dl.domain.placing import (
    Facts,
    Record,
    Way,
    Whose,
    is_current,
    is_last,
    stem_of,
    stems_for,
    whose,
)
from civitai_dl.errors import UsageError

from ._wanted import Group, Member

Hear = Callable[[int], None]


class What(Enum):
    """What becomes of one file. RENEW: what was placed is not what the archive has any more."""

    PLACE = "place"
    RENEW = "renew"
    THERE = "there"
    SAME = "somebody's own, with the same bytes"
    KEPT = "somebody's own, or edited"


class Obstacle(str, Enum):
    """Why a chosen file cannot be placed; the value is the word of `--json`."""

    TAKEN = "name_taken"
    CHANGED = "changed"
    DAMAGED = "damaged_in_archive"
    APPEARED = "appeared"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A chosen file that cannot be placed. path: in the application."""

    source: str
    path: str
    why: Obstacle


@dataclass(frozen=True, slots=True)
class Step:
    """One file and what becomes of it. path: as records have it. origin: the archive's file."""

    what: What
    member: Member
    group: Group
    path: str
    final: Path
    source: Path
    origin: Facts


@dataclass(slots=True)
class Plan:
    """All of it. stale: records of what this command would not place; of this archive only."""

    steps: list[Step] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    stale: list[Record] = field(default_factory=list)

    def of(self, *kinds: What) -> list[Step]:
        """The steps of some kinds."""
        return [step for step in self.steps if step.what in kinds]


@dataclass(slots=True)
class Planner:
    """root, archive: real paths. prune: what is stale will be gone. hear: told of bytes read.

    learned: somebody's own files whose digests were read, by path; known_again: what was placed and
    is found in another place, or from another. Both are to be noted.
    """

    root: Path
    archive: Path
    record: LinkRecord
    prune: bool
    hear: Hear
    learned: dict[str, tuple[Facts, str]] = field(default_factory=dict)
    known_again: dict[str, Record] = field(default_factory=dict)
    _used: dict[Path, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))
    _names: dict[Path, dict[str, str]] = field(default_factory=dict)
    _by_key: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def plan(self, groups: Sequence[Group]) -> Plan:
        """Decide about every file of these groups. Changes nothing. Raises: StorageError."""
        plan = Plan()
        for record in self.record.records.values():
            if not record.beside:
                self._by_key[record.key].append(record)
        homes = [self._home(group) for group in groups]
        for group, (folder, stem) in zip(groups, homes, strict=True):
            if stem:
                self._use(folder, stem, group)
        wanted = {member.key for group in groups for member in group.members if member.key}
        for group, (folder, stem) in zip(groups, homes, strict=True):
            name = stem or self._find_stem(group, folder, wanted, plan)
            if name:
                for member in group.members:
                    self._decide(member, group, folder, name, plan)
        planned = {step.path for step in plan.steps} | {one.path for one in plan.conflicts}
        plan.stale = [
            record
            for record in self.record.records.values()
            if record.path not in planned and record.archive == str(self.archive)
        ]
        return plan

    def _home(self, group: Group) -> tuple[str, str]:
        """The folder for a group, and the stem that it has there already."""
        for record in self._by_key.get(group.key, ()):
            folder, _, name = record.path.rpartition("/")
            if folder in group.folders:
                return folder, stem_of(name)
        there = [folder for folder in group.folders if (self.root / folder).is_dir()]
        folder = (there or group.folders)[0]
        real = (self.root / folder).resolve()
        if real == self.archive or self.archive in real.parents:
            raise UsageError(
                f"this folder leads into the archive: {self.root / folder}",
                hint="nothing was placed; the archive's own files must not be mixed with links",
            )
        return folder, ""

    def _use(self, folder: str, stem: str, group: Group) -> None:
        digests = {member.sha256 for member in group.members if member.sha256}
        self._used[(self.root / folder).resolve()].setdefault(name_key(stem), set()).update(digests)

    def _find_stem(self, group: Group, folder: str, wanted: set[str], plan: Plan) -> str:
        """A name that is free, or that has the same bytes; "" when there is nothing to do."""
        used = self._used[(self.root / folder).resolve()]
        weights = [member for member in group.members if member.sha256]
        for stem in stems_for(group.stem, group.version_id, group.file_id):
            digests = used.get(name_key(stem))
            if digests is not None:
                if {member.sha256 for member in weights} <= digests:
                    # The same bytes under the same name, from another version: once is enough.
                    return ""
                continue
            if all(self._is_fit(member, folder, stem, wanted) for member in weights):
                self._use(folder, stem, group)
                return stem
        path = f"{folder}/{group.stem}{weights[0].suffix}"
        plan.conflicts.append(Conflict(weights[0].source, path, Obstacle.TAKEN))
        return ""

    def _is_fit(self, member: Member, folder: str, stem: str, wanted: set[str]) -> bool:
        """Whether a name is free for this file, or is a file with its bytes."""
        final = self._place(folder, stem + member.suffix)
        path = f"{folder}/{final.name}"
        facts = look_at(final)
        record = self.record.records.get(path)
        if record is not None and self._whose(record, final, facts) is Whose.OURS:
            is_stale = record.key not in wanted and record.archive == str(self.archive)
            return self.prune and is_stale and not is_last(record, facts)
        return facts.there is There.NOTHING or self._is_same(member, path, final, facts)

    def _place(self, folder: str, name: str) -> Path:
        """Where a name leads: to what a caseless disk takes for the same, if that is there."""
        where = self.root / folder
        if where not in self._names:
            self._names[where] = {name_key(found): found for found in names_in(where)}
        return where / self._names[where].get(name_key(name), name)

    def _whose(self, record: Record, final: Path, facts: Facts) -> Whose:
        origin = look_at(Path(record.archive) / record.source)
        same = origin.there is There.FILE and _identity(origin) == _identity(facts)
        found = whose(record, facts, same=same)
        if found is Whose.ASK:
            # Moved to another disk, or placed by a command that was killed then.
            found = whose(record, facts, digest=digest_of(final, self.hear))
            if found is Whose.OURS:
                known = replace(record, inode=facts.inode, modified=facts.modified)
                self.record.records[record.path] = self.known_again[record.path] = known
        return found

    def _is_of_another(self, record: Record, facts: Facts, member: Member) -> bool:
        """Whether it was placed from another archive, which still holds it: well enough."""
        if record.archive == str(self.archive) or member.sha256 not in ("", record.sha256):
            return False
        origin = look_at(Path(record.archive) / record.source)
        if record.how is Way.HARDLINK:
            return _identity(origin) == _identity(facts)
        return origin.there is There.FILE

    def _follow(self, record: Record, member: Member, what: What) -> None:
        """Remember from where an archive is now that was moved."""
        is_gone = not (Path(record.archive) / record.source).exists()
        if what is What.THERE and record.archive != str(self.archive) and is_gone:
            known = replace(record, archive=str(self.archive), source=member.source)
            self.known_again[record.path] = known

    def _is_same(self, member: Member, path: str, final: Path, facts: Facts) -> bool:
        """Whether somebody's own file has the bytes of weights."""
        if facts.there is There.LINK and final.is_file():
            # A link that somebody made to the archive's own file, for example.
            return final.resolve() == (self.archive / member.source).resolve()
        if facts.there is not There.FILE or facts.size != member.size:
            return False
        if _identity(facts) == _identity(look_at(self.archive / member.source)):
            return True
        digest = self.record.theirs(path, facts)
        if not digest and path not in self.learned:
            self.learned[path] = (facts, digest_of(final, self.hear))
        return (digest or self.learned[path][1]) == member.sha256

    def _decide(self, member: Member, group: Group, folder: str, stem: str, plan: Plan) -> None:
        self.hear(0)
        final = self._place(folder, stem + member.suffix)
        path = f"{folder}/{final.name}"
        source = self.archive / member.source
        origin, facts = look_at(source), look_at(final)
        record = self.record.records.get(path)
        owner = Whose.THEIRS
        if record is not None:
            owner = self._whose(record, final, facts)
            record = self.record.records[path]
        what = What.PLACE
        if record is not None and owner is Whose.OURS:
            # Else it is of something else that went, or is about to go.
            is_its = record.key == (group.key if member.beside else member.key)
            is_its = is_its and (
                self._is_of_another(record, facts, member)
                or is_current(record, facts, origin, target=str(source), sha256=member.sha256)
            )
            what = What.THERE if is_its else What.RENEW
            self._follow(record, member, what)
        elif facts.there is not There.NOTHING:
            if member.beside:
                what = What.KEPT
            elif self._is_same(member, path, final, facts):
                what = What.SAME
            else:
                why = Obstacle.TAKEN if record is None else Obstacle.CHANGED
                plan.conflicts.append(Conflict(member.source, path, why))
                return
        if what in (What.PLACE, What.RENEW) and not _is_whole(member, origin):
            plan.conflicts.append(Conflict(member.source, path, Obstacle.DAMAGED))
            return
        plan.steps.append(Step(what, member, group, path, final, source, origin))


def _is_whole(member: Member, origin: Facts) -> bool:
    """Whether the archive's file looks as it was stored."""
    return origin.there is There.FILE and (member.beside or origin.size == member.size)


def _identity(facts: Facts) -> tuple[int, int]:
    return facts.device, facts.inode


def is_elsewhere(step: Step) -> bool:
    """Whether a step's folder is on another file system than the archive."""
    folder = step.final.parent
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev != step.origin.device
