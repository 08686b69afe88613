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
    from ._cancel import Withdrawal, Withdrawn, withdraw
    from ._checkup import Checkup, check_up
    from ._examine import examine
    from ._followed import SqliteFollowed
    from ._holdings import FileStanding, HeldFile, Holdings, ListedImage
    from ._inspection import Chosen, Fate, Inspection
    from ._outlook import SqliteOutlook
    from ._paces import SqlitePaces
    from ._rebuild import Rebuilding
    from ._survey import (
        LaneCounts,
        LearnedLane,
        Survey,
        TroubleGroup,
        UnderWay,
        WaitingGroup,
        survey,
    )
    from ._unfinished import Asked, Left, Undone, find_left, find_undone
    from ._why import Counted, KnownThing, RunFacts, Standings
    from ._wreck import Wreck

__all__ = [
    "REBUILD",
    "SCHEMA_VERSION",
    "STATE_FILE",
    "Asked",
    "Checkup",
    "Chosen",
    "Counted",
    "Database",
    "Fate",
    "FileStanding",
    "Glance",
    "HeldFile",
    "Holdings",
    "Inspection",
    "KnownThing",
    "LaneCounts",
    "LearnedLane",
    "Left",
    "ListedImage",
    "Rebuilding",
    "Root",
    "RunBegun",
    "RunFacts",
    "Runs",
    "SqliteCatalog",
    "SqliteFollowed",
    "SqliteLedger",
    "SqliteOutlook",
    "SqlitePaces",
    "SqliteQueue",
    "SqliteRates",
    "Standings",
    "Survey",
    "TroubleGroup",
    "UnderWay",
    "Undone",
    "WaitingGroup",
    "Withdrawal",
    "Withdrawn",
    "Wreck",
    "check_up",
    "examine",
    "find_left",
    "find_undone",
    "glance",
    "holds_an_archive",
    "survey",
    "withdraw",
]

__getattr__ = opens_later(
    __name__,
    {
        "Asked": "_unfinished",
        "Checkup": "_checkup",
        "Chosen": "_inspection",
        "Counted": "_why",
        "Fate": "_inspection",
        "FileStanding": "_holdings",
        "HeldFile": "_holdings",
        "Holdings": "_holdings",
        "Inspection": "_inspection",
        "KnownThing": "_why",
        "SqliteOutlook": "_outlook",
        "SqlitePaces": "_paces",
        "RunFacts": "_why",
        "Standings": "_why",
        "LaneCounts": "_survey",
        "LearnedLane": "_survey",
        "Left": "_unfinished",
        "ListedImage": "_holdings",
        "Rebuilding": "_rebuild",
        "Survey": "_survey",
        "TroubleGroup": "_survey",
        "UnderWay": "_survey",
        "SqliteFollowed": "_followed",
        "Undone": "_unfinished",
        "WaitingGroup": "_survey",
        "Withdrawal": "_cancel",
        "Withdrawn": "_cancel",
        "Wreck": "_wreck",
        "check_up": "_checkup",
        "examine": "_examine",
        "find_left": "_unfinished",
        "find_undone": "_unfinished",
        "survey": "_survey",
        "withdraw": "_cancel",
    },
)
