"""Runs commands one by one and tells what each cost; a process of its own, driven by _measure.py.

It is small on purpose: Linux counts the memory of whoever forks as the first peak of the child, so
that a large parent would hide the peak of a small downloader. Hence `python -I -S`, and no imports
that can be spared.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

TYPE_CHECKING = False  # as in typing, which is large
if TYPE_CHECKING:
    from typing import NoReturn, TypedDict

    class Asked(TypedDict):
        """A command, and how it is to be run."""

        argv: list[str]
        env: dict[str, str]
        output: str
        limit: float
        stop_after: float | None


LATE = 124
"""The status of a command that was stopped because it took too long, as that of timeout(1)."""


def main() -> None:
    """One JSON object a line in, one out, until the input ends."""
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


def run(asked: Asked) -> dict[str, float]:
    """Run a command to its end. In: argv, env, output (a file), limit (seconds), stop_after.

    stop_after: seconds after which it is sent SIGINT, as by Ctrl-C; null for never. Out: status,
    begun and ended (seconds since 1970), wall, cpu (seconds, with all it started), peak (bytes).
    """
    begun, clock = time.time(), time.perf_counter()
    child = os.fork()
    if child == 0:
        become(asked)
    late = [False]

    def strike(_number: int, _frame: object) -> None:
        if asked["stop_after"] is not None and not late[0]:
            late[0] = True
            os.kill(child, signal.SIGINT)
            signal.setitimer(signal.ITIMER_REAL, asked["limit"])
            return
        os.killpg(child, signal.SIGKILL)
        late[0] = True

    def end(_number: int, _frame: object) -> None:
        os.killpg(child, signal.SIGKILL)
        sys.exit(1)

    signal.signal(signal.SIGALRM, strike)
    signal.signal(signal.SIGTERM, end)
    signal.setitimer(signal.ITIMER_REAL, asked["stop_after"] or asked["limit"])
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - clock
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = os.waitstatus_to_exitcode(status)
    if late[0] and asked["stop_after"] is None:
        code = LATE
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cpu = used.ru_utime + used.ru_stime
    ended = time.time()
    return {
        "status": code,
        "begun": begun,
        "ended": ended,
        "wall": wall,
        "cpu": cpu,
        "peak": peak,
    }


def become(asked: Asked) -> NoReturn:
    """Turn this child into the command; never returns."""
    try:
        # A group of its own: what it starts can be stopped with it.
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execvpe(asked["argv"][0], asked["argv"], asked["env"])  # noqa: S606  # the command
    except OSError as error:
        os.write(2, f"{asked['argv'][0]}: {error}\n".encode())
    os._exit(127)


if __name__ == "__main__":
    # Ctrl-C goes to the whole group of the terminal; the one who drives us ends us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
