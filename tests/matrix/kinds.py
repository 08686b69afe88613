"""The table of all kinds of trouble, for files, for the links to them, and for images."""

from __future__ import annotations

from kinds_answers import ANSWERS
from kinds_bytes import BYTES
from kinds_images import IMAGES
from kinds_links import LINKS
from places import Kind

KINDS: tuple[Kind, ...] = (*BYTES, *ANSWERS, *LINKS, *IMAGES)
"""Every kind, in an order that tests may rely on."""
