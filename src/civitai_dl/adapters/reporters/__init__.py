"""Listeners: the live display, plain lines, JSON lines, a log file; rich only where it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._fan import Fan

if TYPE_CHECKING:
    from ._can_draw import can_draw
    from ._checking import CHECKED, CheckReporter, CheckView
    from ._json import JsonReporter
    from ._lines import LineReporter
    from ._log import FileLog, StreamLog
    from ._null import NullReporter
    from ._tally import Tally
    from ._terminal import TerminalReporter
    from ._view import View

__all__ = [
    "CHECKED",
    "CheckReporter",
    "CheckView",
    "Fan",
    "FileLog",
    "JsonReporter",
    "LineReporter",
    "NullReporter",
    "StreamLog",
    "Tally",
    "TerminalReporter",
    "View",
    "can_draw",
]

__getattr__ = opens_later(
    __name__,
    {
        "CHECKED": "_checking",
        "CheckReporter": "_checking",
        "CheckView": "_checking",
        "FileLog": "_log",
        "JsonReporter": "_json",
        "LineReporter": "_lines",
        "NullReporter": "_null",
        "StreamLog": "_log",
        "Tally": "_tally",
        "TerminalReporter": "_terminal",
        "View": "_view",
        "can_draw": "_can_draw",
    },
)
