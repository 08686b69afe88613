"""The documented API over HTTP: paced, with the key for its host alone."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlencode, urljoin, urlsplit

import msgspec

from civitai_dl.domain.decisions import read_whole
from civitai_dl.domain.entities import PacedLane, Secret, SignedUrl, Trouble
from civitai_dl.errors import (
    NeedsLogin,
    SourceError,
    Throttled,
    Unavailable,
    UnexpectedShape,
)

from ._asker import LARGEST_ANSWER, Asker, NoAnswerError, Reply, ask_whole
from ._errors import source_error

if TYPE_CHECKING:
    from civitai_dl.pacing import Pacer, Turn
    from civitai_dl.ports import Clock, Json, Parameters

MOST_HOPS = 5
REDIRECTS = (301, 302, 303, 307, 308)


class ApiClient:
    """JsonApi and LinkResolver of one base URL. asker: has connections that nobody else uses.

    host: name and port of the base URL, in lower case.
    """

    def __init__(
        self,
        asker: Asker,
        *,
        base_url: str,
        token: Secret | None,
        pacer: Pacer,
        clock: Clock,
    ) -> None:
        self._asker = asker
        self._base = base_url.rstrip("/")
        self.host = urlsplit(base_url).netloc.lower()
        self._token = token
        self._clock = clock
        self._pacer = pacer

    async def get(self, path: str, parameters: Parameters = ()) -> Json:
        """See ports.JsonApi."""
        what = _name(path, parameters)
        query = f"?{urlencode(list(parameters))}" if parameters else ""
        lane = "api.image" if path.startswith("/api/v1/images") else "api.model"
        async with self._pacer.turn(self._lane(lane)) as turn:
            reply = await self._ask(self._base + path + query, turn, what=what)
            if reply.status != 200:
                raise _told(turn, source_error(reply.status, reply.headers, reply.body, what))
            turn.heard(None)
        return _decode(reply, what)

    async def post(self, path: str, body: Json) -> Json:
        """See ports.JsonApi."""
        sent = msgspec.json.encode(body)
        async with self._pacer.turn(self._lane("api.model")) as turn:
            reply = await self._ask(self._base + path, turn, what=path, sent=sent)
            if reply.status != 200:
                raise _told(turn, source_error(reply.status, reply.headers, reply.body, path))
            turn.heard(None)
        return _decode(reply, path)

    async def resolve(self, path: str) -> SignedUrl:
        """See ports.LinkResolver."""
        what = f"asking for the link of {path}"
        async with self._pacer.turn(self._lane("api.resolve")) as turn:
            location = await self._resolve(path, what, turn)
            turn.heard(None)
        if _is_login(location):
            raise NeedsLogin(
                f"{what}: the service wants a login",
                status=401,
                hint="give an API key: `civitai-dl login`, --token or CIVITAI_API_KEY",
            )
        return self._signed(location, what)

    async def _resolve(self, path: str, what: str, turn: Turn) -> str:
        """Where the first redirect away from the API leads."""
        url = self._base + path
        for _ in range(MOST_HOPS):
            reply = await self._ask(url, turn, what=what)
            if reply.status not in REDIRECTS:
                raise _told(turn, source_error(reply.status, reply.headers, reply.body, what))
            try:
                location = urljoin(url, reply.headers.get("location", ""))
                urlsplit(location)
            except ValueError:
                raise UnexpectedShape(f"{what}: the redirect leads to no address") from None
            if _is_login(location) or not self._is_ours(location):
                return location
            url = location
        raise UnexpectedShape(f"{what}: the service redirects in a circle")

    async def check_key(self) -> bool:
        """Whether the key is valid: a bad one makes us silently anonymous elsewhere.

        Raises: SourceError when the service cannot tell.
        """
        what = "checking the API key"
        async with self._pacer.turn(self._lane("api.model")) as turn:
            reply = await self._ask(f"{self._base}/api/v1/me", turn, what=what)
            if reply.status == 200 and reply.body.lstrip()[:1] == b"{":
                turn.heard(None)
                return True
            error = _told(turn, source_error(reply.status, reply.headers, reply.body, what))
        if isinstance(error, NeedsLogin):
            return False
        raise error

    def _lane(self, name: str) -> PacedLane:
        return PacedLane(name, self.host)

    def _is_ours(self, location: str) -> bool:
        """Whether a redirect stays with the API, so that the key may go along."""
        here, there = urlsplit(self._base), urlsplit(location)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc) and (
            there.path.startswith("/api/")
        )

    def _signed(self, location: str, what: str) -> SignedUrl:
        scheme = urlsplit(location).scheme
        if scheme != "https" and (scheme != "http" or self._base.startswith("https")):
            raise UnexpectedShape(f"{what}: the service redirects to an insecure address")
        key = None if self._token is None else self._token.reveal()
        if urlsplit(location).username is not None or (key and key in unquote(location)):
            raise UnexpectedShape(f"{what}: the service redirects with credentials in the address")
        return SignedUrl(location, expires_at=_expiry(location, self._clock.now()))

    async def _ask(self, url: str, turn: Turn, *, what: str, sent: bytes | None = None) -> Reply:
        headers = {"Accept": "application/json"}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            reply = await ask_whole(self._asker, url, headers, sent)
        except NoAnswerError as error:
            raise _told(turn, Unavailable(f"{what}: {error}", status=0, hint=error.hint)) from None
        if reply.is_too_large:
            raise UnexpectedShape(f"{what}: the answer is larger than {LARGEST_ANSWER >> 20} MiB")
        if reply.status != 200 or reply.body.lstrip()[:1] not in (b"{", b"["):
            # These words are told and kept, and some services repeat what they were sent.
            return Reply(reply.status, reply.headers, self._without_key(reply.body))
        return reply

    def _without_key(self, body: bytes) -> bytes:
        return body if self._token is None else body.replace(self._token.reveal().encode(), b"***")


def _told(turn: Turn, error: SourceError) -> SourceError:
    """The error of an answer, of which the pace has heard; a throttled one says how long."""
    if isinstance(error, Throttled):
        trouble = Trouble.QUOTA if error.quota else Trouble.THROTTLED
        trouble = Trouble.BLOCKED if error.blocked else trouble
        error.retry_after = turn.heard(trouble, status=error.status, asked=error.retry_after)
    elif isinstance(error, Unavailable):
        turn.heard(Trouble.TRANSIENT, status=error.status)
    else:
        turn.heard(None)
    return error


def _decode(reply: Reply, what: str) -> Json:
    try:
        found: Json = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            # Texts may hold raw control characters (observed), which strict JSON forbids, or half
            # an emoji where somebody cut them, which no text file can hold.
            found = _writable(json.loads(reply.body.decode("utf-8", "replace"), strict=False))
        except (ValueError, RecursionError):
            raise _not_json(reply, what) from None
    return found


def _writable(value: Json) -> Json:
    """The same without what strict JSON cannot carry: halves of characters, NaN, infinities."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, dict):
        return {str(_writable(name)): _writable(item) for name, item in value.items()}
    return value


def _not_json(reply: Reply, what: str) -> SourceError:
    start = reply.body.lstrip()[:1]
    if start in (b"{", b"["):
        return Unavailable(f"{what}: the answer was cut off", status=0)
    return source_error(200, reply.headers, reply.body, what)


def _name(path: str, parameters: Parameters) -> str:
    """A request as people read it; ids in bulk are cut."""
    shown = [
        f"{name}={value if len(value) <= 40 else value[:37] + '...'}" for name, value in parameters
    ]
    return f"{path}?{'&'.join(shown)}" if shown else path


def _is_login(location: str) -> bool:
    parts = urlsplit(location)
    return parts.path.rstrip("/").endswith("/login") or (parts.hostname or "").startswith("auth.")


def _expiry(location: str, now: float) -> float | None:
    """When a presigned link ends, from its own lifetime, counted from now."""
    query = parse_qs(urlsplit(location).query)
    seconds = query.get("X-Amz-Expires", [""])[0]
    whole = read_whole(seconds)
    return None if whole is None else now + whole
