"""What state an archive is in, and what to do about it; looks, and changes nothing."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from civitai_dl._finding import OK, PROBLEM, WARNING, Finding
from civitai_dl._probes import LONGEST, Ground, probe
from civitai_dl._version import __version__
from civitai_dl.adapters.catalog import (
    SCHEMA_VERSION,
    STATE_FILE,
    Checkup,
    check_up,
    holds_an_archive,
)
from civitai_dl.adapters.fetcher import client_versions
from civitai_dl.adapters.storage import STATE, holder_of
from civitai_dl.errors import CatalogTooNew, CivitaiDLError

LITTLE_ROOM = 1_000_000_000
"""Bytes free below which a run will soon have to pause."""

SOUND_SQLITE = (3, 51, 3)
"""From here on two connections may write one log; this program never has two."""

WAL_ALARM = 64 << 20

REBUILD = "run the same command with --rebuild"


def diagnose(folder: Path) -> list[Finding] | None:
    """Everything that is worth knowing of an archive; None where there is none.

    Reads the whole state and asks after every stored file; tries the file system with small files
    in `.civitai-dl/tmp`, and removes them. Safe beside a run at work. Raises nothing expected.
    """
    state = folder / STATE
    if not state.is_dir() and not holds_an_archive(folder):
        return None
    holder = holder_of(state / "lock")
    return [
        _busy(holder),
        *_state(folder, state / STATE_FILE),
        *_leftovers(folder, busy=holder is not None),
        *_ground(probe(folder, state / "tmp")),
    ]


def _busy(holder: str | None) -> Finding:
    if holder is None:
        return Finding(OK, "run", "no run is at work here")
    return Finding(OK, "run", "a run is at work here{holder}", {"holder": holder})


def _state(folder: Path, path: Path) -> Iterator[Finding]:
    if not path.exists():
        text = "the state database is missing; a new run would fetch images again"
        yield Finding(PROBLEM, "state", text, todo=REBUILD)
        return
    try:
        found = check_up(path, folder)
    except CatalogTooNew as error:
        facts = {"why": error.message}
        yield Finding(PROBLEM, "state", "it cannot be used: {why}", facts, todo="update civitai-dl")
        return
    except CivitaiDLError as error:
        facts = {"why": error.message}
        yield Finding(PROBLEM, "state", "it cannot be used: {why}", facts, todo=REBUILD)
        return
    yield from _of_checkup(found)


def _of_checkup(found: Checkup) -> Iterator[Finding]:
    facts: dict[str, object]
    facts = {"version": found.version, "size": found.size, "log": found.wal}
    text = "the state database is sound: version {version}, {size}, log {log}"
    if found.troubles:
        text = "the state database is damaged: {why}"
        facts = {"why": "; ".join(found.troubles)}
        yield Finding(PROBLEM, "state", text, facts, todo=REBUILD)
    else:
        yield Finding(OK, "state", text, facts)
    if found.version < SCHEMA_VERSION:
        yield Finding(OK, "version", "the next run brings the state database up to date")
    if found.wal > WAL_ALARM:
        text, todo = "the log of the state database is large: {log}", "let a run end in order"
        yield Finding(WARNING, "log", text, {"log": found.wal}, todo=todo)
    states = ", ".join(f"{state} {count:,}" for state, count in found.states.items()) or "-"
    yield Finding(OK, "tasks", "tasks by state: {states}", {"states": states})
    files = {"count": found.stored, "missing": found.missing}
    if found.missing:
        text = "of {count} stored files and images {missing} are missing or have another size"
        yield Finding(PROBLEM, "files", text, files, todo="run the same download again")
    else:
        text = "all {count} stored files and images are there, with their size"
        yield Finding(OK, "files", text, files)


def _leftovers(folder: Path, *, busy: bool) -> Iterator[Finding]:
    count, size = _contents(folder / STATE / "tmp")
    facts = {"count": count, "size": size}
    if not count:
        yield Finding(OK, "partials", "no partial files are left")
    elif busy:
        yield Finding(OK, "partials", "{count} files are on their way, {size}", facts)
    else:
        text = "{count} partial files are left, {size}; the next run goes on with them"
        yield Finding(OK, "partials", text, facts)
    corrupted = folder / "corrupted"
    names = [] if not corrupted.is_dir() else [entry.name for entry in corrupted.iterdir()]
    bad = len([name for name in names if not name.endswith(".evidence.json")])
    if bad:
        text = "{count} files that failed their check lie in corrupted/"
        yield Finding(
            WARNING,
            "corrupted",
            text,
            {"count": bad},
            todo="look at the evidence beside them; delete what you do not need",
        )
    else:
        yield Finding(OK, "corrupted", "nothing lies in corrupted/")


def _contents(folder: Path) -> tuple[int, int]:
    count = size = 0
    try:
        for entry in folder.iterdir():
            if entry.is_file():
                count, size = count + 1, size + entry.stat().st_size
    except OSError:
        return count, size
    return count, size


def _ground(ground: Ground) -> Iterator[Finding]:
    if ground.free is None:
        yield Finding(WARNING, "space", "nobody tells how much space is free")
    elif ground.free < LITTLE_ROOM:
        todo = "free some space; a run pauses when there is none"
        yield Finding(WARNING, "space", "little space is free: {free}", {"free": ground.free}, todo)
    else:
        yield Finding(OK, "space", "space free: {free}", {"free": ground.free})
    kind = {"kind": ground.kind or "?"}
    if ground.shared:
        text = "the archive lies on a network file system ({kind})"
        todo = "let only one machine write to it; a local disk is safer and faster"
        yield Finding(WARNING, "file system", text, kind, todo)
    else:
        yield Finding(OK, "file system", "file system: {kind}", kind)
    if ground.trouble:
        text, todo = "nothing can be written here: {why}", "check the permissions of the directory"
        yield Finding(PROBLEM, "writing", text, {"why": ground.trouble}, todo)
        return
    yield _able(
        "links", "hard links work", "there are no hard links: equal files are copied", ground.links
    )
    yield _able("reflinks", "reflinks work", "there are no reflinks", ground.clones, usual=OK)
    yield _able(
        "names",
        "names are given in one step that replaces nothing",
        "names cannot be given in one step: let nobody else write into the archive during a run",
        ground.moves,
    )
    yield _able(
        "locks", "locks work", "locks do not work here: never start two runs at once", ground.locks
    )
    if ground.syncs:
        yield Finding(OK, "sync", "files can be made durable")
    else:
        text, todo = "files cannot be made durable here", "put the archive on another disk"
        yield Finding(PROBLEM, "sync", text, todo=todo)
    text = "case matters in names" if ground.case_matters else "case does not matter in names"
    yield Finding(OK, "case", text)
    longest = {"longest": ground.longest}
    if (ground.longest or 0) < LONGEST:
        text = "names may have only {longest} bytes"
        todo = "put the archive on another file system, or expect some names to fail"
        yield Finding(WARNING, "longest name", text, longest, todo)
    else:
        yield Finding(OK, "longest name", "names may have {longest} bytes", longest)


def _able(  # a fact, in the words for either case
    topic: str, good: str, bad: str, able: bool | None, *, usual: str = WARNING  # noqa: FBT001
) -> Finding:
    return Finding(OK, topic, good) if able else Finding(usual, topic, bad)


def versions() -> list[Finding]:
    """The versions of what this program is made of."""
    facts = {
        "program": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    text = "civitai-dl {program}, Python {python}, SQLite {sqlite}"
    found = [Finding(OK, "versions", text, facts), _clients()]
    if sqlite3.sqlite_version_info < SOUND_SQLITE:
        text = "this SQLite can damage a file that two connections write; here only one ever does"
        todo = "open state.db with other programs only to read"
        found.append(Finding(WARNING, "sqlite", text, todo=todo))
    return found


def _clients() -> Finding:
    facts = client_versions()
    if "curl" not in facts:
        return Finding(OK, "clients", "aiohttp {aiohttp}, no libcurl", facts)
    return Finding(OK, "clients", "libcurl {curl} with {tls}, aiohttp {aiohttp}", facts)
