"""What an operating system error means for the archive."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from civitai_dl.errors import (
    OutOfHandles,
    StorageBroken,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnfit,
)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
BROKEN = frozenset({errno.EIO, errno.ESTALE, getattr(errno, "EUCLEAN", errno.EIO), errno.ENXIO})
UNFIT = frozenset(
    {errno.EFBIG, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR}
)
NO_LINKS = frozenset(
    {errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
"""Answers of file systems that have no hard links, or no more of them for this file."""


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Raise OSError as StorageError; FileExistsError and FileNotFoundError are answers, not errors.

    what: what was being done, to which path.
    """
    try:
        yield
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        raise as_storage_error(error, what) from error


def as_storage_error(error: OSError, what: str) -> StorageError:
    """The error by what a person can do about it."""
    reason = error.strerror or str(error)
    if error.errno in FULL:
        return StorageFull(
            "no space is left on the disk", hint="free some space: it goes on by itself"
        )
    if error.errno in DENIED:
        return StorageDenied(f"{reason}: {what}", hint="check the permissions of the directory")
    if OutOfHandles.explains(error):
        return OutOfHandles(what)
    if error.errno in UNFIT:
        hint = (
            "the file system of the archive cannot hold it: too large, or something is in the way"
        )
        return StorageUnfit(f"{reason}: {what}", hint=hint)
    if error.errno in BROKEN:
        return StorageBroken(f"{reason}: {what}", hint="check the disk and its cable")
    return StorageError(f"{reason}: {what}")


@contextmanager
def writing_errors(what: str) -> Iterator[None]:
    """As storage_errors, for writers: to them a folder that is gone is an error, too."""
    try:
        with storage_errors(what):
            yield
    except FileNotFoundError as error:
        raise StorageDenied(
            f"a folder of the archive is gone: {what}",
            hint="is the disk still there? the run goes on when it is back",
        ) from error
