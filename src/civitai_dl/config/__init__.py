"""Settings and lists: read, checked, and handed on as values."""

from ._file import ConfigFile, config_folder, config_path, read_config
from ._layers import Kind, Layer, Layers, Origin
from ._lists import STDIN, BadLine, collect, parse_model, parse_user, read_lines
from ._load import (
    check_base_url,
    different_tokens,
    find_engine,
    is_loopback,
    read_key,
    read_layers,
    told_of,
)
from ._settings import BASE_URL, ENGINES, Settings
from ._table import DEFAULTS, TOKEN_NAMES
from ._values import read_dialects, read_levels, read_size, read_span

__all__ = [
    "BASE_URL",
    "DEFAULTS",
    "ENGINES",
    "STDIN",
    "TOKEN_NAMES",
    "BadLine",
    "ConfigFile",
    "Kind",
    "Layer",
    "Layers",
    "Origin",
    "Settings",
    "check_base_url",
    "collect",
    "config_folder",
    "config_path",
    "different_tokens",
    "find_engine",
    "is_loopback",
    "parse_model",
    "parse_user",
    "read_config",
    "read_dialects",
    "read_key",
    "read_layers",
    "read_levels",
    "read_lines",
    "read_size",
    "read_span",
    "told_of",
]
