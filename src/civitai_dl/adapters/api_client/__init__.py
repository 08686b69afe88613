"""The Civitai API."""

from ._asker import SILENCE, Asker
from ._client import ApiClient

__all__ = ["SILENCE", "ApiClient", "Asker"]
