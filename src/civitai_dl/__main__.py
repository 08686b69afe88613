"""`python -m civitai_dl` and the command `civitai-dl`."""

import atexit
import gc
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130

YOUNG = 20_000
"""New objects after which the collector looks for dead ones among them. Python's own number, 700,
looks a hundred times at what is imported at the start, and takes a twentieth of a small image."""


def main() -> None:
    """Run the command line and leave with its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a run hears signals for itself nothing has begun, so there is nothing to say.
        signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])

    from civitai_dl.cli import main as run

    try:
        run()
    except SystemExit as end:
        if not _is_watched() and _is_said():
            _leave_at_once(end.code)
        raise


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(INTERRUPTED)


def _is_watched() -> bool:
    """Whether a profiler or a debugger waits for the end that Python has."""
    return sys.gettrace() is not None or sys.getprofile() is not None


def _is_said() -> bool:
    """Whether all that was printed has gone where it was to go."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        # Python has a status and words of its own for that.
        return False
    return True


def _leave_at_once(code: object) -> None:
    """End the process in order, without taking every module and object apart before.

    That takes as long as a request, and the system does it anyway. A run is over when it has
    returned: nothing is written any more, and no thread has work.
    """
    if code is None or isinstance(code, int):
        atexit._run_exitfuncs()  # noqa: SLF001  # as Python does, and nobody else can
        os._exit(0 if code is None else code & 0xFF)


if __name__ == "__main__":
    main()
