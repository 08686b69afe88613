"""What a reader of the archive sees: pages, sidecars, lists, and what a run says at its end."""

from ._account import closing_account, failed_txt, retry_ps1, retry_sh, unavailable_txt
from ._description import description_images
from ._dresser import make_page, make_sidecars, source_url
from ._lists import list_chunks

__all__ = [
    "closing_account",
    "description_images",
    "failed_txt",
    "list_chunks",
    "make_page",
    "make_sidecars",
    "retry_ps1",
    "retry_sh",
    "source_url",
    "unavailable_txt",
]
