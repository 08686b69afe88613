"""civitai-dl: a complete, verified archive of Civitai.

    from civitai_dl import download_model

    report = download_model("https://civitai.com/models/4384", into="archive")
    assert report.exit_code == 0

Names are imported when they are first used, so that `civitai-dl --help` comes at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._doors import opens_later
from ._version import __version__

if TYPE_CHECKING:
    from ._api import (
        download_creator,
        download_creator_async,
        download_model,
        download_model_async,
    )
    from .config import Settings
    from .domain.entities import RunReport, Selection
    from .errors import CivitaiDLError

__all__ = [
    "CivitaiDLError",
    "RunReport",
    "Selection",
    "Settings",
    "__version__",
    "download_creator",
    "download_creator_async",
    "download_model",
    "download_model_async",
]

__getattr__ = opens_later(
    __name__,
    {
        "CivitaiDLError": "errors",
        "RunReport": "domain.entities",
        "Selection": "domain.entities",
        "Settings": "config",
        "download_creator": "_api",
        "download_creator_async": "_api",
        "download_model": "_api",
        "download_model_async": "_api",
    },
)
