"""What an operating system error means for the archive."""

from __future__ import annotations

import errno
from types import TracebackType

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


class Errors:
    """A context that raises OSError as StorageError, but for those that are answers.

    what: what was being done, to which path. to_writers: to them a folder that is gone is an error,
    too. Not by a generator: there are some twenty of these for each image.
    """

    __slots__ = ("_to_writers", "_what")

    def __init__(self, what: str, *, to_writers: bool) -> None:
        self._what = what
        self._to_writers = to_writers

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise what it means. Raises: StorageError."""
        if not isinstance(error, OSError) or isinstance(error, FileExistsError):
            return
        if not isinstance(error, FileNotFoundError):
            raise as_storage_error(error, self._what) from error
        if self._to_writers:
            raise StorageDenied(
                f"a folder of the archive is gone: {self._what}",
                hint="is the disk still there? the run goes on when it is back",
            ) from error


class PartialErrors(Errors):
    """As `Errors`, where the file itself cannot be gone unless somebody deleted it."""

    __slots__ = ()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise what it means. Raises: StorageError."""
        if isinstance(error, FileNotFoundError):
            gone = OSError(errno.EIO, "the partial is gone")
            gone.__cause__ = error
            raise as_storage_error(gone, self._what) from gone
        super().__exit__(kind, error, trace)


def storage_errors(what: str) -> Errors:
    """Raise OSError as StorageError; FileExistsError and FileNotFoundError are answers, not errors.

    what: what was being done, to which path.
    """
    return Errors(what, to_writers=False)


def writing_errors(what: str) -> Errors:
    """As storage_errors, for writers: to them a folder that is gone is an error, too."""
    return Errors(what, to_writers=True)


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
