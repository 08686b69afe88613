"""Names of a package that are imported when they are first used: nobody pays for the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def opens_later(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a package. homes: from a name to the module in the package that has it.

    Type checkers are told of the same names by imports under TYPE_CHECKING.
    """

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f".{homes[name]}", package), name)
        # The next time nobody asks here.
        setattr(sys.modules[package], name, found)
        return found

    return find
