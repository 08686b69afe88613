"""What the commands that work on an archive have in common around their work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from civitai_dl.config import has_stored_keys
from civitai_dl.domain.messages import Messages, pick_language
from civitai_dl.errors import CivitaiDLError

from ._exit import INTERRUPTED, tell
from ._options import load_settings

if TYPE_CHECKING:
    from civitai_dl.config import Settings


def framed(
    flags: Mapping[str, object],
    work: Callable[[Settings, Messages], int],
    *,
    with_key: bool = True,
) -> int:
    """Read the settings, do the work, tell of what is expected to go wrong; the exit status.

    with_key: a command that has the option for a key gets the one that `login` stored.
    """
    have_streams()
    lang = flags.get("lang")
    messages = Messages(pick_language(lang if isinstance(lang, str) else None, os.environ))
    try:
        settings = load_settings(flags, os.environ)
        messages = Messages(settings.language)
        for warning in settings.warnings:
            sys.stderr.write(f"{messages.warning(warning)}\n")
        wants_key = with_key and settings.token is None and "token" in flags
        if wants_key and has_stored_keys():
            # Who needs no key does not open the keyring for it.
            from ._keys import with_stored_key

            settings, _ = with_stored_key(settings, messages)
        return work(settings, messages)
    except CivitaiDLError as error:
        return tell(error, messages)
    except KeyboardInterrupt:
        return INTERRUPTED


def have_streams() -> None:
    """Started without standard streams, as some schedulers do, the run needs none."""
    # Python has None in place of what was not there.
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  # to the end
    if sys.stdout is None:
        sys.stdout = nowhere()
    if sys.stderr is None:
        sys.stderr = nowhere()


def nowhere() -> TextIO:
    """Where output leads that nobody reads; open to the end of the process."""
    return Path(os.devnull).open("w", encoding="utf-8")
