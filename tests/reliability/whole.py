"""Whether an archive is whole: nothing lost, doubled, corrupt or orphaned."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reliability_size import note

STATE = ".civitai-dl"
OF_THE_RUN = ("failed.txt", "retry.sh", "retry.ps1", "unavailable.txt")
"""Documents that name the directory or the time."""

WRITTEN_TWICE = (".html", ".info", ".json", ".sh", ".ps1", ".txt", ".tmp")
"""Documents that may have an earlier form before the run is through."""

Facts = dict[str, tuple[object, ...]]
_digests: dict[tuple[int, ...], str] = {}


def digest(path: Path) -> str | None:
    """The SHA256 of a file, read again only when its inode says that it changed; None: gone."""
    try:
        facts = path.stat()
        mark = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        if mark not in _digests:
            _digests[mark] = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    return _digests[mark]


def visible(output: Path) -> dict[str, str]:
    """Every file outside the program's own folder: archive path -> SHA256, "" where it varies."""
    found = {}
    for folder, folders, names in os.walk(output):
        if STATE in folders:
            folders.remove(STATE)
        for name in names:
            path = Path(folder, name)
            place = path.relative_to(output).as_posix()
            value = digest(path)
            if value is not None:
                varies = place in OF_THE_RUN or place.startswith("lists/")
                varies |= place.endswith(".evidence.json")
                found[place] = "" if varies else value
    return found


def undated(files: dict[str, str]) -> dict[str, str]:
    """The same without the day in the names of the lists: midnight may come in between."""
    return {re.sub(r"^lists/[0-9]{8}_", "lists/DAY_", place): files[place] for place in files}


def rows(output: Path, statement: str) -> list[tuple[object, ...]]:
    """What the state answers."""
    with closing(sqlite3.connect(output / STATE / "state.db", timeout=30)) as connection:
        return connection.execute(statement).fetchall()


def tasks(output: Path) -> Facts:
    """How every task ended, by key."""
    found = rows(output, "SELECT key, type, status, path, sha256, size, verified FROM tasks")
    return {str(key): tuple(rest) for key, *rest in found}


def enumerated(output: Path) -> dict[str, object]:
    """The newest lists: key -> state."""
    found = {}
    for kind in ("model", "gallery"):
        newest = max((output / "lists").glob(f"*_{kind}.json"))
        found |= {line["key"]: line["state"] for line in json.loads(newest.read_text("utf-8"))}
    return found


@dataclass(frozen=True)
class Model:
    """An archive that nothing happened to, made by the same command."""

    status: int
    files: dict[str, str]
    tasks: Facts
    enumerated: dict[str, object]

    @classmethod
    def of(cls, output: Path, status: int) -> Model:
        """What lies there now."""
        return cls(status, visible(output), tasks(output), enumerated(output))


@dataclass
class Findings:
    """What was found wrong, a line each, and how hard it was looked for."""

    test: str
    seed: int
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    part: str = ""
    seconds: float = 0.0
    more: dict[str, object] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """All that is wrong."""
        return [
            f"{kind}: {line}"
            for kind in ("lost", "duplicated", "corrupt", "orphans")
            for line in getattr(self, kind)
        ]

    def report(self) -> None:
        """Print the figures, and put them down."""
        note(
            self.test,
            seed=self.seed,
            seconds=self.seconds,
            part=self.part,
            kills=self.kills,
            lost=len(self.lost),
            duplicated=len(self.duplicated),
            corrupt=len(self.corrupt),
            orphans=len(self.orphans),
            **self.more,
        )

    def look_at_the_visible(self, output: Path, model: Model) -> None:
        """Whatever has its final name has its true bytes, and nothing has a name of its own."""
        for place, value in visible(output).items():
            if place.startswith("corrupted/") or place in OF_THE_RUN:
                continue
            if place.endswith(".json"):
                with suppress(FileNotFoundError):
                    self._look_at_json(output / place)
            if place.endswith(WRITTEN_TWICE):
                continue
            if place not in model.files:
                self.duplicated.append(f"{place} is there, and has no business to be")
            elif value != model.files[place]:
                self.corrupt.append(place)

    def _look_at_json(self, path: Path) -> None:
        try:
            json.loads(path.read_bytes())
        except ValueError:
            self.corrupt.append(f"{path.name} is no JSON")

    def look_at_the_end(self, output: Path, model: Model, *, locked: bool = True) -> None:
        """Tree, state and scratch folder are as if nothing had happened.

        locked: False where several were at work on one task: what one of them had in mind may
        stand in its row although another has done it.
        """
        files, expected = undated(visible(output)), undated(model.files)
        self.lost += [place for place in expected if place not in files]
        self.duplicated += [place for place in files if place not in expected]
        self.corrupt += [
            f"{place} is not what it should be"
            for place in files.keys() & expected.keys()
            if files[place] != expected[place]
        ]
        self._look_at_rows(output, model, locked=locked)
        for path in (output / STATE / "tmp").iterdir():
            self.orphans.append(f"tmp/{path.name}")
        beside = {path.name for path in (output / STATE).iterdir()}
        beside -= {"lock", "logs", "state.db", "tmp"}
        self.orphans += [f"{STATE}/{name}" for name in beside]

    def _look_at_rows(self, output: Path, model: Model, *, locked: bool) -> None:
        self.look_at_soundness(output, locked=locked)
        ended, truth = tasks(output), model.tasks
        self.lost += [f"row {key}" for key in truth if key not in ended]
        self.orphans += [f"row {key}" for key in ended if key not in truth]
        self.corrupt += [
            f"row {key}: {ended[key]}, not {truth[key]}"
            for key in ended.keys() & truth.keys()
            if ended[key] != truth[key]
        ]
        if enumerated(output) != model.enumerated:
            self.lost.append("the lists say something else")

    def look_at_soundness(self, output: Path, *, locked: bool = True) -> None:
        """The state holds no damage, nothing that is at work, and nothing that is nobody's."""
        if rows(output, "PRAGMA integrity_check") != [("ok",)]:
            self.corrupt.append("the state")
        for name, statement in {
            "open": "SELECT key FROM tasks WHERE status IN ('ready', 'claimed', 'waiting')",
            "staged": "SELECT key FROM tasks WHERE staged IS NOT NULL AND status <> 'failed'",
            "partial": "SELECT key FROM partials",
            "edge": "SELECT child FROM edges WHERE child NOT IN (SELECT id FROM tasks) "
            "OR parent NOT IN (SELECT id FROM tasks)",
            "target": "SELECT run FROM targets WHERE run NOT IN (SELECT id FROM runs)",
        }.items():
            if locked or name != "staged":
                self.orphans += [f"{name}: {row[0]}" for row in rows(output, statement)]
