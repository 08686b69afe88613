"""What a run leaves beside the archive: what failed, what cannot be had, and how to try again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from civitai_dl.adapters.storage import STATE, local_path
from civitai_dl.archive import failed_txt, retry_ps1, retry_sh, unavailable_txt
from civitai_dl.config import STDIN, Settings
from civitai_dl.domain.entities import CreatorTarget, RunReport, Wanted


def write_leftovers(
    settings: Settings,
    wanted: Sequence[Wanted],
    report: RunReport,
    command: Sequence[str] | None = None,
) -> None:
    """Write failed.txt, unavailable.txt and the retry scripts; stale ones go.

    command: what tries again; the one that was given, by default.
    """
    folder = local_path(settings.output)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    command = command or retry_command(sys.argv[1:], wanted)
    texts = {
        "failed.txt": failed_txt(report, date=date) if report.failures else None,
        "retry.sh": (
            retry_sh(command, report, directory=str(Path.cwd())) if report.failures else None
        ),
        "retry.ps1": (
            retry_ps1(command, report, directory=str(Path.cwd())) if report.failures else None
        ),
        "unavailable.txt": unavailable_txt(report, date=date) if report.unavailable else None,
    }
    for name, text in texts.items():
        write_beside(folder / name, text)


def write_beside(path: Path, text: str | None, *, archive: Path | None = None) -> None:
    """Write a list of an archive whole, or remove it for None; trouble is told, not raised.

    archive: where the archive lies, when it is not the folder of the list.
    """
    try:
        if text is None:
            path.unlink(missing_ok=True)
            return
        # PowerShell 5 reads a script as UTF-8 only when it begins with a BOM.
        encoding = "utf-8-sig" if path.suffix == ".ps1" else "utf-8"
        draft = (archive or path.parent) / STATE / "tmp" / f"{path.name}.tmp"
        with draft.open("w", encoding=encoding, newline="\n", errors="backslashreplace") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        if path.suffix == ".sh":
            draft.chmod(0o755)
        draft.replace(path)
    except OSError as error:
        sys.stderr.write(f"{path} could not be written: {error.strerror}\n")


def retry_command(words: Sequence[str], wanted: Sequence[Wanted]) -> list[str]:
    """The command as it was given, to be run again by itself.

    Without the key and a proxy's password, which come from the environment or the settings, and
    with the things that standard input named in place of it.
    """
    kept: list[str] = []
    left = iter(words)
    for word in left:
        name, _, value = word.partition("=")
        if name == "--token":
            if not value:
                next(left, None)
        elif name == "--proxy":
            value = value if "=" in word else next(left, "")
            kept += [] if "@" in value else [name, value]
        elif name in ("--users", "--models", "-i", "--input-file"):
            value = value or next(left, "")
            kept += [] if value == "-" else [name, value]
        elif word not in ("--retry-failed", "-", "-i-"):
            kept.append(word)
    return ["civitai-dl", *kept, *(_named(item) for item in wanted if _was_read(item))]


def _was_read(item: Wanted) -> bool:
    return item.origin.startswith(f"{STDIN}:")


def _named(item: Wanted) -> str:
    """A line as an argument: a bare name is a user in a list of users only."""
    if isinstance(item.target, CreatorTarget) and item.target.username == item.text:
        return f"user:{item.text}"
    return item.text
