"""What `login`, `logout` and `whoami` do and say."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import click

from civitai_dl._way import of_key, of_service
from civitai_dl._whoami import Heard, ask_service
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.config import different_tokens, read_key, usable_keyring
from civitai_dl.domain.decisions import Reach
from civitai_dl.domain.entities import Secret
from civitai_dl.domain.messages import Messages, printable
from civitai_dl.errors import CivitaiDLError, KeyRefused, Unavailable, UsageError

from ._exit import KEY, OK, SOME_FAILED
from ._found import sentence
from ._frame import framed
from ._keys import WideFile, key_store, with_key
from ._options import load_layers

if TYPE_CHECKING:
    from civitai_dl.config import Origin, Settings


def run_login(flags: Mapping[str, object]) -> int:
    """Ask for a key, try it and store it; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        store = str(flags.get("store") or "auto")
        in_keyring = _choose(store, messages)
        secret = _ask_for_key(settings, messages, from_stdin=flags.get("token_stdin") is True)
        heard = None
        if flags.get("no_check") is not True:
            heard = anyio.run(ask_service, replace(settings, token=secret), SystemClock())
            if heard.reach is not Reach.KNOWN:
                raise _not_known(heard, settings, messages)
        on_wide = WideFile(messages)
        place = key_store().keep(settings.base_url, secret, in_keyring=in_keyring, on_wide=on_wide)
        if heard is not None:
            _say(messages.say("the key is good: {who}", who=_who(heard)))
        _say(_kept(place, settings, messages))
        if os.name == "nt" and not in_keyring:
            _say(messages.say("on Windows the rights of your profile's folder protect the file"))
        if stronger := _stronger(flags):
            text = "{origin} counts before the stored key"
            _warn(messages.say(text, origin=str(stronger)), messages)
        return OK

    return framed(flags, work)


def run_logout(flags: Mapping[str, object]) -> int:
    """Remove the stored key of a service; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        had = key_store().forget(settings.base_url, on_wide=WideFile(messages))
        text = "no API key was stored for {url}"
        if had:
            text = "the API key for {url} is not stored any more; the site's settings revoke it"
        _say(messages.say(text, url=settings.base_url))
        if stronger := _stronger(flags):
            text = "a key is still set: {origin}"
            _warn(messages.say(text, origin=str(stronger)), messages)
        return OK

    return framed(flags, work)


def run_whoami(flags: Mapping[str, object]) -> int:
    """Try the key that counts, and tell whose it is; returns the exit status."""

    def work(_: Settings, messages: Messages) -> int:
        layers, bare = load_layers(flags, os.environ)
        settings, origin = with_key(bare, layers, messages)
        warn_of_different(flags, messages)
        if origin is None:
            raise UsageError(
                messages.say("there is no API key for {url}", url=settings.base_url),
                hint=messages.say("run `civitai-dl login`"),
            )
        heard = anyio.run(ask_service, settings, SystemClock())
        if flags.get("as_json") is True:
            _say(_as_json(heard, settings, origin))
            return _status(heard)
        if heard.reach is not Reach.KNOWN:
            raise _not_known(heard, settings, messages, origin=origin)
        _say(_who(heard))
        _say(messages.say("key: {origin}", origin=str(origin)))
        _say(messages.say("service: {url}", url=settings.base_url))
        return OK

    return framed(flags, work, with_key=False)


def warn_of_different(flags: Mapping[str, object], messages: Messages) -> None:
    """Warn of keys in the environment that differ, unless the command line gives one."""
    names = different_tokens(os.environ)
    if names and not flags.get("token"):
        text = "{names} hold different keys; the first is used"
        _warn(messages.say(text, names=", ".join(names)), messages)


def _choose(store: str, messages: Messages) -> bool:
    """Whether the keyring is used. Raises: UsageError when it is wanted and not there."""
    if store == "file":
        return False
    there = usable_keyring() is not None
    if store == "keyring" and not there:
        raise UsageError(
            messages.say("there is no keyring here that can be used"),
            hint=messages.say(
                "install the extra `keyring` and a keyring of the system, or give --store file"
            ),
        )
    return there


def _ask_for_key(settings: Settings, messages: Messages, *, from_stdin: bool) -> Secret:
    """The key from standard input, or from the terminal without an echo. Raises: UsageError."""
    if from_stdin:
        text = sys.stdin.readline()
    elif sys.stdin.isatty():
        prompt = messages.say("API key for {url} (it is not shown)", url=settings.base_url)
        try:
            text = click.prompt(prompt, hide_input=True, default="", show_default=False, err=True)
        except click.Abort:
            raise KeyboardInterrupt from None
    else:
        raise UsageError(
            messages.say("there is no terminal to ask for the key"),
            hint=messages.say("give it on standard input: civitai-dl login --token-stdin < FILE"),
        )
    secret = read_key(Secret(text))
    if secret is None:
        raise UsageError(messages.say("no key was given; nothing was stored"))
    return secret


def _not_known(
    heard: Heard, settings: Settings, messages: Messages, origin: Origin | None = None
) -> CivitaiDLError:
    """The error for an answer that does not know the key."""
    finding = of_key(heard, origin, has_key=True) if heard.reach is Reach.REFUSED else None
    finding = finding or of_service(heard, settings.base_url)
    text, todo = sentence(finding, messages), messages.say(finding.todo) if finding.todo else ""
    if heard.reach is Reach.REFUSED:
        return KeyRefused(text, status=heard.status, hint=todo)
    return Unavailable(text, status=heard.status, hint=todo)


def _status(heard: Heard) -> int:
    if heard.reach is Reach.KNOWN:
        return OK
    return KEY if heard.reach is Reach.REFUSED else SOME_FAILED


def _stronger(flags: Mapping[str, object]) -> Origin | None:
    """Where a key stands that counts before the stored one."""
    layers, settings = load_layers(flags, os.environ)
    return None if settings.token is None else layers.origin("token")


def _kept(place: str, settings: Settings, messages: Messages) -> str:
    url = settings.base_url
    if place == "keyring":
        return messages.say("the API key for {url} is in the system's keyring now", url=url)
    text = "the API key for {url} is in {path} now, which only you can read"
    return messages.say(text, url=url, path=place)


def _who(heard: Heard) -> str:
    name = printable(heard.name) or "?"
    return f"{name} ({printable(heard.tier)})" if heard.tier else name


def _as_json(heard: Heard, settings: Settings, origin: Origin) -> str:
    found = {
        "valid": {Reach.KNOWN: True, Reach.REFUSED: False}.get(heard.reach or Reach.DOWN),
        "name": heard.name or None,
        "tier": heard.tier or None,
        "key_from": {"kind": origin.kind.value, "place": origin.place},
        "base_url": settings.base_url,
        "answer": heard.why or (heard.reach.value if heard.reach else ""),
    }
    return json.dumps(found, ensure_ascii=False, indent=2)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _warn(text: str, messages: Messages) -> None:
    sys.stderr.write(f"{messages.warning(text)}\n")
