"""Where archives lie."""

from __future__ import annotations

from pathlib import Path

from civitai_dl.errors import ConfigError

from ._errors import as_storage_error
from ._local import STATE, LocalStorage
from ._lock import RunLock


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


def open_storage(location: str) -> LocalStorage:
    """Open the archive at a location, making the directory. Raises: ConfigError, StorageError."""
    path = local_path(location)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise as_storage_error(error, str(path)) from error
    return LocalStorage(path)


__all__ = [
    "STATE",
    "LocalStorage",
    "RunLock",
    "as_storage_error",
    "local_path",
    "open_storage",
]
