"""The service as a run asks it when it has several hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Union

from civitai_dl.adapters.api_client import SeveralHosts
from civitai_dl.domain.entities import Notice

if TYPE_CHECKING:
    from civitai_dl.adapters.api_client import ApiClient
    from civitai_dl.config import Settings
    from civitai_dl.ports import Reporter

Service = Union["ApiClient", SeveralHosts]


class Ask(Protocol):
    """Makes a client for a base URL."""

    def __call__(self, *, base_url: str) -> ApiClient: ...


def service_of(settings: Settings, ask: Ask, reporter: Reporter) -> SeveralHosts:
    """The service of the settings, with its fallbacks. ask: makes the client of each host."""
    clients = [ask(base_url=url) for url in (settings.base_url, *settings.ways.fallbacks)]
    return SeveralHosts(clients, tell=lambda text: reporter.emit(Notice("warning", text)))
