"""The archive in a browser: pages, small pictures, and the server or the files that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

if TYPE_CHECKING:
    from ._export import Export, Exported
    from ._server import Site
    from ._shown import Shown
    from ._thumbnails import Thumbnails

__all__ = ["Export", "Exported", "Shown", "Site", "Thumbnails"]

__getattr__ = opens_later(
    __name__,
    {
        "Export": "_export",
        "Exported": "_export",
        "Shown": "_shown",
        "Site": "_server",
        "Thumbnails": "_thumbnails",
    },
)
