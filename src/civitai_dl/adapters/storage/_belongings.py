"""The user's own files: which there are, and what their digests are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from civitai_dl.domain.entities import OwnedFile
from civitai_dl.domain.placing import may_hold_weights

from ._files import READ_SIZE, Meter, heed_cancellation


@dataclass(frozen=True, slots=True)
class Belonging:
    """A file as it was found. shown: as the user's own words lead to it; path: where it is."""

    shown: str
    path: str
    size: int
    mtime: int
    inode: int

    def is_now(self, found: os.stat_result) -> bool:
        """Whether it is still what it was."""
        return (self.size, self.mtime, self.inode) == (
            found.st_size,
            found.st_mtime_ns,
            found.st_ino,
        )


@dataclass(slots=True)
class Belongings:
    """What was found below some paths. troubles: what could not be looked at, and why."""

    files: list[Belonging] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)


def find_belongings(paths: Sequence[str], *, besides: Path, every: bool) -> Belongings:
    """The files below these paths, each once, that may hold weights; a file that is named counts.

    Symbolic links are followed; what lies in the folder `besides` is left out, wherever a link to
    it stands. every: whatever they are called. Cancellable between entries.
    """
    found = Belongings()
    seen: set[tuple[int, int]] = set()
    taken: set[str] = set()
    avoided = os.path.realpath(besides)

    def take(shown: str, *, named: bool) -> None:
        path = os.path.realpath(shown)
        if path == avoided or path.startswith(f"{avoided}{os.sep}"):
            return
        heed_cancellation()
        try:
            facts = Path(path).stat()
            if S_ISDIR(facts.st_mode):
                # By what it is: a link that leads back up would never end.
                if (facts.st_dev, facts.st_ino) not in seen:
                    seen.add((facts.st_dev, facts.st_ino))
                    for below in sorted(Path(shown).iterdir()):
                        take(str(below), named=False)
                return
            wanted = named or every or may_hold_weights(Path(shown).name)
            if wanted and S_ISREG(facts.st_mode) and path not in taken:
                taken.add(path)
                size, mtime = facts.st_size, facts.st_mtime_ns
                found.files.append(Belonging(shown, path, size, mtime, facts.st_ino))
        except OSError as error:
            found.troubles.append((shown, error.strerror or str(error)))

    for path in paths:
        take(path, named=True)
    return found


class ChangedError(Exception):
    """A file is not what it was when it was found."""


def measure_belonging(file: Belonging, hear: Callable[[int], None]) -> OwnedFile:
    """Read and digest a file. hear: told how many bytes more were read.

    Cancellable between slices when called in a worker thread. Raises: OSError, ChangedError.
    """
    meter = Meter(crc=False)
    with Path(file.path).open("rb") as source:
        for chunk in _slices(source.read):
            heed_cancellation()
            meter.feed(chunk)
            hear(len(chunk))
            if meter.size > file.size:
                # Whoever writes to it may go on for ever.
                break
        facts = os.fstat(source.fileno())
    measured = meter.measured()
    if not file.is_now(facts) or measured.size != file.size:
        raise ChangedError
    return OwnedFile(
        file.path, file.size, file.mtime, file.inode, measured.sha256, measured.prefixes
    )


def _slices(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(READ_SIZE):
        yield chunk
