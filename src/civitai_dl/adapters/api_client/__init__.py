"""The Civitai API."""

from ._client import ApiClient, open_api

__all__ = ["ApiClient", "open_api"]
