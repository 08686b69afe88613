"""What must hold in every state of an archive, before anybody has looked at it and after."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from model import Disk, Op, State
from workloads import Recording, scratch

DOCUMENTS = (".json", ".html", ".info", ".txt")
TRIES = 3
"""How often bytes of a wrong digest are fetched before they are set aside."""

_EVIDENCE = re.compile(r"the bytes and the evidence are in (\S.*)$")


@dataclass(frozen=True, slots=True)
class Row:
    """What the state says of a task. staged: (path, sha256, size) that it was about to publish."""

    key: str
    kind: str
    status: str
    path: str | None
    sha256: str
    size: int
    staged: tuple[str, str, int] | None
    source: str | None
    hint: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the state says. held: bytes that are durable in partials, by key."""

    rows: tuple[Row, ...]
    held: Mapping[str, int]

    def stored(self) -> Iterator[Row]:
        """Rows that say that something lies in the archive."""
        return (row for row in self.rows if row.status == "stored" and row.path is not None)


NO_FACTS = Facts((), {})


@dataclass(slots=True)
class Truth:
    """What the bytes of an archive may be.

    files: SHA256 of everything that the service ever gave, or the user put there. lenient: any
    document that is whole is a true one. own: what the user put there, which stays. versions: by
    path, what a document was when it was given its name.
    """

    files: set[str]
    lenient: bool = False
    own: Mapping[str, bytes] = field(default_factory=dict)
    versions: dict[str, set[bytes]] = field(default_factory=dict)

    def learn(self, log_start: Disk, ops: Iterable[Op]) -> list[str]:
        """Take in the documents that were written; returns what is wrong with them.

        Whatever gets a name in the archive has to be whole and true at that moment.
        """
        found: list[str] = []
        disk = log_start.copy()
        for op in ops:
            disk.do(op)
            path = op.path if op.what == "create" else op.other
            if op.what not in ("create", "link", "move", "replace") or is_hidden(path):
                continue
            content = disk.content(disk.find(path))
            if not is_document(path):
                if digest(content) not in self.files:
                    found.append(f"I1: {path} gets its name with other bytes than the true ones")
            elif not is_whole(path, content):
                found.append(f"I1: {path} gets its name before it is whole")
            else:
                self.versions.setdefault(path, set()).add(content)
        return found

    def holds(self, path: str, content: bytes) -> bool:
        """Whether a path outside the hidden ones may have this content."""
        if is_document(path):
            if self.lenient:
                return is_whole(path, content)
            return content in self.versions.get(path, ())
        return digest(content) in self.files


def truth_of(recording: Recording) -> tuple[Truth, list[str]]:
    """What was true in a recording; and what was not, in the log itself."""
    truth = Truth(set(recording.true), recording.lenient, recording.own)
    truth.files |= {digest(data) for data in recording.own.values()}
    return truth, truth.learn(recording.log.start, recording.log.ops)


def is_hidden(path: str) -> bool:
    """Whether a path is where unfinished and bad bytes may lie."""
    return path.startswith((".civitai-dl/", "corrupted/"))


def is_document(path: str) -> bool:
    """Whether a path is a text that the program writes."""
    return path.endswith(DOCUMENTS)


def is_whole(path: str, content: bytes) -> bool:
    """Whether a document was written to its end."""
    if path.endswith((".json", ".info")):
        try:
            json.loads(content)
        except ValueError:
            return False
    return not path.endswith(".html") or content.rstrip().endswith(b"</html>")


@lru_cache(maxsize=512)
def digest(content: bytes) -> str:
    """SHA256 in lower case."""
    return hashlib.sha256(content).hexdigest()


def facts_of(snapshot: bytes) -> Facts:
    """What a database says."""
    with scratch() as folder:
        path = folder / "state.db"
        path.write_bytes(snapshot)
        return read_facts(path)


def read_facts(path: Path) -> Facts:
    """What a database in a file says; no facts where there is none."""
    if not path.exists():
        return NO_FACTS
    connection = sqlite3.connect(path)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tasks'").fetchone():
            return NO_FACTS
        rows = connection.execute(
            "SELECT key, type, status, path, sha256, size, staged, source, hint FROM tasks"
        ).fetchall()
        held = connection.execute(
            "SELECT key, size + COALESCE((SELECT SUM(json_extract(value, '$[1]') - "
            "json_extract(value, '$[0]')) FROM json_each(islands)), 0) FROM partials"
        ).fetchall()
    finally:
        connection.close()
    return Facts(tuple(_row(*row) for row in rows), dict(held))


