"""Settings and lists: read, checked, and handed on as values."""

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._file import (
    ConfigFile,
    check_file,
    config_folder,
    config_path,
    has_stored_keys,
    platform_file,
    read_config,
)
from ._layers import Kind, Layer, Layers, Origin, of_flags
from ._lists import STDIN, BadLine, collect, parse_any, parse_model, parse_user, read_lines
from ._load import (
    check_base_url,
    different_tokens,
    find_engine,
    is_loopback,
    named_file,
    read_key,
    read_layers,
    stray_variables,
    told_of,
)
from ._settings import BASE_URL, ENGINES, Settings
from ._table import DEFAULTS, EXAMPLES, MEANINGS, TOKEN_NAMES
from ._values import read_dialects, read_levels, read_size, read_span
from ._ways import (
    ActiveProxy,
    find_ways,
    proxies_in_force,
    read_base_urls,
    usual_fallbacks,
    without_ways,
)

if TYPE_CHECKING:
    from ._stored import KeyStore, is_wide, service_name, usable_keyring
    from ._words import KNOWN_WORDS, Words, read_words

__all__ = [
    "BASE_URL",
    "DEFAULTS",
    "ENGINES",
    "EXAMPLES",
    "KNOWN_WORDS",
    "MEANINGS",
    "STDIN",
    "TOKEN_NAMES",
    "ActiveProxy",
    "BadLine",
    "ConfigFile",
    "KeyStore",
    "Kind",
    "Layer",
    "Layers",
    "Origin",
    "Settings",
    "Words",
    "check_base_url",
    "check_file",
    "collect",
    "config_folder",
    "config_path",
    "different_tokens",
    "find_engine",
    "find_ways",
    "has_stored_keys",
    "is_loopback",
    "is_wide",
    "named_file",
    "of_flags",
    "parse_any",
    "parse_model",
    "parse_user",
    "platform_file",
    "proxies_in_force",
    "read_base_urls",
    "read_config",
    "read_dialects",
    "read_key",
    "read_layers",
    "read_levels",
    "read_lines",
    "read_size",
    "read_span",
    "read_words",
    "service_name",
    "stray_variables",
    "told_of",
    "usable_keyring",
    "usual_fallbacks",
    "without_ways",
]

__getattr__ = opens_later(
    __name__,
    {
        "KNOWN_WORDS": "_words",
        "Words": "_words",
        "read_words": "_words",
        **dict.fromkeys(("KeyStore", "is_wide", "service_name", "usable_keyring"), "_stored"),
    },
)
