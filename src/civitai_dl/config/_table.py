"""Every setting that a file or the environment may hold, and its default."""

from __future__ import annotations

from collections.abc import Mapping

from ._settings import BASE_URL

TOKEN_NAMES = ("CIVITAI_API_KEY", "CIVITAI_API_TOKEN", "CIVITAI_TOKEN")
"""Other programs of the field use one or the other of these."""

DEFAULTS: Mapping[str, object] = {
    "output": "./civitai",
    "token": None,
    "only": None,
    "no_gallery": False,
    "gallery_limit": None,
    "nsfw": True,
    "browsing_level": "all",
    "sidecars": "civitai,preview",
    "embed_metadata": False,
    "max_rate_model": 0.5,
    "max_rate_image": 2,
    "max_rate_resolve": 10,
    "concurrency": "auto",
    "limit_rate": "0",
    "retries": 5,
    "max_wait": "5m",
    "no_resume": False,
    "base_url": BASE_URL,
    "json_logs": False,
    "log_file": None,
    "lang": None,
}
"""By the name of the setting, which is that of its flag, its default as a file would have it.

None: there is none, and the meaning of that is told in the reference.
"""

TWO_SIDED = frozenset({"nsfw"})
"""Switches with a flag for either side, so that a flag that is False was given, too."""


def variables_of(name: str) -> tuple[str, ...]:
    """The environment variables of a setting; the first that is not blank counts."""
    usual = f"CIVITAI_DL_{name.upper()}"
    if name == "token":
        return TOKEN_NAMES
    return ("CIVITAI_BASE_URL", usual) if name == "base_url" else (usual,)
