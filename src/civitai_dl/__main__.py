"""`python -m civitai_dl` and the command `civitai-dl`."""

import gc
import os
import signal
from types import FrameType

INTERRUPTED = 130

COLLECT_AFTER = 20_000
"""New objects after which Python looks for cycles. A run makes few of them, and looking after each
700, as is usual, takes a twentieth of the time of a small image."""


def main() -> None:
    """Run the command line and leave with its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a run hears signals for itself nothing has begun, so there is nothing to say.
        signal.signal(signal.SIGINT, _leave)

    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])

    from civitai_dl.cli import main as run

    run()


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
