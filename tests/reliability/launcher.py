"""Starts the command again and again without its imports: a process that forks, and never works.

One JSON object a line on standard input, one answer each on standard output: see processes.py.
The child is a process of its own, in a session of its own, that leaves as any Python program does.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
from typing import Any

import entry

GLANCE = 0.002


def start(order: dict[str, Any]) -> int:
    """Fork; returns the child's number. Returns in the child as well: 0."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, name in ((1, order["out"]), (2, order["err"])):
        handle = os.open(name, flags, 0o666)
        os.dup2(handle, number)
        os.close(handle)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115  # for good
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    return 0


def wait(child: int, patience: float | None) -> int | None:
    """The exit status (-n: by signal n), None when it is still at work after that time."""
    end = None if patience is None else time.monotonic() + patience
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() >= end:
            return None
        time.sleep(GLANCE)


def finish(order: dict[str, Any]) -> dict[str, Any]:
    """Wait for a child; one that takes longer than `patience` is killed with its whole group."""
    status = wait(order["process"], order["patience"])
    killed = status is None
    if killed:
        try:
            os.killpg(order["process"], signal.SIGKILL)
        except ProcessLookupError:
            # So young that it has no group of its own yet.
            os.kill(order["process"], signal.SIGKILL)
        status = wait(order["process"], None)
    return {"status": status, "killed": killed}


def main() -> None:
    """Obey until the input ends; in a child, do the work."""
    for line in sys.stdin:
        order = json.loads(line)
        if "words" in order:
            child = start(order)
            if not child:
                entry.run(order["words"])
            answer: dict[str, Any] = {"process": child}
        elif "killed" in order:
            answer = finish(order)
        else:
            answer = {"status": wait(order["process"], order["patience"])}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
