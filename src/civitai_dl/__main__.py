"""`python -m civitai_dl` and the command `civitai-dl`."""

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave with its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a run hears signals for itself nothing has begun, so there is nothing to say.
        signal.signal(signal.SIGINT, _leave)

    from civitai_dl.cli import main as run

    run()


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
