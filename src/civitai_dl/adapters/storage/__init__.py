"""Where archives lie."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later
from civitai_dl.errors import ConfigError

from ._errors import as_storage_error
from ._kind import NEAR, NETWORK, kind_of, may_be_shared
from ._local import STATE, LocalStorage
from ._lock import RunLock, holder_of
from ._system import System
from ._wishes import (
    Facts,
    Wish,
    answer_wish,
    forget_wishes,
    forget_work,
    leave_wish,
    take_answer,
    take_back_wish,
    tell_work,
    told_work,
    waiting_wishes,
)

if TYPE_CHECKING:
    from ._application import (
        Application,
        DamagedSource,
        NoLinksHere,
        digest_of,
        look_at,
        names_in,
    )
    from ._belongings import (
        Belonging,
        Belongings,
        ChangedError,
        find_belongings,
        measure_belonging,
    )
    from ._link_record import LinkRecord
    from ._owned import OwnedBook, OwnedFiles, open_book, open_owned, owned_digests

__getattr__ = opens_later(
    __name__,
    {
        "Application": "_application",
        "Belonging": "_belongings",
        "Belongings": "_belongings",
        "ChangedError": "_belongings",
        "DamagedSource": "_application",
        "LinkRecord": "_link_record",
        "NoLinksHere": "_application",
        "OwnedBook": "_owned",
        "OwnedFiles": "_owned",
        "digest_of": "_application",
        "find_belongings": "_belongings",
        "look_at": "_application",
        "measure_belonging": "_belongings",
        "names_in": "_application",
        "open_book": "_owned",
        "open_owned": "_owned",
        "owned_digests": "_owned",
    },
)


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
    "Application",
    "Belonging",
    "Belongings",
    "ChangedError",
    "DamagedSource",
    "Facts",
    "LinkRecord",
    "LocalStorage",
    "NoLinksHere",
    "OwnedBook",
    "OwnedFiles",
    "RunLock",
    "System",
    "Wish",
    "answer_wish",
    "as_storage_error",
    "digest_of",
    "find_belongings",
    "forget_wishes",
    "forget_work",
    "holder_of",
    "kind_of",
    "leave_wish",
    "local_path",
    "look_at",
    "may_be_shared",
    "measure_belonging",
    "names_in",
    "open_book",
    "open_owned",
    "open_storage",
    "owned_digests",
    "take_answer",
    "take_back_wish",
    "tell_work",
    "told_work",
    "waiting_wishes",
]
