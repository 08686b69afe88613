"""What a reader of the archive sees: pages, sidecars, lists, and what a run says at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

if TYPE_CHECKING:
    from ._account import closing_account, failed_txt, retry_ps1, retry_sh, unavailable_txt
    from ._description import clean_description, description_images
    from ._dresser import Departed, make_page, source_url
    from ._embed import Left, embed
    from ._lists import list_chunks
    from ._prompts import Prompt, read_prompt
    from ._sidecars import Sidecars, make_sidecars

__all__ = [
    "Departed",
    "Left",
    "Prompt",
    "Sidecars",
    "clean_description",
    "closing_account",
    "description_images",
    "embed",
    "failed_txt",
    "list_chunks",
    "make_page",
    "make_sidecars",
    "read_prompt",
    "retry_ps1",
    "retry_sh",
    "source_url",
    "unavailable_txt",
]

__getattr__ = opens_later(
    __name__,
    {
        "clean_description": "_description",
        "Departed": "_dresser",
        "Left": "_embed",
        "Prompt": "_prompts",
        "Sidecars": "_sidecars",
        "closing_account": "_account",
        "description_images": "_description",
        "failed_txt": "_account",
        "embed": "_embed",
        "list_chunks": "_lists",
        "make_page": "_dresser",
        "make_sidecars": "_sidecars",
        "read_prompt": "_prompts",
        "retry_ps1": "_account",
        "retry_sh": "_account",
        "source_url": "_dresser",
        "unavailable_txt": "_account",
    },
)
