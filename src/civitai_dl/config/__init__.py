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
from ._words import FILE_TYPES, FORMATS, MODEL_TYPES, PRECISIONS, Words, read_words

__all__ = [
    "BASE_URL",
    "ENGINES",
    "FILE_TYPES",
    "FORMATS",
    "MODEL_TYPES",
    "PRECISIONS",
    "STDIN",
    "TOKEN_NAMES",
    "BadLine",
    "Settings",
    "Words",
    "check_base_url",
    "collect",
    "config_path",
    "different_tokens",
    "find_engine",
    "find_token",
    "is_loopback",
    "parse_model",
    "parse_user",
    "read_dialects",
    "read_file",
    "read_levels",
    "read_lines",
    "read_size",
    "read_span",
    "read_words",
]
