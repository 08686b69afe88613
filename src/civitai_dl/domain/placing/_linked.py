"""Whose a file in an application's folder is: placed by us, or the user's; and how it is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ..decisions._damage import There
from ..decisions._names import (
    MAX_COMPONENT_BYTES,
    SIDECAR_ROOM,
    portable_component,
    split_extension,
)

_SIDECARS = (".civitai.info", ".metadata.json", ".cm-info.json", ".json")
_PICTURES = frozenset({"png", "jpg", "jpeg", "webp", "gif", "mp4", "webm"})


class Way(str, Enum):
    """How a file is placed; the value is the word of `--mode`."""

    HARDLINK = "hardlink"
    REFLINK = "reflink"
    SYMLINK = "symlink"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Record:
    """What was placed, or is about to be: path in the application, and what it was then.

    key: the task of the weights that it is, or lies beside. archive, source: where it came from.
    inode, modified (nanoseconds): of what was placed, 0 as long as nobody knows. origin: the same
    time of the archive's file. target: of a symbolic link. beside: a preview or sidecar, which
    applications may edit.
    """

    path: str
    key: str
    archive: str
    source: str
    how: Way
    sha256: str
    size: int
    inode: int = 0
    modified: int = 0
    origin: int = 0
    target: str = ""
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What lies at a path, without following it.

    modified: nanoseconds. target: of a symbolic link. names: how many a file has.
    """

    there: There
    size: int = 0
    inode: int = 0
    modified: int = 0
    device: int = 0
    target: str = ""
    names: int = 1


class Whose(Enum):
    """Whose a file under a recorded name is. ASK: only its digest can tell."""

    OURS = "ours"
    THEIRS = "theirs"
    NOBODYS = "nothing is there"
    ASK = "ask"


def whose(record: Record, facts: Facts, *, same: bool = False, digest: str = "") -> Whose:
    """Whether what lies there is still what was placed.

    same: it is the very file of the archive that the record names. digest: of its bytes, when it
    was read. A device's number does not count: it changes with a restart.
    """
    if facts.there is There.NOTHING:
        return Whose.NOBODYS
    if record.how is Way.SYMLINK:
        ours = facts.there is There.LINK and facts.target == record.target
        return Whose.OURS if ours else Whose.THEIRS
    if facts.there is not There.FILE:
        return Whose.THEIRS
    known = (record.inode, record.size, record.modified)
    if record.inode and known == (facts.inode, facts.size, facts.modified):
        return Whose.OURS
    if record.how is Way.HARDLINK:
        return Whose.OURS if same else Whose.THEIRS
    if facts.size != record.size:
        return Whose.THEIRS
    if not digest:
        return Whose.ASK
    return Whose.OURS if digest == record.sha256 else Whose.THEIRS


def is_last(record: Record, facts: Facts) -> bool:
    """Whether what was placed is the last name of its bytes: the archive has them no more."""
    return record.how is Way.HARDLINK and facts.names < 2


def is_current(record: Record, facts: Facts, source: Facts, *, target: str, sha256: str) -> bool:
    """Whether what was placed, and is untouched, is still what the archive has.

    source: the archive's file. target: where a symbolic link would lead today. sha256: of weights.
    """
    if record.how is Way.SYMLINK:
        return record.target == target
    if record.beside:
        return (record.size, record.origin) == (source.size, source.modified)
    if record.sha256 != sha256:
        return False
    # A file that was healed is another file: the old name would lead to the damaged one.
    return record.how is not Way.HARDLINK or facts.inode == source.inode


def is_sidecar(stem: str, name: str) -> bool:
    """Whether a file beside weights of this stem is its preview, or is about it.

    By name alone: `<stem>.preview.<ext>`, `.civitai.info`, `.json` (A1111, Forge),
    `.metadata.json` (LoRA Manager), `.cm-info.json` (Stability Matrix).
    """
    if not name.startswith(f"{stem}."):
        return False
    rest = name[len(stem) :].lower()
    if rest in _SIDECARS:
        return True
    return rest.startswith(".preview.") and rest[len(".preview.") :] in _PICTURES


def stems_for(stem: str, version_id: int, file_id: int) -> Iterator[str]:
    """The names that a file may have in an application's folder, best first, without extension.

    The archive's own; with the version's id; with the file's id as well.
    """
    yield stem
    for mark in (f"-{version_id}", f"-{version_id}-{file_id}"):
        room = MAX_COMPONENT_BYTES - SIDECAR_ROOM - len(mark)
        yield portable_component(stem, max_bytes=room) + mark


def stem_of(name: str) -> str:
    """A name without its extension."""
    return split_extension(name)[0]
