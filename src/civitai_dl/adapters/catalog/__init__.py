"""The state of an archive in SQLite: queue, catalog, runs and their accounts."""

from ._catalog import SqliteCatalog
from ._database import Database
from ._inspection import Chosen, Fate, Inspection
from ._ledger import SqliteLedger
from ._queue import SqliteQueue
from ._runs import Root, RunBegun, Runs

__all__ = [
    "Chosen",
    "Database",
    "Fate",
    "Inspection",
    "Root",
    "RunBegun",
    "Runs",
    "SqliteCatalog",
    "SqliteLedger",
    "SqliteQueue",
]
