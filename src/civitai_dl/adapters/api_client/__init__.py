"""The Civitai API."""

from ._client import ApiClient, Rates, open_api

__all__ = ["ApiClient", "Rates", "open_api"]
