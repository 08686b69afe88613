"""Small pictures: made when they are first looked at, and kept beside the state."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import anyio
import anyio.to_thread

WIDTH = 450
"""Pixels; enough for a column of a grid on a dense screen."""

QUALITY = 78
FOLDER = "thumbs"
MOST_PIXELS = 50_000_000
"""Larger images are not decoded: it takes 200 MB for these already, and a few bytes can claim to be
thousands of megapixels."""

DRAWN = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP")
"""What an archive holds. Pillow knows more, and hands some of it to programs beside it (EPS)."""

AT_ONCE = 2


class Thumbnails:
    """Makes and keeps small pictures in WebP. state: where they may lie."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._folder = folder
        self._kept = state / FOLDER
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    async def of(self, path: str, mark: str) -> bytes | None:
        """The small picture of an image of the archive; None where none can be made.

        mark: changes with the bytes of the image. Safe to repeat.
        """
        place = self._kept / mark[:2] / f"{mark}.webp"
        return await anyio.to_thread.run_sync(self._of, path, place, limiter=self._limiter)

    def _of(self, path: str, place: Path) -> bytes | None:
        with suppress(OSError):
            return place.read_bytes()
        data = make_thumbnail(self._folder / path)
        if data is not None:
            # Where nothing can be written it is made again the next time.
            with suppress(OSError):
                _keep(place, data)
        return data


def make_thumbnail(path: Path) -> bytes | None:
    """Decode an image and make it small; None for what is no image, or too large a one."""
    from io import BytesIO

    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path, formats=DRAWN) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (WIDTH * 2, WIDTH * 4))
            turned = ImageOps.exif_transpose(image)
            plain = turned.convert("RGBA" if "A" in turned.getbands() else "RGB")
            plain.thumbnail((WIDTH, WIDTH * 4))
            written = BytesIO()
            plain.save(written, "WEBP", quality=QUALITY, method=3)
            return written.getvalue()
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError):
        # A damaged image raises whatever its decoder stumbles over.
        return None


def _keep(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=place.parent, suffix=".part", delete=False) as file:
        try:
            file.write(data)
            file.close()
            Path(file.name).replace(place)
        except BaseException:
            # Nothing half is left behind, whatever it was that ended it.
            with suppress(OSError):
                Path(file.name).unlink()
            raise
