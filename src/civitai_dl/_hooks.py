"""Handing the report of a finished run over: to a command of the person's, or to a web address."""

from __future__ import annotations

import os
import shlex
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from subprocess import CalledProcessError
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import msgspec

from civitai_dl.config import TOKEN_NAMES, is_loopback
from civitai_dl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

    from civitai_dl.domain.entities import Secret

LONGEST = 600.0
"""Seconds that a command may take."""

PATIENCE = 60.0
"""Seconds that a web address may take."""

_STDERR = 2
"""Where a command's own output goes: standard output may be JSON for a program."""

_SHOWN = 4096


@dataclass(frozen=True, slots=True)
class Hook:
    """Whom to hand it to: the words of a command, or a URL; the other is empty."""

    words: tuple[str, ...] = ()
    url: str = ""

    @property
    def name(self) -> str:
        """What to call it: addresses of webhooks are secrets but for their host."""
        return str(urlsplit(self.url).hostname) if self.url else self.words[0]


def read_hook(text: str) -> Hook:
    """A hook from the words of the person. Raises: UsageError.

    A command is split as a shell splits it, and no shell sees it: nothing that the service calls
    its models can become a command. A URL is https, or on this machine.
    """
    if text.lower().startswith(("http://", "https://")):
        return _read_url(text)
    try:
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(f"--on-finish cannot be split into words: {error}") from error
    if not words:
        raise UsageError("--on-finish names no command and no URL")
    return Hook(words=tuple(words))


def _read_url(text: str) -> Hook:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(sign.isspace() for sign in text) or not text.isascii():
        raise UsageError("--on-finish: this is no URL", hint="for example https://example.org/hook")
    if parts.username is not None:
        raise UsageError("--on-finish: a URL with a name or a password in it is not understood")
    if parts.scheme.lower() == "http" and not is_loopback(text):
        raise UsageError(
            f"--on-finish: the report would travel in the clear to {host}",
            hint="use https; plain http is for this machine only",
        )
    return Hook(url=text)


async def fire(
    hook: Hook,
    report: Mapping[str, object],
    *,
    told: Mapping[str, str],
    environment: Mapping[str, str],
    token: Secret | None,
) -> str:
    """Hand a report over; returns what went wrong as a sentence, "" when nothing did.

    told: what a command finds in its environment beside ours, from which the API key is taken out.
    """
    body = msgspec.json.encode(report)
    if hook.url:
        return await _post(hook, body)
    clean = {name: value for name, value in environment.items() if name not in TOKEN_NAMES}
    if token is not None:
        key = token.reveal()
        clean = {name: value for name, value in clean.items() if key not in value}
    return await _call(hook.words, body, {**clean, **told})


async def _call(words: Sequence[str], body: bytes, environment: Mapping[str, str]) -> str:
    try:
        with anyio.fail_after(LONGEST):
            await anyio.run_process(
                list(words), input=body, stdout=_STDERR, stderr=None, env=environment
            )
    except CalledProcessError as error:
        return f"{words[0]} ended with status {error.returncode}"
    except TimeoutError:
        return f"{words[0]} did not end within {LONGEST:.0f} seconds"
    except (BrokenPipeError, ConnectionResetError):
        # It did not want to read all of it.
        return ""
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return f"{words[0]} could not be started: {why}"
    return ""


async def _post(hook: Hook, body: bytes) -> str:
    try:
        with anyio.fail_after(PATIENCE):
            status = await anyio.to_thread.run_sync(_send, hook.url, body, abandon_on_cancel=True)
    except TimeoutError:
        return f"{hook.name} did not answer within {PATIENCE:.0f} seconds"
    except (OSError, ValueError) as error:
        # The text of an error may hold the address, which may be a secret.
        return f"{hook.name} could not be reached ({type(error).__name__})"
    if 200 <= status < 300:
        return ""
    return f"{hook.name} answered {status}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A report goes where the person said, and nowhere else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        """Follow none."""
        del req, fp, code, msg, headers, newurl


def _send(url: str, body: bytes) -> int:
    request = urllib.request.Request(  # noqa: S310  # https or loopback, see read_hook
        url,
        data=body,
        headers={"Content-Type": "application/json", "User-Agent": "Civitai-DL"},
        method="POST",
    )
    handlers: list[urllib.request.BaseHandler] = [
        _NoRedirect(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    ]
    if is_loopback(url):
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=PATIENCE / 2) as answer:
            answer.read(_SHOWN)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)
