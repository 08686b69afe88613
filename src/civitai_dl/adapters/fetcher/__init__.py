"""Transfers from storage and CDN, and the engines that ask one address."""

from ._engine import UNTRUSTED, Reply
from ._http import HttpFetcher
from ._open import EngineName, choose_engine, client_versions, open_engine, open_fetcher

__all__ = [
    "UNTRUSTED",
    "EngineName",
    "HttpFetcher",
    "Reply",
    "choose_engine",
    "client_versions",
    "open_engine",
    "open_fetcher",
]
