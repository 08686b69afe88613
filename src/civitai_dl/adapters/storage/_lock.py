"""One run at a time in a directory."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from civitai_dl.errors import Busy, StorageDenied

if TYPE_CHECKING:
    from typing_extensions import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class RunLock:
    """Held while a run uses the directory; a lie about it can harm speed, never bytes.

    Raises: Busy, naming the holder, when another process holds it; StorageDenied.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StorageDenied(
                f"{error.strerror}: {self._path.parent.parent}",
                hint="choose another directory with -o, or change its permissions",
            ) from error
        try:
            _take(handle)
        except OSError as error:
            holder = _holder(handle)
            os.close(handle)
            raise Busy(
                f"another run is using this directory{holder}",
                hint="wait for it, or stop it; `civitai-dl status` shows how far it is",
            ) from error
        self._handle = handle
        owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.ftruncate(handle, 0)
        (
            os.pwrite(handle, owner.encode(), 0)
            if hasattr(os, "pwrite")
            else os.write(handle, owner.encode())
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None


def _take(handle: int) -> None:
    if sys.platform == "win32":
        # Far beyond the text, which others must be able to read.
        os.lseek(handle, 1 << 20, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(handle: int) -> str:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        owner = json.loads(os.read(handle, 4096) or b"{}")
        return f" (process {owner['pid']} on {owner['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
