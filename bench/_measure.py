"""What a command costs: wall time, CPU of all it starts, peak memory, and who else was at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 900.0
"""Seconds after which a command counts as one that hangs."""

STRANGERS = 0.25
"""Cores that others may use before a run counts as disturbed."""


class CommandFailedError(Exception):
    """A command did not do what it was measured for. Says what it said last."""


@dataclass(frozen=True)
class Cost:
    """What one command cost. wall, cpu: seconds; peak: bytes; begun, ended: seconds since 1970.

    peak: of the largest process among all that it started. servers: CPU seconds of those that
    served it. strangers: cores that neither of them used, on average; None where nobody can tell.
    """

    status: int
    wall: float
    cpu: float
    peak: int
    begun: float
    ended: float
    servers: float
    strangers: float | None

    @property
    def disturbed(self) -> bool:
        """Whether others used so much that the wall time means little."""
        return self.strangers is not None and self.strangers > STRANGERS


@dataclass(frozen=True)
class Launcher:
    """A small process that runs the commands; use `launcher()`."""

    process: subprocess.Popen[str]

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        output: Path,
        servers: Callable[[], Iterable[int]] = tuple,
        statuses: Sequence[int] = (0,),
        limit: float = LIMIT,
        stop_after: float | None = None,
    ) -> Cost:
        """Run a command to its end and measure it.

        output: where it says what it says. servers: the processes that serve it. stop_after:
        seconds after which it is interrupted as by Ctrl-C. Raises: CommandFailedError when it ends
        with another status than these.
        """
        asked = {
            "argv": list(argv),
            "env": dict(env),
            "output": str(output),
            "limit": limit,
            "stop_after": stop_after,
        }
        before, served = _busy(), _cpu_of(servers())
        told = self._answer(asked)
        after, serving = _busy(), _cpu_of(servers()) - served
        strangers = None
        if before is not None and after is not None:
            strangers = max(0.0, (after - before - told["cpu"] - serving) / told["wall"])
        cost = Cost(
            status=int(told["status"]),
            wall=told["wall"],
            cpu=told["cpu"],
            peak=int(told["peak"]),
            begun=told["begun"],
            ended=told["ended"],
            servers=serving,
            strangers=strangers,
        )
        if cost.status not in statuses:
            said = output.read_text("utf-8", "replace")[-1500:] if output.exists() else ""
            raise CommandFailedError(f"status {cost.status}: {' '.join(argv[:4])} ...\n{said}")
        return cost

    def _answer(self, asked: Mapping[str, object]) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise CommandFailedError("the launcher is gone")
        told = json.loads(line)
        assert isinstance(told, dict)
        return told


@contextmanager
def launcher() -> Iterator[Launcher]:
    """A launcher, and its end together with whatever it runs then."""
    command = [sys.executable, "-I", "-S", str(HERE / "_launcher.py")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Launcher(process)
    finally:
        process.terminate()
        process.wait()


def _busy() -> float | None:
    """CPU seconds that all of the machine has used since it began; None where that is not told."""
    try:
        words = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    except OSError:
        return None
    # user nice system idle iowait irq softirq steal: the hypervisor's other guests are strangers.
    user, nice, system, _, _, irq, soft, steal = (int(word) for word in words[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _cpu_of(processes: Iterable[int]) -> float:
    """CPU seconds of these processes; of one that is gone nothing counts."""
    return sum(_cpu(process) for process in processes)


def _cpu(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return 0.0
    # The name in parentheses may hold anything; what follows is numbers.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
