"""Every crash that a recording allows, as far as the budget goes."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random

from invariants import NO_FACTS, Facts, check, facts_of, truth_of, wants_of
from model import Disk, State
from recording import Log, QuietSystem, RecordingSystem
from recovery import Aim, How, lay_out, published, read_state, recover, run
from service import Service
from workloads import Recording, scratch

from reliability_size import note

MOST_TOLD = 10
"""Violations that are described; more are only counted."""

MISSES = 60
"""Draws in a row that bring nothing new, after which a moment is left."""


@dataclass(slots=True)
class Result:
    """What came of it.

    states: distinct ones that were recovered. again: states of second crashes, in the midst of a
    recovery, that were looked at. violations: descriptions.
    """

    states: int = 0
    again: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crash:
    """One state in which a machine may come up again. at: calls that were made before.

    kill: nothing is lost, because only the program died.
    """

    at: int
    state: State
    snapshot: int
    kill: bool


@dataclass(slots=True)
class Simulation:
    """All that is known of one recording.

    seen: states that were looked at before, here or in other recordings. patience: violations after
    which nothing more is looked at. whole, untrusted, twice, again, locked: one in so many states
    is recovered by the whole program with sockets and threads, without believing the lock, a second
    time, crashes in its recovery, or has its database looked through before and after.
    """

    recording: Recording
    seed: int
    whole: int = 100
    untrusted: int = 7
    twice: int = 6
    again: int = 24
    locked: int = 5
    patience: int = 1
    result: Result = field(default_factory=Result)
    seen: set[bytes] = field(default_factory=set)
    _facts: list[Facts] = field(default_factory=list)
    _marks: list[bytes] = field(default_factory=list)

    async def run(self, states: int) -> Result:
        """Look at so many distinct states more, or at all there are."""
        random = Random(self.seed)
        truth, found = truth_of(self.recording)
        self._tell(found, "while it was recorded")
        self._learn()
        if found and len(self.result.violations) >= self.patience:
            return self.result
        with scratch() as top:
            aim = await self._aim(top, truth)
            counter = itertools.count()
            for crash in self._crashes(states, random):
                await self._one(crash, aim, next(counter), top)
                if len(self.result.violations) >= self.patience:
                    break
        return self.result

    def look(self, states: int) -> Result:
        """As `run`, without recovering anything: what is wrong before anybody has looked."""
        truth, found = truth_of(self.recording)
        self._tell(found, "while it was recorded")
        self._learn()
        for crash in self._crashes(states, Random(self.seed)):
            self.result.states += 1
            facts = NO_FACTS if crash.snapshot < 0 else self._facts[crash.snapshot]
            self._tell(check(crash.state, facts, truth), self._where(crash))
            if len(self.result.violations) >= self.patience:
                break
        # What was only looked at is new to those who recover it.
        self.seen.clear()
        return self.result

    def _learn(self) -> None:
        snapshots = self.recording.log.snapshots
        self._facts = [facts_of(snapshot) for snapshot in snapshots]
        self._marks = [_short(snapshot) for snapshot in snapshots]

    def _where(self, crash: Crash) -> str:
        log = self.recording.log
        return f"after call {crash.at} ({_last(log, crash.at)}), seed {self.seed}"

    def _tell(self, found: list[str], where: str) -> None:
        for text in found:
            if len(self.result.violations) < MOST_TOLD:
                self.result.violations.append(f"{self.recording.name}, {where}: {text}")

    async def _aim(self, top: Path, truth: object) -> Aim:
        """What an archive becomes without any crash: after the runs, and when all begins anew."""
        log, trees = self.recording.log, []
        aim = Aim(trees, (), truth)  # type: ignore[arg-type]  # a Truth
        for name, state, snapshot in (
            ("end", log.disk.everything(), log.snapshots[-1]),
            ("anew", log.start.everything(), None),
        ):
            if self.recording.since and snapshot is None:
                continue
            root = top / name
            root.mkdir()
            lay_out(state, snapshot, root)
            # What a recovery writes must be whole as well, and is true from then on.
            again = Log(log.start.copy() if snapshot is None else log.disk.copy(), Disk())
            again.disk = again.start.copy()
            again.disk.settle()
            system = RecordingSystem(root, again, durable=False)
            await run(root, self.recording, service=Service(self.recording.fake), system=system)
            aim.truth.learn(again.start, again.ops)
            tree = published(read_state(root), lenient=self.recording.lenient)
            if tree not in trees:
                trees.append(tree)
            shutil.rmtree(root)
        wrong = {
            row.key: self._wrong_size(row.hint)
            for row in self._facts[-1].rows
            if row.status == "failed"
        }
        aim.wants = wants_of(self._facts[-1], wrong)
        return aim

    def _wrong_size(self, hint: str) -> int:
        path = hint.rsplit(" ", 1)[-1]
        return len(self.recording.log.disk.content(self.recording.log.disk.find(path)))

    def _crashes(self, states: int, random: Random) -> Iterator[Crash]:
        """Distinct states, spread evenly over all moments of the log."""
        log = self.recording.log
        disk, snapshot = log.start.copy(), -1
        coming = _coming(log)
        since = self.recording.since
        moments = len(log.ops) + 1 - since
        given = 0
        for at in range(len(log.ops) + 1):
            if at:
                op = log.ops[at - 1]
                disk.do(op)
                snapshot = op.snapshot if op.what == "committed" else snapshot
            if at < since:
                continue
            # A commit that has begun may be durable or not.
            may_be = {snapshot, coming[at]}
            due = states * (at - since + 1) // moments - given
            for crash in self._at(at, disk, sorted(may_be), due, random):
                given += 1
                yield crash

    def _at(
        self, at: int, disk: Disk, snapshots: list[int], due: int, random: Random
    ) -> Iterator[Crash]:
        kill = disk.everything()
        sure = [Crash(at, kill, one, kill=True) for one in snapshots]
        sure += [Crash(at, disk.nothing(), one, kill=False) for one in snapshots]
        for crash in sure[: max(due, 1)]:
            if self._is_new(crash):
                due -= 1
                yield crash
        misses, most = 0, min(MISSES, 4 * disk.pending * disk.pending)
        while due > 0 and misses < most:
            crash = Crash(at, disk.some(random), random.choice(snapshots), kill=False)
            if self._is_new(crash):
                due -= 1
                misses = 0
                yield crash
            else:
                misses += 1

    def _is_new(self, crash: Crash) -> bool:
        database = b"" if crash.snapshot < 0 else self._marks[crash.snapshot]
        mark = fingerprint(crash.state, database)
        if mark in self.seen:
            return False
        self.seen.add(mark)
        return True

    async def _one(self, crash: Crash, aim: Aim, number: int, top: Path) -> None:
        log = self.recording.log
        self.result.states += 1
        facts = NO_FACTS if crash.snapshot < 0 else self._facts[crash.snapshot]
        where = self._where(crash)
        found = check(crash.state, facts, aim.truth)
        if not found:
            root = top / "state"
            root.mkdir()
            snapshot = None if crash.snapshot < 0 else log.snapshots[crash.snapshot]
            locked = number % self.locked == 0
            lay_out(crash.state, snapshot, root, locked=locked)
            trusted = number % self.untrusted != self.untrusted - 1
            how = How(
                whole=number % self.whole == self.whole - 1,
                locked=locked,
                trusted=trusted,
                twice=trusted and number % self.twice == 0,
            )
            where = f"{where}, {how}"
            try:
                found = await recover(root, (crash.state, facts), self.recording, aim, how)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
                found = [f"recovery raises {error!r}"]
            shutil.rmtree(root)
            if not found and crash.kill and number % self.again == 0:
                found = await self._crash_again(crash, aim, top)
        self._tell(found, where)

    async def _crash_again(self, crash: Crash, aim: Aim, top: Path) -> list[str]:
        """The program dies, is started again, and then the power fails."""
        log = self.recording.log
        disk = log.start.copy()
        for op in log.ops[: crash.at]:
            disk.do(op)
        root = top / "again"
        root.mkdir()
        snapshot = None if crash.snapshot < 0 else log.snapshots[crash.snapshot]
        lay_out(crash.state, snapshot, root)
        if not _knows(disk):
            shutil.rmtree(root)
            return []
        second = Log(disk.copy(), disk.copy())
        system = RecordingSystem(root, second, durable=False)
        await run(
            root,
            self.recording,
            service=Service(self.recording.fake),
            system=system,
            watch=second.watch,
        )
        shutil.rmtree(root)
        found = aim.truth.learn(second.start, second.ops)
        random = Random(f"{self.seed} {crash.at}")
        facts = NO_FACTS if crash.snapshot < 0 else self._facts[crash.snapshot]
        disk = second.start.copy()
        for number, op in enumerate(second.ops):
            disk.do(op)
            if op.what == "committed":
                facts = facts_of(second.snapshots[op.snapshot])
            last = number == len(second.ops) - 1
            if op.what == "committed" or random.random() < 0.1 or last:
                for state in (disk.nothing(), disk.some(random)):
                    self.result.again += 1
                    found += [
                        f"{text}, when the power fails after call {number} of the recovery"
                        for text in check(state, facts, aim.truth)
                    ]
            if found:
                return found
        return found


def _knows(disk: Disk) -> bool:
    """Whether the folder of the state is there, which the lock makes and no call records."""
    try:
        disk.find(".civitai-dl")
    except KeyError:
        return False
    return True


def _coming(log: Log) -> list[int]:
    """For each moment, the snapshot whose commit has begun and not ended; else the last one."""
    found, last = [-1], -1
    for at, op in enumerate(log.ops):
        if op.what == "commit":
            following = (one for one in log.ops[at + 1 :] if one.what == "committed")
            last = next((one.snapshot for one in following), last)
        found.append(last)
    return found


def _last(log: Log, at: int) -> str:
    op = log.ops[at - 1] if at else None
    return "none" if op is None else f"{op.what} {op.path} {op.other}".strip()


def fingerprint(state: State, database: bytes) -> bytes:
    """A short text that two states share only when they are the same. database: its digest."""
    hashed = hashlib.blake2b(database + f"\n{state.folders}".encode(), digest_size=12)
    nodes: dict[int, int] = {}
    for path, (node, content) in state.files.items():
        number = nodes.setdefault(node, len(nodes))
        hashed.update(f"{path}\n{number}\n".encode() + _short(content))
    return hashed.digest()


@lru_cache(maxsize=512)
def _short(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=12).digest()


def report(test: str, part: str, result: Result, seconds: float, seed: int) -> None:
    """Print the counts and what was found, and put the counts down."""
    counts = {"states": result.states, "again": result.again, "violations": len(result.violations)}
    note(test, part=part, seed=seed, seconds=seconds, **counts)
    print(*result.violations, sep="\n")  # noqa: T201  # what was found


def clock() -> float:
    """Seconds, for reports only."""
    return time.monotonic()


__all__ = ["QuietSystem", "Result", "Simulation", "clock", "fingerprint", "report"]
