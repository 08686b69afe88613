"""From a model's JSON and what is stored of it to its page and the files beside its weights."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from civitai_dl.domain.entities import StoredFile
from civitai_dl.errors import CivitaiDLError
from civitai_dl.sources import read_model
from civitai_dl.worker import Dressing


def pictures(html: str | None, *, site: str) -> list[str]:
    """The URLs of the images in a description at a service."""
    # What is shown comes from an attribute of this name, or is a poster beside one.
    if html is None or "src" not in html.lower():
        return []
    from civitai_dl.archive import description_images, source_url

    return description_images(html, source_url(site, 0))


def dress(
    model_json: bytes, stored: Mapping[str, StoredFile], *, sidecars: bool, site: str
) -> Dressing:
    """See worker.Dresser."""
    # What reads and writes HTML is large, and a run with nothing new needs none of it.
    from civitai_dl.archive import make_page, make_sidecars

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
