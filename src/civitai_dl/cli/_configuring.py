"""What `config` shows, and how it has the file edited."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from civitai_dl.config import (
    DEFAULTS,
    KeyStore,
    Kind,
    Origin,
    check_file,
    config_folder,
    named_file,
    platform_file,
)
from civitai_dl.domain.entities import Secret
from civitai_dl.domain.messages import Messages, cell_width, pad, pick_language, printable
from civitai_dl.errors import CivitaiDLError, ConfigError, UsageError

from ._exit import INTERRUPTED, OK, USAGE, tell
from ._frame import framed, have_streams
from ._keys import WideFile
from ._options import load_layers, settings_of
from ._template import template

if TYPE_CHECKING:
    from civitai_dl.config import Layers, Settings

_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]*@|^[^/@\s]*:[^/@\s]*@")


def run_show(flags: Mapping[str, object]) -> int:
    """Print what holds and where it comes from; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        layers, _ = load_layers(flags, os.environ)
        shown = {name: _shown(name, layers, settings, messages) for name in DEFAULTS}
        file = _file(flags)
        text = (_as_json if flags.get("as_json") is True else _as_text)(
            shown, layers, file, messages
        )
        sys.stdout.write(f"{text}\n")
        return OK

    # The keyring is not opened to show that it has a key.
    return framed(flags, work, with_key=False)


def _shown(
    name: str, layers: Layers, settings: Settings, messages: Messages
) -> tuple[object, Origin]:
    """A value as it may be seen, and its origin. The keyring is not opened for it."""
    value, origin = layers.raw(name), layers.origin(name)
    if name == "token" and settings.token is None:
        place = KeyStore(config_folder()).place(settings.base_url, on_wide=WideFile(messages))
        return (None, origin) if place is None else ("***", Origin(Kind.LOGIN, place))
    return _hidden(value), origin


def _hidden(value: object) -> object:
    """A value without the key, and without users and passwords in addresses."""
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, str):
        return _CREDENTIALS.sub("***@", value)
    if isinstance(value, (list, tuple)):
        return [_hidden(one) for one in value]
    if isinstance(value, dict):
        return {name: _hidden(one) for name, one in value.items()}
    return value


def _as_text(
    shown: Mapping[str, tuple[object, Origin]], layers: Layers, file: Path, messages: Messages
) -> str:
    text = "configuration file: {path}" if layers.file else "configuration file: {path} (not there)"
    lines = [messages.say(text, path=file)]
    if layers.profile is not None:
        lines.append(messages.say("profile: {name}", name=layers.profile))
    rows = [(name, _plain(value), str(origin)) for name, (value, origin) in shown.items()]
    wide = [max(cell_width(row[at]) for row in rows) for at in (0, 1)]
    lines.append("")
    for name, value, origin in rows:
        lines.append(f"{pad(name, wide[0])}  {pad(value, min(wide[1], 40))}  {origin}".rstrip())
    return "\n".join(lines)


def _plain(value: object) -> str:
    """A value as a file would have it, but for the quotes; nothing for none."""
    if value is None:
        return "-"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _as_json(
    shown: Mapping[str, tuple[object, Origin]], layers: Layers, file: Path, _: Messages
) -> str:
    settings = {
        name: {"value": value, "origin": origin.kind.value, "place": origin.place}
        for name, (value, origin) in shown.items()
    }
    found = {
        "file": str(file),
        "exists": layers.file is not None,
        "profile": layers.profile,
        "settings": settings,
    }
    return json.dumps(found, ensure_ascii=False, indent=2, default=str)


def _file(flags: Mapping[str, object]) -> Path:
    """The configuration file, whether it is there or not."""
    named = named_file(flags, os.environ)
    return platform_file() if named is None else Path(named).expanduser()


def run_path(flags: Mapping[str, object]) -> int:
    """Print where the file is; returns the exit status."""
    have_streams()
    sys.stdout.write(f"{_file(flags)}\n")
    return OK


def run_edit(flags: Mapping[str, object]) -> int:
    """Have the file edited, and check it; returns the exit status."""
    have_streams()
    # The file may be what has to be mended, so that nothing is read from it before.
    lang = flags.get("lang")
    messages = Messages(pick_language(lang if isinstance(lang, str) else None, os.environ))
    path = _file(flags)
    try:
        _make(path)
        _open_editor(path, messages)
        wrong = check_file(path, partial(settings_of, environment={}))
    except CivitaiDLError as error:
        return tell(error, messages)
    except KeyboardInterrupt:
        return INTERRUPTED
    if not wrong:
        sys.stdout.write(f"{messages.say('{path} is fine', path=path)}\n")
        return OK
    said = messages.count(
        "{path} has {n} mistake", "{path} has {n} mistakes", len(wrong), path=path
    )
    hint = messages.say("what was saved stays; run `civitai-dl config edit` again")
    lines = "\n".join([said, *(f"  {one}" for one in wrong)])
    sys.stderr.write(f"{messages.error(lines, hint)}\n")
    return USAGE


def _make(path: Path) -> None:
    """Make a file that is not there, for its owner alone. Raises: ConfigError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as target:
        target.write(template())


def _open_editor(path: Path, messages: Messages) -> None:
    """Open the editor of the person, until it is closed. Raises: UsageError."""
    try:
        click.edit(filename=str(path))
    except click.ClickException as error:
        raise UsageError(
            messages.say("no editor could be opened: {why}", why=error.format_message()),
            hint=messages.say(
                "set VISUAL or EDITOR to the editor that you use; the file is {path}", path=path
            ),
        ) from None
