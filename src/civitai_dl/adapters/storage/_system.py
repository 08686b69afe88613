"""Every call that changes something on the disk, in one place.

Whatever the storage does to the disk it does through a System, so that tests can record the calls
in their order, make the n-th of them fail, or stop the program at it. Reading needs no such door.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

BINARY = getattr(os, "O_BINARY", 0)
NO_REPLACE = 1
"""RENAME_NOREPLACE of Linux' renameat2."""
EXCLUSIVE = 4
"""RENAME_EXCL of macOS' renamex_np."""
KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE of Linux' fallocate."""
SHARE = 0x40049409
"""FICLONE of Linux' ioctl."""
AT_HERE = -100
"""AT_FDCWD: a relative path is relative to the working directory."""
IN_MEMORY = 0x01021994
"""TMPFS_MAGIC, the type of a file system without a disk."""
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


class System:
    """The operating system itself. Raises: OSError. Handles are file descriptors."""

    def create(self, path: Path) -> int:
        """Make a file that was not there, open for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY, 0o666)

    def append(self, path: Path) -> int:
        """Open a file to be added to, and make it where there is none."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY, 0o666)

    def open(self, path: Path) -> int:
        """Open a file that is there, for reading and writing."""
        return os.open(path, os.O_RDWR | BINARY)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """Write at the handle's place; returns how many bytes were taken."""
        return os.write(handle, data)

    def write_at(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """Write at a place of the file, and leave the handle's own; returns as `write`.

        On some systems not safe beside other calls with the same handle.
        """
        if hasattr(os, "pwrite"):
            return os.pwrite(handle, data, offset)
        place = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, offset, os.SEEK_SET)
        try:
            return os.write(handle, data)
        finally:
            os.lseek(handle, place, os.SEEK_SET)

    def truncate(self, handle: int, size: int) -> None:
        """Cut a file to a size."""
        os.ftruncate(handle, size)

    def reserve(self, handle: int, size: int) -> bool:
        """Set room aside for `size` bytes without changing the file's length.

        Returns False where the file system cannot.
        """
        allocate = _fallocate()
        if allocate is None:
            return False
        if allocate(handle, KEEP_SIZE, 0, size) == 0:
            return True
        code = ctypes.get_errno()
        if code in UNSUPPORTED:
            return False
        raise OSError(code, os.strerror(code))

    def is_in_memory(self, path: Path) -> bool:
        """Whether a folder lies on no disk: setting room aside there fills each page with zeros."""
        library = _library()
        if library is None or sys.platform != "linux":
            return False
        told = ctypes.create_string_buffer(512)
        if library.statfs(os.fsencode(path), told) != 0:
            return False
        return ctypes.c_long.from_buffer(told).value == IN_MEMORY

    def sync(self, handle: int) -> None:
        """Make a file's bytes durable. Once failed, never to be trusted for this file again."""
        os.fsync(handle)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable; systems without folder handles do it themselves."""
        if os.name == "nt":
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def sync_found(self, path: Path) -> None:
        """As `sync`, for a file that somebody else wrote; left to systems that want more rights."""
        self.sync_folder(path)

    def make_folder(self, folder: Path) -> None:
        """Make one folder. Raises: FileExistsError."""
        folder.mkdir()

    def link(self, existing: Path, new: Path) -> None:
        """Give a file a second name. Raises: FileExistsError."""
        os.link(existing, new)

    def symlink(self, target: str, new: Path) -> None:
        """Make a symbolic link. Raises: FileExistsError."""
        new.symlink_to(target)

    def clone(self, existing: Path, new: Path) -> None:
        """Make a file that shares the bytes of another until one of them is written to.

        Raises: FileExistsError; OSError with ENOTSUP where the file system does not share.
        """
        clone = _clone()
        if clone is not None:
            clone(existing, new)
            return
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(new))

    def move(self, existing: Path, new: Path) -> None:
        """Give a file another name in one step, replacing nothing.

        Raises: FileExistsError; OSError with ENOTSUP where the system has no such step.
        """
        if os.name == "nt":
            # There, rename does not replace.
            existing.rename(new)
            return
        rename = _exclusive_rename()
        if rename is None:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        if rename(os.fsencode(existing), os.fsencode(new)) == 0:
            return
        code = ctypes.get_errno()
        if code in UNSUPPORTED:
            code = errno.ENOTSUP
        raise OSError(code, os.strerror(code), str(new))

    def replace(self, existing: Path, new: Path) -> None:
        """Give a file another name, in place of whatever has it."""
        existing.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a name. Raises: FileNotFoundError."""
        path.unlink()

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder. Raises: OSError, also when something is in it."""
        folder.rmdir()


@cache
def _library() -> ctypes.CDLL | None:
    """The C library; None where it cannot be reached."""
    if sys.platform not in ("linux", "darwin"):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


@cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    library = _library()
    if library is None or sys.platform != "linux":
        return None
    allocate = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if allocate is None:
        return None
    allocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    allocate.restype = ctypes.c_int
    return allocate  # type: ignore[no-any-return]  # ctypes knows no types of its own


@cache
def _clone() -> Callable[[Path, Path], None] | None:
    if sys.platform == "darwin":
        apple = getattr(_library(), "clonefile", None)
        if apple is None:
            return None

        def clone(existing: Path, new: Path) -> None:
            if apple(os.fsencode(existing), os.fsencode(new), 0) != 0:
                _refuse_clone(ctypes.get_errno(), new)

        return clone
    return _clone_by_ioctl if sys.platform == "linux" else None


def _clone_by_ioctl(existing: Path, new: Path) -> None:
    import fcntl

    source = os.open(existing, os.O_RDONLY)
    try:
        target = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.ioctl(target, SHARE, source)
        except OSError as error:
            new.unlink()
            _refuse_clone(error.errno or 0, new)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _refuse_clone(code: int, new: Path) -> None:
    """Say by one code that there is no sharing, however the file system puts it."""
    code = errno.ENOTSUP if code in UNSUPPORTED | {errno.EXDEV, errno.ENOTTY, errno.EPERM} else code
    raise OSError(code, os.strerror(code), str(new))


@cache
def _exclusive_rename() -> Callable[[bytes, bytes], int] | None:
    library = _library()
    if library is None:
        return None
    if sys.platform == "darwin":
        apple = getattr(library, "renamex_np", None)
        if apple is None:
            return None
        return lambda existing, new: int(apple(existing, new, EXCLUSIVE))
    linux = getattr(library, "renameat2", None)
    if linux is None:
        return None
    return lambda existing, new: int(linux(AT_HERE, existing, AT_HERE, new, NO_REPLACE))
