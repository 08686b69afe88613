"""Transfers from storage and CDN, and the engines that ask one address."""

from ._http import HttpFetcher
from ._open import EngineName, choose_engine, open_engine, open_fetcher

__all__ = ["EngineName", "HttpFetcher", "choose_engine", "open_engine", "open_fetcher"]
