"""What stands between the program and the service: real proxies, behind a tap that listens."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pproxy
from pproxy.server import ProxyDirect

from civitai_dl._compose import archive
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.config import Layers, Settings, collect, find_ways
from civitai_dl.config._layers import of_flags
from civitai_dl.domain.entities import RunReport, Secret, Selection, Ways
from civitai_dl.sources import parse_target
from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeFile, FakeOptions, FakeVersion, World

NAME, RED = "fake.civitai.test", "red.civitai.test"
"""Hosts that only the proxies of these tests can find: whatever comes from there came by them."""

USER, PASSWORD = "ann@corp", "pass:w/rd"
WRITTEN = "ann%40corp:pass%3Aw%2Frd"

SPEED = 60.0


@dataclass(frozen=True)
class Private:
    """An authority of one's own. path: its certificate. tls: what a server of it speaks with."""

    path: Path
    tls: ssl.SSLContext


class Finding(ProxyDirect):
    """Where a proxy goes on to: it finds names that nobody else knows. asked: for what."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def wait_open_connection(self, host, port, local_addr, family):
        self.asked.append(host)
        there = "127.0.0.1" if host.endswith(".test") or host == "::1" else host
        return asyncio.open_connection(host=there, port=port)


@dataclass
class Tap:
    """A real proxy. heard: what clients have sent to it. came: bytes that went back to them.

    die_after: bytes after which it breaks every connection, once, and then is away for as many
    connections as `away` says. turned_away: connections that it was not there for.
    """

    port: int = 0
    kind: str = "http"
    way: Finding = field(default_factory=Finding)
    said: list[str] = field(default_factory=list)
    heard: list[bytearray] = field(default_factory=list)
    came: int = 0
    die_after: int | None = None
    away: int = 0
    turned_away: int = 0
    inner: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def all_heard(self) -> bytes:
        return b"".join(bytes(one) for one in self.heard)

    def url(self, login: str = "") -> str:
        return f"{self.kind}://{login}{'@' if login else ''}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            self.away -= 1
            self.turned_away += 1
            writer.transport.abort()
            return
        heard = bytearray()
        self.heard.append(heard)
        back, there = await asyncio.open_connection("127.0.0.1", self.inner)
        self._open |= {writer, there}
        with suppress(OSError):
            async with anyio.create_task_group() as group:
                group.start_soon(self._copy, reader, there, heard)
                group.start_soon(self._copy, back, writer, None)
        for one in (writer, there):
            self._open.discard(one)
            one.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: bytearray | None
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if heard is not None:
                    heard += data
                else:
                    self.came += len(data)
                    if self.die_after is not None and self.came >= self.die_after:
                        self.die_after = None
                        for one in tuple(self._open):
                            one.transport.abort()
                        return
                writer.write(data)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def real_proxy(
    kind: str, *, login: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Tap]:
    """A proxy from a package, of one of our kinds, with or without USER and PASSWORD.

    tls: what it speaks with those who come, as a proxy of kind https does.
    """
    tap = Tap(kind=kind)
    spoken = "http" if kind.startswith("http") else "socks5"
    users = f"#{USER}:{PASSWORD}" if login else ""
    server = pproxy.Server(f"{spoken}://127.0.0.1:0{users}")
    arguments = {"rserver": [tap.way], "verbose": tap.said.append, "authtime": -1}
    inner = await server.start_server(arguments)
    tap.inner = inner.sockets[0].getsockname()[1]
    outer = await asyncio.start_server(tap.serve, "127.0.0.1", 0, ssl=tls)
    tap.port = outer.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        outer.close()
        inner.close()
        for one in tuple(tap._open):
            one.transport.abort()


def small_world(*, size: int = 70_000) -> World:
    file = FakeFile("a.safetensors", size=size)
    return World().model(1, creator="ann", versions=[FakeVersion("v1", files=[file], images=())])


def far_away(world: World, private: Private, name: str = NAME) -> FakeCivitai:
    """A service with TLS, under a name that only a proxy finds; its storage, too."""
    options = FakeOptions(tls=private.tls, name=name, require_key_for_downloads=True)
    return FakeCivitai(world, options=options)


def ways_of(*, proxy: str | None = None, ca: Path | None = None, **environment: str) -> Ways:
    """The ways as the command reads them."""
    flags = {"proxy": proxy, "ca_file": None if ca is None else str(ca)}
    return find_ways(Layers([of_flags(flags)]), environment)


class Ear:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def emit(self, event: object) -> None:
        self.heard.append(event)


async def run(
    fake: FakeCivitai,
    output: Path,
    *targets: str,
    ways: Ways,
    engine: str | None = None,
    reporter: Ear | None = None,
    selection: Selection | None = None,
) -> RunReport:
    """One run of the program, in this process; without galleries by default."""
    wanted, bad = collect([], targets or ("1",), parse=parse_target, stdin=bytes)
    assert bad == []
    settings = Settings(
        output=str(output),
        base_url=fake.base_url,
        token=Secret(GOOD_KEY),
        max_rate_model=0,
        max_rate_image=0,
        max_rate_resolve=0,
        selection=selection or Selection(images=False),
        engine=engine,
        ways=ways,
    )
    return await archive(
        settings,
        wanted,
        reporter=reporter or Ear(),
        stop=anyio.Event(),
        clock=SystemClock(speed=SPEED),
    )


def is_whole(world: World, output: Path) -> bool:
    """Whether every file of the world lies there, byte for byte."""
    import hashlib

    digests = {
        hashlib.sha256(path.read_bytes()).hexdigest().upper()
        for path in output.rglob("*.safetensors")
    }
    return {file.sha256.upper() for file in world.truth.files()} <= digests


def with_fallback(ways: Ways, *fakes: FakeCivitai) -> Ways:
    return replace(ways, fallbacks=tuple(fake.base_url for fake in fakes))
