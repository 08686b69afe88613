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
    "media": None,
    "types": None,
    "base_models": None,
    "versions": "all",
    "since": None,
    "file_types": None,
    "formats": None,
    "fp": None,
    "size": None,
    "max_file_size": None,
    "exclude": None,
    "include_training_data": True,
    "allow_unsafe": False,
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
    "proxy": None,
    "proxy_http": None,
    "proxy_https": None,
    "no_proxy": None,
    "ca_file": None,
    "json_logs": False,
    "log_file": None,
    "lang": None,
}
"""By the name of the setting, which is that of its flag, its default as a file would have it.

None: there is none, and the meaning of that is told in the reference.
"""

EXAMPLES: Mapping[str, object] = {
    "only": "models",
    "gallery_limit": 200,
    "media": "image",
    "types": ["LORA", "Checkpoint"],
    "base_models": ["SDXL 1.0"],
    "since": "2026-01-31",
    "file_types": ["Model", "VAE"],
    "formats": ["SafeTensor"],
    "fp": ["fp16"],
    "size": "pruned",
    "max_file_size": "8G",
    "exclude": ["exclude.txt"],
    "proxy": "socks5h://127.0.0.1:1080",
    "proxy_http": "http://proxy.example:3128",
    "proxy_https": "http://proxy.example:3128",
    "no_proxy": [".example", "10.0.0.0/8"],
    "ca_file": "corporate.pem",
    "log_file": "civitai-dl.log",
    "lang": "en",
}
"""For each setting without a default, but for the key, a value that could stand in a file."""

MEANINGS: Mapping[str, str] = {
    "max_rate_resolve": "Requests/s for links to files.",
    "proxy_http": "The proxy for addresses of http.",
    "proxy_https": "The proxy for addresses of https.",
    "no_proxy": "Hosts that are reached without a proxy.",
}
"""For each setting without an option, whose help says it otherwise, what it is about."""

PROXIES = ("proxy", "proxy_http", "proxy_https")
"""Settings that may hold a password."""

TWO_SIDED = frozenset({"nsfw", "include_training_data"})
"""Switches with a flag for either side, so that a flag that is False was given, too."""


def variables_of(name: str) -> tuple[str, ...]:
    """The environment variables of a setting; the first that is not blank counts."""
    usual = f"CIVITAI_DL_{name.upper()}"
    if name == "token":
        return TOKEN_NAMES
    return ("CIVITAI_BASE_URL", usual) if name == "base_url" else (usual,)
