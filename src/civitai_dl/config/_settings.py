"""What a run is to do, decided before it begins and never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from civitai_dl.domain.entities import USUAL_DIALECTS, Dialect, Secret, Selection, Ways
from civitai_dl.domain.messages import Language

BASE_URL = "https://civitai.com"
ENGINES = ("curl", "aiohttp")
"""Clients that transfer bodies; the environment's CIVITAI_DL_ENGINE names one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Rates are per second (0: no cap), sizes bytes, times seconds.

    concurrency: transfers at once per lane, None for the built-in choice. limit_rate: 0 for none.
    only_failed: try again what failed last time, and nothing else. reasons: of that only what
    failed, or cannot be had, for one of these; all without any. dry_run: list, transfer nothing.
    engine: the client that transfers bodies, one of ENGINES; None for the fastest there is.
    embed_metadata: make copies of images with their prompts inside.
    sidecars: what is written beside model files, in the order of Dialect.
    warnings: what was doubtful in what was read, one sentence each, to be told once.
    stored_key: finds the key that was stored for a service, by its base URL, where none was given
    otherwise; it may raise ConfigError. A key belongs to its service and does not follow another.
    ways: proxies, certificates, and other hosts of the service; none by default.
    """

    output: str = "./civitai"
    base_url: str = BASE_URL
    token: Secret | None = None
    selection: Selection = Selection()
    max_rate_model: float = 0.5
    max_rate_image: float = 2.0
    max_rate_resolve: float = 10.0
    concurrency: int | None = None
    limit_rate: int = 0
    retries: int = 5
    max_wait: float = 300.0
    resume: bool = True
    dry_run: bool = False
    only_failed: bool = False
    reasons: tuple[str, ...] = ()
    language: Language = Language.EN
    json_logs: bool = False
    log_file: str | None = None
    verbose: bool = False
    quiet: bool = False
    engine: str | None = None
    sidecars: tuple[Dialect, ...] = USUAL_DIALECTS
    embed_metadata: bool = False
    warnings: tuple[str, ...] = ()
    stored_key: Callable[[str], Secret | None] | None = None
    ways: Ways = Ways()
