"""The Civitai API."""

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._asker import SILENCE, Asker
from ._client import ApiClient

if TYPE_CHECKING:
    from ._several import SeveralHosts

__all__ = ["SILENCE", "ApiClient", "Asker", "SeveralHosts"]

__getattr__ = opens_later(__name__, {"SeveralHosts": "_several"})
