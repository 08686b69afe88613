"""A stage for one benchmark: a folder, nginx, the simulated Civitai, and the way between them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from _measure import Launcher, launcher
from _servers import Nginx, compile_delay, delayed, nginx
from _worlds import Amount

from civitai_dl.testing import GOOD_KEY

HERE = Path(__file__).resolve().parent
MEMORY = Path("/dev/shm")  # noqa: S108  # a disk would be measured otherwise; mkdtemp makes it safe


@dataclass(frozen=True)
class Thing:
    """A file or an image that is to be fetched. path: on the server. sha256: of files only."""

    path: str
    size: int
    sha256: str | None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Asked:
    """What was asked of the API: how often, and seconds from the first to the last request."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Fake:
    """The simulated service in its process."""

    process: subprocess.Popen[str]
    base_url: str
    things: tuple[Thing, ...]
    models: tuple[int, ...]
    user: str

    def asked(self) -> Asked:
        """What was asked since this was called last."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return Asked(**json.loads(self.process.stdout.readline()))


@dataclass
class Stage:
    """Everything that a benchmark works with. bodies: the origin that links lead to.

    base_url: where the API is reached, which may be a longer way than the fake's own. further: what
    civitai-dl is told beside its usual options.
    """

    folder: Path
    launcher: Launcher
    nginx: Nginx
    fake: Fake
    bodies: str
    base_url: str
    proxies: list[int] = field(default_factory=list)
    further: tuple[str, ...] = ()

    @property
    def things(self) -> tuple[Thing, ...]:
        """All that there is to fetch."""
        return self.fake.things

    def urls(self) -> list[str]:
        """The addresses of all things at the server of bytes."""
        return [f"{self.bodies}{thing.path}" for thing in self.things]

    def servers(self) -> list[int]:
        """The processes that serve, and we who wait: what they use is no stranger's."""
        own = [os.getpid(), self.launcher.process.pid, self.fake.process.pid]
        return [*own, *self.nginx.pids(), *self.proxies]

    def environment(self) -> dict[str, str]:
        """For every command: the same locale, the certificate to trust, no key but the fake's."""
        kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
        authority = str(self.nginx.authority)
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            # Switches of the program itself, for whoever compares two of its ways.
            **{name: text for name, text in os.environ.items() if name.startswith("CIVITAI_DL_")},
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "SSL_CERT_FILE": authority,
            # What requests, and with it gallery-dl, reads instead.
            "REQUESTS_CA_BUNDLE": authority,
            "CIVITAI_API_KEY": GOOD_KEY,
        }


@contextmanager
def workplace(asked: Path | None) -> Iterator[Path]:
    """A folder for servers and downloads that is gone at the end, in memory where that is.

    asked: where else it shall be. The figures of a disk are those of its cache and its journal.
    """
    parent = asked or (MEMORY if os.access(MEMORY, os.W_OK) else None)
    folder = Path(tempfile.mkdtemp(prefix="civitai-dl-bench-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stage(
    world: str,
    amount: Amount,
    *,
    data: Path | None = None,
    capped: bool = False,
    latency: float = 0.0,
    picture: bool = False,
    further: tuple[str, ...] = (),
) -> Iterator[Stage]:
    """A stage that is torn down at the end, however that comes.

    capped: links lead to the port that is slow per connection. latency: seconds of a round trip, to
    the bytes and to the API. picture: links lead to the port that knows one picture. further:
    see Stage. Raises: MissingError.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(workplace(data))
        (folder / "home").mkdir()
        measure = stack.enter_context(launcher())
        server = stack.enter_context(nginx(folder))
        port = server.capped if capped else server.picture if picture else server.plain
        proxies: list[int] = []
        program = compile_delay(folder) if latency else None
        if program is not None:
            port, process = stack.enter_context(delayed(program, port, latency))
            proxies.append(process)
        bodies = f"https://127.0.0.1:{port}"
        fake = stack.enter_context(_fake(world, amount, bodies, server.root))
        base_url = fake.base_url
        if program is not None:
            own = int(base_url.rsplit(":", 1)[-1])
            near, process = stack.enter_context(delayed(program, own, latency))
            proxies.append(process)
            base_url = f"http://127.0.0.1:{near}"
        yield Stage(folder, measure, server, fake, bodies, base_url, proxies, further)


@contextmanager
def _fake(world: str, amount: Amount, bodies: str, root: Path) -> Iterator[Fake]:
    words = [world, json.dumps(asdict(amount)), bodies, str(root)]
    command = [sys.executable, str(HERE / "_fake_process.py"), *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_packages())},
        # Ctrl-C is for us; this ends when its input does.
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated service did not come up")
        told: Mapping[str, object] = json.loads(line)
        things, models = told["things"], told["models"]
        assert isinstance(things, Sequence)
        assert isinstance(models, Sequence)
        yield Fake(
            process,
            base_url=str(told["base_url"]),
            things=tuple(Thing(**thing) for thing in things),
            models=tuple(models),
            user=str(told["user"]),
        )
        assert process.stdin is not None
        process.stdin.close()


def _packages() -> list[str]:
    """Where this process finds its packages: the fake is to be of the same tree."""
    return [path for path in sys.path if path]
