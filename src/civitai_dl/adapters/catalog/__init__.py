"""The state of an archive in SQLite: queue, catalog, runs and their accounts."""

from ._catalog import SqliteCatalog
from ._checkup import Checkup, check_up
from ._database import Database
from ._examine import examine
from ._header import Glance, glance
from ._inspection import Chosen, Fate, Inspection
from ._ledger import SqliteLedger
from ._migrate import SCHEMA_VERSION
from ._open import STATE_FILE, holds_an_archive
from ._queue import SqliteQueue
from ._rates import SqliteRates
from ._rebuild import Rebuilding
from ._runs import Root, RunBegun, Runs
from ._trouble import REBUILD
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
    "Glance",
    "Inspection",
    "Rebuilding",
    "Root",
    "RunBegun",
    "Runs",
    "SqliteCatalog",
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
