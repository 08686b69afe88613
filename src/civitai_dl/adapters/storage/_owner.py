"""Whose a leftover is, and whether its owner still lives."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

_TEXT = re.compile(r"([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its number, when it began (0 where that cannot be learnt), and where it runs."""

    process: int
    began: int
    place: str

    def __str__(self) -> str:
        return f"{self.process:x}-{self.began:x}-{self.place}"

    @property
    def is_dead(self) -> bool:
        """Whether it surely works no more. False also when nobody here can know."""
        if self.place != _place():
            return False
        return not _is_alive(self.process) or _began(self.process) != self.began


def myself() -> Owner:
    """This process."""
    return Owner(os.getpid(), _began(os.getpid()), _place())


def read_owner(text: str) -> Owner | None:
    """The owner that `str` wrote; None for any other text."""
    match = _TEXT.fullmatch(text)
    return None if match is None else Owner(int(match[1], 16), int(match[2], 16), match[3])


def _place() -> str:
    """The machine since its start, and the room in which process numbers mean something."""
    facts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            facts.append(str(Path(path).readlink()) if "ns" in path else Path(path).read_text())
        except OSError:
            facts.append("")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":
        # Nothing here asks without a library; a living owner costs a copy, a dead one more is lost.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _began(process: int) -> int:
    """Clock ticks after the machine's start; 0 where the system does not tell."""
    try:
        # The name of the program, in brackets, may hold anything; the start is the 20th after it.
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2]
        return int(fields.split()[19])
    except (OSError, ValueError, IndexError):
        return 0
