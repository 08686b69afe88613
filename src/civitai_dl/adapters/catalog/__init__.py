"""The state of an archive in SQLite: queue, catalog, runs and their accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._catalog import SqliteCatalog
from ._database import Database
from ._header import Glance, glance
from ._ledger import SqliteLedger
from ._migrate import SCHEMA_VERSION
from ._open import STATE_FILE, holds_an_archive
from ._queue import SqliteQueue
from ._rates import SqliteRates
from ._runs import Root, RunBegun, Runs
from ._trouble import REBUILD

if TYPE_CHECKING:
    from ._checkup import Checkup, check_up
    from ._examine import examine
    from ._followed import SqliteFollowed
    from ._holdings import FileStanding, HeldFile, Holdings, ListedImage
    from ._inspection import Chosen, Fate, Inspection
    from ._rebuild import Rebuilding
    from ._unfinished import Asked, Undone, find_undone
    from ._wreck import Wreck

__all__ = [
    "REBUILD",
    "SCHEMA_VERSION",
    "STATE_FILE",
    "Asked",
    "Checkup",
    "Chosen",
    "Database",
    "Fate",
    "FileStanding",
    "Glance",
    "HeldFile",
    "Holdings",
    "Inspection",
    "ListedImage",
    "Rebuilding",
    "Root",
    "RunBegun",
    "Runs",
    "SqliteCatalog",
    "SqliteFollowed",
    "SqliteLedger",
    "SqliteQueue",
    "SqliteRates",
    "Undone",
    "Wreck",
    "check_up",
    "examine",
    "find_undone",
    "glance",
    "holds_an_archive",
]

__getattr__ = opens_later(
    __name__,
    {
        "Asked": "_unfinished",
        "Checkup": "_checkup",
        "Chosen": "_inspection",
        "Fate": "_inspection",
        "FileStanding": "_holdings",
        "HeldFile": "_holdings",
        "Holdings": "_holdings",
        "Inspection": "_inspection",
        "ListedImage": "_holdings",
        "Rebuilding": "_rebuild",
        "SqliteFollowed": "_followed",
        "Undone": "_unfinished",
        "Wreck": "_wreck",
        "check_up": "_checkup",
        "examine": "_examine",
        "find_undone": "_unfinished",
    },
)
