"""What a client of bodies must do; what is common to all of them stands in `_http`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from civitai_dl.errors import BadAnswer, ConnectionLost
from civitai_dl.ports import Chunk

from ._head import Head

SILENCE = 30.0
"""Seconds without a byte after which a connection is given up; the transfer itself may take hours.
"""

CONNECT_SECONDS = 15.0

UNTRUSTED = 526
"""The status under which a certificate that is not trusted counts: the edge's for the same."""

UNTRUSTED_WAIT = 86_400.0
"""Seconds: a certificate is not mended within a run."""


class Reply(Protocol):
    """An answer whose head has come."""

    @property
    def head(self) -> Head:
        """Its head."""

    async def read(self) -> Chunk:
        """The next bytes, valid until the next call; empty at the end.

        Raises: ConnectionLost, Stalled, after everything was given that came before.
        """

    def close(self) -> None:
        """Let go of it; a connection that was not read to its end is closed. Safe to repeat."""


class Engine(Protocol):
    """Asks one address, and follows nothing. It knows no key and no cookie."""

    async def ask(self, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send one GET with these headers beside its own, and wait for the head of the answer.

        body: send this in a POST instead.
        Raises: ConnectionLost (its status UNTRUSTED for a certificate that is not trusted),
        Stalled, BadAnswer for what is no address, OutOfHandles; ProxyTrouble, ProxyRefused. None of
        them holds the link, nor is chained to an error that may.
        """

    def drop(self) -> None:
        """Let go of all connections; who reads from one hears that it broke."""


def untrusted(host: str) -> ConnectionLost:
    """The error for a certificate that is not trusted."""
    return ConnectionLost(
        f"the certificate of {host} is not trusted",
        status=UNTRUSTED,
        retry_after=UNTRUSTED_WAIT,
        hint="somebody may be listening on the way; look at this network's proxy and the clock; "
        "where a network does it by right, give its certificate with --ca-file",
    )


def no_address(shown: object) -> BadAnswer:
    """The error for a text that cannot be asked. shown: the text as it may be seen."""
    return BadAnswer(f"this is no address: {shown}")