def _row(
    key: str,
    kind: str,
    status: str,
    path: str | None,
    sha256: str | None,
    size: int | None,
    staged: str | None,
    source: str | None,
    hint: str | None,
) -> Row:
    about = None
    if staged is not None:
        told = json.loads(staged)
        about = (told["path"], told["sha256"].lower(), int(told["size"]))
    return Row(
        key, kind, status, path, (sha256 or "").lower(), size or 0, about, source, hint or ""
    )


def check(state: State, facts: Facts, truth: Truth) -> list[str]:
    """I1, I2 and the evidence of what was set aside, of a state that nobody has looked at."""
    found = []
    for path, (_, content) in state.files.items():
        if not is_hidden(path) and not truth.holds(path, content):
            found.append(f"I1: {path} holds {len(content)} bytes that are not true")
    for path, mine in truth.own.items():
        if state.files.get(path, (0, b""))[1] != mine:
            found.append(f"I1: {path} is the user's own, and has changed")
    for row in facts.stored():
        assert row.path is not None
        _, content = state.files.get(row.path, (0, None))
        if content is None or len(content) != row.size or digest(content) != row.sha256:
            what = "is missing" if content is None else "has other bytes"
            found.append(f"I2: {row.key} is stored, and {row.path} {what}")
    for row in facts.rows:
        evidence = _EVIDENCE.search(row.hint) if row.status == "failed" else None
        if evidence is not None:
            found += _check_evidence(state, row, evidence[1])
    return found


def _check_evidence(state: State, row: Row, where: str) -> list[str]:
    """Bytes that are said to be set aside are there, with a note that can be read."""
    _, bad = state.files.get(where, (0, None))
    _, note = state.files.get(f"{where}.evidence.json", (0, None))
    if bad is None or note is None or not is_whole("note.json", note):
        return [f"I2: {row.key} is said to be in {where}, and is not, or without its evidence"]
    if json.loads(note)["measured_sha256"][-1] != digest(bad):
        return [f"I2: the evidence beside {where} speaks of other bytes"]
    return []


@dataclass(frozen=True, slots=True)
class Want:
    """Something that is to be had. keys: of all tasks that want it. times: tries that it takes."""

    keys: tuple[str, ...]
    sha256: str
    size: int
    times: int = 1


def wants_of(facts: Facts, wrong: Mapping[str, int]) -> list[Want]:
    """What a finished archive holds. wrong: sizes of what is listed with a wrong digest, by key."""
    together: dict[str, list[Row]] = {}
    for row in facts.stored():
        together.setdefault(row.source or row.key, []).append(row)
    wants = [
        Want(tuple(row.key for row in rows), rows[0].sha256, rows[0].size)
        for rows in together.values()
    ]
    return [*wants, *(Want((key,), "", size, TRIES) for key, size in wrong.items())]


def refetched(state: State, facts: Facts, wants: Iterable[Want]) -> int:
    """How many bytes a recovery may fetch: what was not below a committed checkpoint.

    What was on its way to its name may be lost whole: with the new folder that it was moved into,
    or between the two steps in which some disks give a name.
    """
    rows = {row.key: row for row in facts.rows}
    most = 0
    for want in wants:
        if any(_is_there(state, rows.get(key), want) for key in want.keys):
            continue
        # What is wrong is fetched from the start, each time.
        held = min(facts.held.get(key, 0) for key in want.keys) if want.sha256 else 0
        if any(key in rows and rows[key].staged for key in want.keys):
            held = 0
        most += want.size * want.times - min(held, want.size)
    return most


def _is_there(state: State, row: Row | None, want: Want) -> bool:
    if row is None:
        return False
    if row.status == "failed" and not want.sha256:
        # Given up for good in this run; the next one tries again.
        return False
    if row.status == "stored":
        return row.sha256 == want.sha256
    if row.staged is None or row.staged[1] != want.sha256:
        return False
    path, sha256, size = row.staged
    _, content = state.files.get(path, (0, b""))
    return len(content) == size and digest(content) == sha256
