"""Where archives lie."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from civitai_dl.errors import ConfigError

from ._belongings import (
    Belonging,
    Belongings,
    ChangedError,
    find_belongings,
    measure_belonging,
)
from ._errors import as_storage_error
from ._kind import NEAR, NETWORK, kind_of, may_be_shared
from ._limit import ask_limit, is_asked, take_limit
from ._local import STATE, LocalStorage
from ._lock import RunLock, holder_of
from ._owned import OwnedBook, OwnedFiles, open_book, open_owned
from ._system import System


def local_path(location: str) -> Path:
    """The directory that `--output` names. Raises: ConfigError for storages not built in yet."""
    if location.startswith("file://"):
        return Path(location.removeprefix("file://"))
    if "://" in location:
        raise ConfigError(
            f"this storage is not supported yet: {location.split('://', 1)[0]}://",
            hint="give a directory",
        )
    return Path(location).expanduser()


def open_storage(
    location: str, *, system: System | None = None, trusted: bool = True
) -> LocalStorage:
    """Open the archive at a location, making the directory. Raises: ConfigError, StorageError.

    trusted: a lock that works keeps everybody else away.
    """
    path = local_path(location)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise as_storage_error(error, str(path)) from error
    with suppress(OSError):
        # The archive's own name, where its folder lets us; the storage looks after those within.
        System().sync_folder(path.resolve().parent)
    kind = kind_of(path)
    trusted = trusted and kind not in NETWORK
    return LocalStorage(path, system=system, trusted=trusted, is_near=kind in NEAR)


__all__ = [
    "STATE",
    "Belonging",
    "Belongings",
    "ChangedError",
    "LocalStorage",
    "OwnedBook",
    "OwnedFiles",
    "RunLock",
    "System",
    "as_storage_error",
    "ask_limit",
    "find_belongings",
    "holder_of",
    "is_asked",
    "kind_of",
    "local_path",
    "may_be_shared",
    "measure_belonging",
    "open_book",
    "open_owned",
    "open_storage",
    "take_limit",
]
