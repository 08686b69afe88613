"""The words that every benchmark of speed takes."""

from __future__ import annotations

import argparse
from pathlib import Path


def speed_parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with --size, --ours and --data. doc: of the module, whose first line it shows."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0] if doc else None)
    add = parser.add_argument
    add("--size", choices=("quick", "full"), default="quick", help="to see that it works, or all")
    add("--ours", default="", metavar="WORDS", help="further options of civitai-dl, as one word")
    add("--data", type=Path, metavar="DIR", help="where the bytes lie (default: in memory)")
    return parser
