"""Transfers from storage and CDN."""

from ._http import HttpFetcher, open_fetcher

__all__ = ["HttpFetcher", "open_fetcher"]
