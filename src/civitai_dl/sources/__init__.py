"""Everything a URL can mean: one module each, found by looking into this folder."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._shapes import read_file, read_image, read_model, read_version
from ._spec import SourceSpec

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Target

    from ._by_hash import IDS_AT_ONCE, VERSIONS_AT_ONCE, Told, ask_ids, ask_versions
    from ._facts import model_facts, read_generation, read_picture, read_scans
    from ._kept import KeptModel, read_kept
    from ._narrow import narrow
    from ._terms import read_most, read_period, read_sort


@lru_cache(maxsize=1)
def all_sources() -> tuple[SourceSpec, ...]:
    """Every source of this folder, in the order of their names."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names if not name.startswith("_")]
    return tuple(module.SOURCE for module in modules)


def parse_target(text: str) -> Target:
    """What a line or an argument names.

    Raises: TargetError, which says why it names nothing, and what could stand there.
    """
    cleaned = text.strip()
    for source in all_sources():
        target = source.parse(cleaned)
        if target is not None:
            return target
    from ._near import why_not

    raise why_not(cleaned)


__all__ = [
    "IDS_AT_ONCE",
    "VERSIONS_AT_ONCE",
    "KeptModel",
    "SourceSpec",
    "Told",
    "all_sources",
    "ask_ids",
    "ask_versions",
    "model_facts",
    "narrow",
    "parse_target",
    "read_file",
    "read_generation",
    "read_image",
    "read_kept",
    "read_model",
    "read_most",
    "read_period",
    "read_picture",
    "read_scans",
    "read_sort",
    "read_version",
]

__getattr__ = opens_later(
    __name__,
    {
        "IDS_AT_ONCE": "_by_hash",
        "KeptModel": "_kept",
        "Told": "_by_hash",
        "VERSIONS_AT_ONCE": "_by_hash",
        "ask_ids": "_by_hash",
        "ask_versions": "_by_hash",
        "model_facts": "_facts",
        "narrow": "_narrow",
        "read_generation": "_facts",
        "read_kept": "_kept",
        "read_most": "_terms",
        "read_period": "_terms",
        "read_picture": "_facts",
        "read_scans": "_facts",
        "read_sort": "_terms",
    },
)
