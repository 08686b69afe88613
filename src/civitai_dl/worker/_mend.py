"""Damaged files set aside with the evidence, and given back what is whole elsewhere."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import (
    Damage,
    Finding,
    Seen,
    There,
    find_damage,
    first_bad_segment,
    group_twins,
    segments_of,
)
from civitai_dl.errors import StorageError

if TYPE_CHECKING:
    from civitai_dl.ports import Storage

PREVIEWS = "/previews/"


class End(str, Enum):
    """How a damaged file ended.

    LEFT: as it was found. RECOVERED: it was whole when looked at again. MENDED: from bytes that
    were at hand. HEALED: by fetching some of its segments at most. FETCHED: anew, or taken from a
    file that was. LOST: set aside, and not replaced yet.
    """

    LEFT = "left"
    RECOVERED = "recovered"
    MENDED = "mended"
    HEALED = "healed"
    FETCHED = "fetched"
    LOST = "not_healed"


@dataclass(slots=True)
class Treated:
    """A finding and what became of it.

    where: the archive path of the bytes that were set aside; "" when there were none, or when they
    have their right place again. evidence: the path of what was noted of them. names: of the same
    bytes, beside what the catalog knows, to be given again. segments: those that were fetched, from
    0; None when the whole was.
    """

    finding: Finding
    end: End = End.LEFT
    where: str = ""
    evidence: str = ""
    names: list[str] = field(default_factory=list)
    segments: list[int] | None = None
    detail: str = ""
    note: dict[str, object] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether the file is as it should be now."""
        return self.end not in (End.LEFT, End.LOST)


