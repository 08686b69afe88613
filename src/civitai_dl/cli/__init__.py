"""The command line: one module a command, imported when it is called."""

from ._main import main

__all__ = ["main"]
