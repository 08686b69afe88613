"""The service as a run asks it when it has several hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Union

from civitai_dl.adapters.api_client import SeveralHosts
from civitai_dl.config import usual_fallbacks
from civitai_dl.domain.entities import Notice

if TYPE_CHECKING:
    from civitai_dl.adapters.api_client import ApiClient
    from civitai_dl.config import Settings
    from civitai_dl.domain.entities import Secret
    from civitai_dl.ports import Reporter

Service = Union["ApiClient", SeveralHosts]


class Ask(Protocol):
    """Makes a client for a base URL."""

    def __call__(self, *, base_url: str, token: Secret | None) -> ApiClient: ...


def service_of(settings: Settings, ask: Ask, reporter: Reporter) -> SeveralHosts:
    """The service of the settings, with its fallbacks. ask: makes the client of each host."""
    others = (ask(base_url=url, token=_key_for(settings, url)) for url in settings.ways.fallbacks)
    clients = [ask(base_url=settings.base_url, token=settings.token), *others]
    return SeveralHosts(clients, tell=lambda text: reporter.emit(Notice("warning", text)))


def _key_for(settings: Settings, url: str) -> Secret | None:
    """The key for a fallback: one that was stored for a service does not follow to another.

    The fronts of Civitai are one service, with one database and one set of keys (observed).
    """
    if settings.stored_key is None or url in usual_fallbacks(settings.base_url):
        return settings.token
    return settings.stored_key(url)
