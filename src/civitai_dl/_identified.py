"""What became of files that somebody had already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from civitai_dl.domain.entities import ModelId, RunReport, VersionId

from ._ending import status_after

Place = tuple[ModelId, VersionId]


class Fate(str, Enum):
    """What became of one of the user's files."""

    ADOPTED = "adopted"
    ALREADY = "already"
    KNOWN = "known"
    NOT_SHOWN = "not_shown"
    UNKNOWN = "unknown"
    UNTOLD = "untold"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Identified:
    """One of the user's files. places: the versions that have it, as far as that was asked."""

    shown: str
    size: int
    sha256: str
    fate: Fate
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentifyReport:
    """What was found and what became of it.

    troubles: what could not be read, and why. hashed: files that were read, the others were known.
    asked: requests for digests. why: of the digests that nobody told anything about. run: the run
    that took the files in, None when there was nothing to take.
    """

    files: tuple[Identified, ...] = ()
    troubles: tuple[tuple[str, str], ...] = ()
    hashed: int = 0
    asked: int = 0
    why: str = ""
    seconds: float = 0.0
    interrupted: bool = False
    run: RunReport | None = None

    def of(self, *fates: Fate) -> list[Identified]:
        """The files with one of these fates."""
        return [file for file in self.files if file.fate in fates]

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        whole = self.run is None or not self.run.exit_code
        is_well = whole and not self.troubles and not self.of(Fate.UNTOLD, Fate.FAILED)
        return status_after(self.run, interrupted=self.interrupted, is_well=is_well)
