"""An index of an archive for whoever looks at it: covers, search, filters; made anew at will."""

from ._asking import MOST_COUNTED
from ._library import Library
from ._open import INDEX_FILE
from ._reading import Holdings, Readers

__all__ = [
    "INDEX_FILE",
    "MOST_COUNTED",
    "Holdings",
    "Library",
    "Readers",
]
