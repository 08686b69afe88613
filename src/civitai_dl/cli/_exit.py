"""Exit statuses, and errors as people read them."""

from __future__ import annotations

import sys

from civitai_dl.domain.messages import Messages
from civitai_dl.errors import (
    Busy,
    CatalogError,
    CivitaiDLError,
    KeyRefused,
    StorageError,
    UsageError,
)

OK = 0
SOME_FAILED = 1
USAGE = 2
KEY = 3
STORAGE = 4
IN_USE = 5
INTERRUPTED = 130


def status_of(error: CivitaiDLError) -> int:
    """The exit status an error stands for."""
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, KeyRefused):
        return KEY
    if isinstance(error, Busy):
        return IN_USE
    if isinstance(error, (StorageError, CatalogError)):
        return STORAGE
    return SOME_FAILED


def tell(error: CivitaiDLError, messages: Messages) -> int:
    """Write an error to standard error; returns the exit status."""
    sys.stderr.write(f"{messages.error(error.message, error.hint)}\n")
    return status_of(error)
