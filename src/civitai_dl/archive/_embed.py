"""An image with its prompt inside, or why there is none; without loss, and pure."""

from __future__ import annotations

from enum import Enum

from ._exif import Malformed
from ._jpeg_prompt import SIGNATURE as JPEG
from ._jpeg_prompt import TooLong, jpeg_with_prompt
from ._png_prompt import SIGNATURE as PNG
from ._png_prompt import png_with_prompt
from ._prompts import Prompt
from ._webp_prompt import webp_with_prompt


class Left(Enum):
    """Why no copy is made of an image."""

    CARRIES = "it carries a prompt already"
    OTHER = "it is no PNG, JPEG or WebP"
    BROKEN = "it is not whole"
    TOO_LONG = "its prompt is too long for its form"


def embed(data: bytes, prompt: Prompt) -> bytes | Left:
    """The image with the prompt as A1111 and ComfyUI read it; the picture is the same to the byte.

    data: a whole image; any bytes will do. Deterministic, raises nothing, and takes time that grows
    with the length alone.
    """
    try:
        if data.startswith(PNG):
            found = png_with_prompt(data, prompt)
        elif data.startswith(JPEG):
            found = jpeg_with_prompt(data, prompt)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            found = webp_with_prompt(data, prompt)
        else:
            return Left.OTHER
    except Malformed:
        return Left.BROKEN
    except TooLong:
        return Left.TOO_LONG
    return Left.CARRIES if found is None else found
