"""One run at a time in a directory."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from civitai_dl.errors import Busy, StorageDenied

from ._errors import as_storage_error

if TYPE_CHECKING:
    from typing_extensions import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""Answers that mean that somebody else has the lock; any other means that there are no locks."""


class RunLock:
    """Held while a run uses the directory; a lie about it can harm speed, never bytes.

    proven: a second try at the lock was refused, so that it is a lock indeed (some network disks
    grant it to everybody). unclean: the last holder did not leave in order.

    Raises: Busy, naming the holder, when another process holds it; StorageError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self.proven = False
        self.unclean = False

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise _no_lock(error, self._path) from error
        try:
            self.proven = _take(handle) and not _can_take(self._path)
        except BlockingIOError as error:
            holder = _read(handle)
            os.close(handle)
            raise Busy(
                f"another run is using this directory{_named(holder)}",
                hint="wait for it, or stop it; `civitai-dl status` shows how far it is",
            ) from error
        self._handle = handle
        try:
            self.unclean = os.fstat(handle).st_size > 0
            owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, owner.encode())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self._let_go()
                raise _no_lock(error, self._path) from error
            # On a full disk nobody can sign; the lock is ours all the same.
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            try:
                os.ftruncate(self._handle, 0)
            except OSError:
                # The next one looks more closely than it would have to.
                pass
            finally:
                self._let_go()

    def _let_go(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)


def holder_of(path: Path) -> str | None:
    """Who holds the lock, as " (process ... on ...)" or ""; None when nobody does.

    Changes nothing, so that a look at an archive does not hide that its last run died.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        _take(handle)
    except BlockingIOError:
        return _named(_read(handle))
    finally:
        os.close(handle)
    return None


def _no_lock(error: OSError, path: Path) -> Exception:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageDenied(
            f"{error.strerror}: {path.parent.parent}",
            hint="choose another directory with -o, or change its permissions",
        )
    return as_storage_error(error, str(path.parent.parent))


def _take(handle: int) -> bool:
    """Take the lock; False where the file system knows none. Raises: BlockingIOError."""
    try:
        if sys.platform == "win32":
            # Far beyond the text, which others must be able to read.
            os.lseek(handle, 1 << 20, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            raise BlockingIOError(error.errno, "held") from error
        return False
    return True


def _can_take(path: Path) -> bool:
    """Whether the lock is granted a second time, which a lock that works refuses."""
    handle = os.open(path, os.O_RDWR)
    try:
        return _take(handle)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)


def _read(handle: int) -> dict[str, object]:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found = json.loads(os.read(handle, 4096) or b"{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(holder: dict[str, object]) -> str:
    if "pid" not in holder or "host" not in holder:
        return ""
    return f" (process {holder['pid']} on {holder['host']})"
