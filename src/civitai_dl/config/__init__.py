"""Settings and lists: read, checked, and handed on as values."""

from ._lists import STDIN, BadLine, collect, parse_model, parse_user, read_lines
from ._load import (
    TOKEN_NAMES,
    check_base_url,
    config_path,
    different_tokens,
    find_engine,
    find_token,
    is_loopback,
    read_file,
)
from ._settings import BASE_URL, ENGINES, Settings
from ._values import read_dialects, read_levels, read_size, read_span
from ._ways import InForce, find_ways, proxies_in_force, read_base_urls, usual_fallbacks

__all__ = [
    "BASE_URL",
    "ENGINES",
    "STDIN",
    "TOKEN_NAMES",
    "BadLine",
    "InForce",
    "Settings",
    "check_base_url",
    "collect",
    "config_path",
    "different_tokens",
    "find_engine",
    "find_token",
    "find_ways",
    "is_loopback",
    "parse_model",
    "parse_user",
    "proxies_in_force",
    "read_base_urls",
    "read_dialects",
    "read_file",
    "read_levels",
    "read_lines",
    "read_size",
    "read_span",
    "usual_fallbacks",
]
