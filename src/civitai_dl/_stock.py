"""Whether what is stored is still there, by a look at each file and its size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from civitai_dl.adapters.catalog import Runs
from civitai_dl.adapters.storage import LocalStorage

BATCH = 10_000
"""Files that are looked at before anything is noted."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a look at some files found: how many are there, and how many are not as they were."""

    there: int
    gone: int


async def take_stock(runs: Runs, storage: LocalStorage) -> AsyncIterator[Stock]:
    """Look after everything that is stored; what is gone becomes due, and is told batch by batch.

    Raises: StorageError, CatalogError. Safe to repeat.
    """
    last = 0
    while batch := await runs.stored_after(last, BATCH):
        last = batch[-1][0]
        sizes = await storage.sizes([path for _, path, _ in batch])
        gone = [row for (row, _, size), found in zip(batch, sizes, strict=True) if found != size]
        if gone:
            await runs.missing(gone)
        yield Stock(len(batch) - len(gone), len(gone))
