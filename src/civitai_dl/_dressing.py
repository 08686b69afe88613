"""From a model's JSON and what is stored of it to its page and the files beside its weights."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from civitai_dl.archive import description_images, make_page, make_sidecars
from civitai_dl.domain.entities import StoredFile
from civitai_dl.errors import CivitaiDLError
from civitai_dl.sources import read_model
from civitai_dl.worker import Dressing


def pictures(html: str | None, *, base: str) -> list[str]:
    """The URLs of the images in a description, made whole with `base`."""
    return description_images(html, base)


def dress(
    model_json: bytes, stored: Mapping[str, StoredFile], *, sidecars: bool, site: str
) -> Dressing:
    """See worker.Dresser."""
    try:
        model = read_model(msgspec.json.decode(model_json))
    except (msgspec.MsgspecError, ValueError, RecursionError, CivitaiDLError):
        # Somebody edited it; the page that is there stays.
        return Dressing([], [])
    documents = make_page(model, stored, site=site)
    links: list[tuple[str, str]] = []
    if sidecars:
        beside, links = make_sidecars(model, stored)
        documents += beside
    return Dressing(documents, links)
