"""One model as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from ._shelf import Generation, Picture


@dataclass(frozen=True, slots=True)
class ScanView:
    """What a scanner of the service said of a file."""

    name: str
    result: str
    good: bool


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a version. size: bytes, by the service's word where it is not stored.

    state: "verified", "stored" (without a digest to verify), "waiting", "failed" or "unavailable".
    why: a sentence for the last two. path: in the archive, where it is stored. gone_since: the day
    when the service had it no more.
    """

    name: str
    kind: str
    format: str
    size: int | None
    sha256: str | None
    state: str
    why: str = ""
    path: str = ""
    scans: tuple[ScanView, ...] = ()
    gone_since: str = ""


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version. description: sanitised HTML. published, gone_since: days, as 2026-11-23."""

    id: int
    name: str
    base_model: str
    published: str
    words: tuple[str, ...]
    description: str
    files: tuple[FileView, ...]
    previews: tuple[tuple[Picture, Generation], ...] = ()
    gone_since: str = ""


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model. description: sanitised HTML. source_url: its page at the service."""

    source_url: str
    description: str
    versions: tuple[VersionView, ...]
    gone_since: str = ""
