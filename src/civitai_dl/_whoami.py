"""One question to the service, which tells whether the way, the key and the clock are right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from civitai_dl._compose import user_agent
from civitai_dl.adapters.fetcher import UNTRUSTED, Reply, open_engine
from civitai_dl.domain.decisions import Reach, clock_skew, judge_reach
from civitai_dl.errors import CivitaiDLError, TransferError

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Clock

PATH = "/api/v1/me"
"""The one place where a bad key is an error; elsewhere it makes us silently anonymous (source)."""

PATIENCE = 20.0
"""Seconds that a person waits for the answer."""

MOST = 1 << 20
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of the question.

    reach: None when nothing came, and `why` says so. untrusted: nothing was asked, for the
    certificate is not trusted. name, tier: of the key's owner, "" where the service does not tell.
    skew: seconds that our clock is ahead, None where nobody tells the time. seconds: until the
    answer had come.
    """

    reach: Reach | None
    status: int = 0
    name: str = ""
    tier: str = ""
    skew: float | None = None
    seconds: float = 0.0
    why: str = ""
    untrusted: bool = False


async def ask_service(settings: Settings, clock: Clock, *, patience: float = PATIENCE) -> Heard:
    """Ask who we are, once. It raises nothing expected, and follows no redirect.

    patience: seconds. The key goes to the service of the settings alone.
    """
    key = None if settings.token is None else settings.token.reveal()
    headers = {"Accept": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    begun = clock.now()
    try:
        with anyio.fail_after(patience):
            opening = open_engine(
                user_agent(), silence=patience, name=settings.engine, ways=settings.ways
            )
            async with opening as engine:
                reply = await engine.ask(settings.base_url + PATH, headers)
                try:
                    body = await _body(reply)
                finally:
                    reply.close()
    except TimeoutError:
        return Heard(None, why="no answer in time")
    except CivitaiDLError as error:
        untrusted = isinstance(error, TransferError) and error.status == UNTRUSTED
        return Heard(None, why=error.message, untrusted=untrusted)
    now = clock.now()
    said: dict[str, str] = {}
    for name, value in reply.head.lines:
        said.setdefault(name.lower(), value)
    return _heard(reply.head.status, said, body, now=now, seconds=now - begun)


async def _body(reply: Reply) -> bytes:
    body = bytearray()
    while len(body) < MOST and (chunk := await reply.read()):
        body += chunk
    return bytes(body)


def _heard(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, seconds: float
) -> Heard:
    fields = _fields(body)
    challenged = "cf-mitigated" in headers or b"just a moment" in body.lower()
    return Heard(
        judge_reach(status, is_json=fields is not None, challenged=challenged),
        status,
        name=_text(fields, "username"),
        tier=_text(fields, "tier"),
        skew=clock_skew(headers.get("date"), now),
        seconds=seconds,
    )


def _fields(body: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(fields: dict[str, object] | None, name: str) -> str:
    value = (fields or {}).get(name)
    return value[:100] if isinstance(value, str) else ""
