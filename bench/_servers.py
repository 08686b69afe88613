"""nginx with TLS for bulk bytes, and a proxy that makes the way to it long."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
WINDOW = 4 << 20
"""Bytes that may be under way in one direction of one connection."""

CAPPED = 10_000_000
"""Bytes per second of a connection on the capped port."""

DAYS = 2
"""For which the certificates are good: they outlive no benchmark by much."""

START_SECONDS = 10.0


class MissingError(Exception):
    """What a benchmark needs is not on this machine. Says what, in words for the page."""


def needed(program: str) -> str:
    """Where a program lies. Raises: MissingError."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise MissingError(f"{program} is not installed here")
    return path


def make_certificates(folder: Path) -> None:
    """Write ca.pem, cert.pem and key.pem for 127.0.0.1 (ECDSA P-256). Raises: MissingError."""
    openssl = needed("openssl")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = folder / "names"
    names.write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=critical,CA:FALSE\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
        "ascii",
    )
    days = ["-days", str(DAYS)]
    ca = ["-x509", "-subj", "/CN=civitai-dl benchmarks", "-keyout", "ca.key", "-out", "ca.pem"]
    request = ["-subj", "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "request.pem"]
    signing = ["-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"]
    signing += ["-CAcreateserial", "-extfile", str(names), "-out", "cert.pem"]
    for words in (
        ["req", *ca, *curve, *days],
        ["req", *request, *curve],
        ["x509", *signing, *days],
    ):
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)


@dataclass(frozen=True)
class Transferred:
    """What nginx sent of one request. begun, ended: seconds since 1970, to a millisecond."""

    begun: float
    ended: float
    status: int
    size: int


@dataclass
class Nginx:
    """A running server. plain, capped: its ports; the second sends CAPPED bytes/s a connection.

    picture: a port that gives one picture, whatever it is asked for.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    plain: int
    capped: int
    picture: int
    read: int = field(default=0)

    @property
    def root(self) -> Path:
        """Where the bytes lie that it serves."""
        return self.folder / "root"

    @property
    def authority(self) -> Path:
        """The certificate to trust."""
        return self.folder / "ca.pem"

    def pids(self) -> list[int]:
        """The master and its workers."""
        master = int((self.folder / "nginx.pid").read_text("ascii"))
        children = Path(f"/proc/{master}/task/{master}/children")
        workers = children.read_text("ascii").split() if children.exists() else []
        return [master, *map(int, workers)]

    def log(self) -> list[Transferred]:
        """The requests that have ended since the log was read last."""
        with (self.folder / "access.log").open("rb") as log:
            log.seek(self.read)
            text = log.read()
        self.read += len(text)
        found = []
        for line in text.decode("ascii").splitlines():
            ended, took, status, size = line.split()
            found.append(
                Transferred(float(ended) - float(took), float(ended), int(status), int(size))
            )
        return found


def _config(folder: Path, plain: int, capped: int, picture: int) -> str:
    # As root, its workers would be somebody who may not read the folder.
    user = f"user {_own_name()};" if os.geteuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {kind}_temp_path {folder}/temp;" for kind in kinds)
    # 100,000 requests a connection: the thousand of the default would measure handshakes.
    return f"""
{user}
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
{temporary}
  log_format span '$msec $request_time $status $body_bytes_sent';
  access_log {folder}/access.log span;
  types {{ image/jpeg jpeg; image/png png; video/mp4 mp4; }}
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000;
  keepalive_timeout 75s;
  output_buffers 2 256k;
  open_file_cache max=20000 inactive=60s;
  ssl_certificate {folder}/cert.pem;
  ssl_certificate_key {folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tls:10m;
  root {folder}/root;
  server {{ listen 127.0.0.1:{plain} ssl backlog=1024; }}
  server {{ listen 127.0.0.1:{capped} ssl backlog=1024; limit_rate {CAPPED}; }}
  server {{
    listen 127.0.0.1:{picture} ssl backlog=1024;
    access_log {folder}/access.log span;
    location / {{ try_files /any.png =404; }}
  }}
}}
"""


def _own_name() -> str:
    import pwd  # Windows has none, and no need of it

    return pwd.getpwuid(os.geteuid()).pw_name


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; nginx cannot be asked to choose."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(door.getsockname()[1]) for door in doors]
    for door in doors:
        door.close()
    return ports


@contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """A server over `folder`/root; it ends and takes the folder along. Raises: MissingError."""
    program = needed("nginx")
    for name in ("root", "temp"):
        (folder / name).mkdir(exist_ok=True)
    make_certificates(folder)
    plain, capped, picture = _free_ports(3)
    config = folder / "nginx.conf"
    config.write_text(_config(folder, plain, capped, picture), "utf-8")
    (folder / "access.log").touch()
    # The shell waits for the end of its input: should we be killed, it stops the server and takes
    # the folder away, as far as no command writes there still. QUIT would wait for slow readers.
    script = (
        '"$0" -p "$2" -e "$2/error.log" -c "$1" & server=$!; read _; kill -TERM $server; wait; '
        'rm -rf "$2"'
    )
    process = subprocess.Popen(
        ["/bin/sh", "-c", script, program, str(config), str(folder)],
        stdin=subprocess.PIPE,
        # Ctrl-C is for us; the server ends when we have ended what it serves.
        start_new_session=True,
    )
    try:
        _wait_for(plain, folder, process)
        yield Nginx(folder, process, plain, capped, picture)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _wait_for(port: int, folder: Path, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=1) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                log = folder / "error.log"
                said = log.read_text("utf-8") if log.exists() else ""
                raise RuntimeError(f"nginx does not come up: {said}") from None
            time.sleep(0.02)


def compile_delay(folder: Path) -> Path:
    """The proxy that delays, compiled. Raises: MissingError."""
    compiler = needed("cc")
    program = folder / "delay"
    source = HERE / "_delay.c"
    done = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(source)], capture_output=True, check=False
    )
    if done.returncode:
        raise MissingError("the proxy for latency cannot be compiled on this system")
    return program


@contextmanager
def delayed(program: Path, port: int, seconds: float) -> Iterator[tuple[int, int]]:
    """A port behind which the round trip to `port` takes so many seconds, and whose process."""
    micro = str(int(seconds / 2 * 1e6))
    process = subprocess.Popen(
        [str(program), str(port), micro, str(WINDOW)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()
