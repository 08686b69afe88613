"""What a benchmark leaves: a JSON file with all that must be known to believe it."""

from __future__ import annotations

import json
import os
import platform
import signal
import ssl
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from _peers import ROOT, found
from _servers import MissingError, needed
from _stage import MEMORY

from civitai_dl import __version__

FOLDER = ROOT / "build" / "bench"


def save(name: str, size: str, parts: Sequence[dict[str, object]], data: Path | None) -> Path:
    """Write the figures of a benchmark, and tell where."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}-{size}.json"
    figures = {
        "bench": name,
        "size": size,
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": _machine(),
        "versions": _versions(),
        "data": "in memory" if data is None and MEMORY.exists() else "on a disk",
        "parts": list(parts),
    }
    path.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return path


def end_in_order_when_told() -> None:
    """Make SIGTERM an ending like Ctrl-C: servers are stopped and folders removed."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


def _machine() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "tls": ssl.OPENSSL_VERSION,
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return platform.processor()
    named = (line for line in text.splitlines() if line.startswith("model name"))
    return next(named, ":").partition(":")[2].strip() or platform.processor()


def _versions() -> dict[str, str]:
    versions = {"civitai-dl": __version__, "aiohttp": version("aiohttp")}
    versions |= {peer.program: peer.version() for peer in found()}
    try:
        said = subprocess.run([needed("nginx"), "-v"], capture_output=True, text=True, check=True)
    except MissingError:
        return versions
    return versions | {"nginx": said.stderr.strip().rpartition("/")[2]}
