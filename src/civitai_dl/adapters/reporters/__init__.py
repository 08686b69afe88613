"""Listeners: the live display, plain lines, JSON lines, a log file; rich only where it is drawn."""

from __future__ import annotations

from ._checking import CheckReporter, CheckView
from ._fan import Fan
from ._json import JsonReporter
from ._lines import LineReporter
from ._log import FileLog, StreamLog
from ._null import NullReporter
from ._tally import Tally
from ._terminal import TerminalReporter, can_draw
from ._view import View

__all__ = [
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
