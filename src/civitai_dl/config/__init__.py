"""Settings and lists: read, checked, and handed on as values."""

from ._lists import STDIN, BadLine, collect, parse_any, parse_model, parse_user, read_lines
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

__all__ = [
    "BASE_URL",
    "ENGINES",
    "STDIN",
    "TOKEN_NAMES",
    "BadLine",
    "Settings",
    "check_base_url",
    "collect",
    "config_path",
    "different_tokens",
    "find_engine",
    "find_token",
    "is_loopback",
    "parse_any",
    "parse_model",
    "parse_user",
    "read_dialects",
    "read_file",
    "read_levels",
    "read_lines",
    "read_size",
    "read_span",
]