@dataclass(slots=True)
class Mender:
    """Sets damaged files aside, and mends without any transfer what can be mended so.

    elsewhere: where a digest is stored by the catalog's word, damaged or not. segment: bytes.
    """

    storage: Storage
    elsewhere: Callable[[str], Awaitable[list[str]]]
    segment: int
    now: float
    _proven: set[tuple[int, int]] = field(default_factory=set)
    _whole: dict[str, str] = field(default_factory=dict)

    async def mend(self, findings: Sequence[Finding]) -> list[Treated]:
        """One for each, in order; what is LEFT now and lies within reach has to be fetched.

        Raises: StorageError when the disk cannot even set a file aside. Safe to repeat.
        """
        treated = [await self._look_again(finding) for finding in findings]
        bad = [
            one
            for one in treated
            if one.end is End.LEFT and one.finding.damage is not Damage.OUT_OF_REACH
        ]
        for group in group_twins([one.finding.seen for one in bad]):
            await self._set_aside([bad[position] for position in group])
        found = {
            one.finding.seen.measured.sha256: one.where
            for one in bad
            if one.where and one.finding.seen.measured is not None
        }
        damaged = {one.finding.kept.path for one in bad}
        for one in bad:
            if await self._give_back(one, found, damaged):
                one.end = End.MENDED
        await self._tidy(bad)
        return treated

    async def _look_again(self, finding: Finding) -> Treated:
        """Hours may have passed since it was read, and somebody may have put it right."""
        kept, before = finding.kept, finding.seen
        seen = (await self.storage.inspect([kept.path], read=False))[0]
        if before.there is not There.BROKEN and _facts(seen) == _facts(before):
            return Treated(finding)
        seen = (await self.storage.inspect([kept.path], read=True))[0]
        damage = find_damage(kept, seen)
        if damage is None:
            return Treated(finding, End.RECOVERED)
        segment = first_bad_segment(kept, seen.measured, self.segment)
        return Treated(Finding(kept, seen, damage, segment))

    async def _set_aside(self, twins: Sequence[Treated]) -> None:
        """Move one of the names of bad bytes to the quarantine, and take the others away."""
        first = twins[0]
        finding = first.finding
        if finding.seen.there is There.NOTHING:
            return
        if finding.seen.identity is not None and finding.seen.names > len(twins):
            first.names = await self._sidecars(finding)
        first.note = self._evidence(twins, first.names)
        first.where = await self.storage.quarantine(finding.kept.path, first.note)
        first.evidence = f"{first.where}.evidence.json"
        for twin in twins[1:]:
            twin.where, twin.evidence, twin.note = first.where, first.evidence, first.note
        await self.storage.remove([*(one.finding.kept.path for one in twins[1:]), *first.names])

    async def _sidecars(self, finding: Finding) -> list[str]:
        """Other names that civitai-dl itself gave these bytes: previews beside the weights."""
        folder, inside, _ = finding.kept.path.rpartition(PREVIEWS)
        if not inside or finding.seen.identity is None or finding.other:
            # What is another file's content has the names of that file, which are right.
            return []
        names = await self.storage.names_of(folder, finding.seen.identity)
        return [name for name in names if ".preview." in name]

    def _evidence(self, twins: Sequence[Treated], names: Sequence[str]) -> dict[str, object]:
        finding = twins[0].finding
        kept, seen = finding.kept, finding.seen
        return {
            "path": kept.path,
            "other_names": [*(one.finding.kept.path for one in twins[1:]), *names],
            "damage": finding.damage.value,
            "expected": {"sha256": kept.sha256, "size": kept.size},
            "found": found_facts(seen),
            "content_of": finding.other or None,
            "segment_size": self.segment if kept.prefixes else None,
            "segments": segments_of(kept.size, self.segment) if kept.prefixes else None,
            "first_damaged_segment": finding.segment,
            "last_known_good": told_moment(kept.checked_at),
            "noticed": told_moment(self.now),
        }

    async def _give_back(self, one: Treated, found: dict[str, str], damaged: set[str]) -> bool:
        """Give a file its bytes from where they are whole; False when they are nowhere."""
        kept = one.finding.kept
        places = [self._whole.get(kept.sha256), found.get(kept.sha256)]
        places += [path for path in await self.elsewhere(kept.sha256) if path not in damaged]
        for place in places:
            if place is not None and await self._link(place, one):
                self._whole[kept.sha256] = kept.path
                return True
        return False

    async def _link(self, place: str, one: Treated) -> bool:
        kept = one.finding.kept
        there = (await self.storage.inspect([place], read=False))[0]
        if there.there is not There.FILE or there.size != kept.size:
            return False
        try:
            await self.storage.link(place, kept.path)
            seen = (
                await self.storage.inspect([kept.path], read=there.identity not in self._proven)
            )[0]
            if seen.measured is not None and seen.measured.sha256 != kept.sha256:
                await self.storage.remove([kept.path])
                return False
        except (FileExistsError, FileNotFoundError, StorageError):
            return False
        for name in one.names:
            # A second name that somebody has taken meanwhile stays theirs.
            with suppress(FileExistsError, FileNotFoundError, StorageError):
                await self.storage.link(kept.path, name)
        if seen.identity is not None:
            self._proven.add(seen.identity)
        return True

    async def _tidy(self, bad: Sequence[Treated]) -> None:
        """Bytes that are whole, and have their right place again, need not lie in quarantine."""
        for one in bad:
            measured = one.finding.seen.measured
            if one.where and measured is not None and measured.sha256 in self._whole:
                await self.storage.remove([one.where])
                one.note["kept_as"] = self._whole[measured.sha256]
                one.where = ""
            if one.end is End.MENDED:
                await note_end(self.storage, one)


async def note_end(storage: Storage, one: Treated) -> None:
    """Add to the evidence of a file how it ended. Raises: StorageError."""
    if one.evidence:
        one.note["end"] = one.end.value
        one.note["fetched_segments"] = one.segments
        text = json.dumps(one.note, ensure_ascii=False, indent=2)
        await storage.save([(one.evidence, f"{text}\n".encode("utf-8", "backslashreplace"))])


def found_facts(seen: Seen) -> dict[str, object]:
    """What was found at a path, as JSON tells it."""
    return {
        "what": seen.there.value,
        "sha256": None if seen.measured is None else seen.measured.sha256,
        "size": seen.size,
        "modified": told_moment(seen.modified) if seen.identity is not None else None,
        "why": seen.why or None,
    }


def told_moment(moment: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 in UTC; None for what is no moment."""
    try:
        return None if moment is None else datetime.fromtimestamp(moment, timezone.utc).isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def _facts(seen: Seen) -> tuple[object, ...]:
    return (seen.there, seen.size, seen.modified, seen.identity)
