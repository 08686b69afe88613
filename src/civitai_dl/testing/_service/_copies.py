"""What lies where: the bytes behind signed links and image addresses, for another server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civitai_dl.testing._service._shape_image import image_url
from civitai_dl.testing._world import BytesBody, file_body, image_bytes, public_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._world import CodedBody


def copies(context: Context) -> Iterator[tuple[str, BytesBody | CodedBody]]:
    """Return path and body of all that can be fetched; see FakeCivitai.copies."""
    for model in context.index.models.values():
        creator = context.index.user(model.creator)
        user_id = creator.id if creator is not None else 0
        for version in model.versions:
            for file in public_files(version):
                for store in context.options.stores:
                    yield context.signer.path(store, file, user_id), file_body(file)
    for image in context.index.media.values():
        if image.url is None and not image.removed:
            yield urlsplit(image_url(context, image)).path, BytesBody(image_bytes(image))
