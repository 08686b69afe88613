"""List files: one thing per line, and what cannot be read is named before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from civitai_dl.domain.decisions import settled
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorTarget,
    Part,
    SearchTarget,
    Target,
    Wanted,
)
from civitai_dl.errors import ConfigError, TargetError

Parse = Callable[[str], Target]

STDIN = "stdin"
"""How lines of standard input are named."""

_QUOTED = re.compile(r"""(["'])(?P<inside>.*?)\1(?:\s*|\s+#.*)""")
"""A line in quotes, as spreadsheets and shells leave them, with or without a comment after it."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that names nothing. origin: `file:line`. hint: what to do about it."""

    origin: str
    text: str
    why: str
    hint: str = field(default="", compare=False)


def read_lines(name: str, stdin: Callable[[], bytes]) -> list[tuple[int, str]]:
    """The numbered lines of a list file that say something; `-` is standard input.

    UTF-8 with or without BOM, any line ends, `#` comments, also after a blank; quotes around a
    line are not part of it. Raises: ConfigError.
    """
    try:
        data = stdin() if name == "-" else Path(name).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"the list {name} cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"the list {name} is not UTF-8: {error.reason}") from error
    lines = enumerate(text.splitlines(), 1)
    cleaned = ((number, _said(line.strip())) for number, line in lines)
    return [(number, line) for number, line in cleaned if line]


def _said(line: str) -> str:
    """A line without comment and quotes; empty when it says nothing."""
    quoted = _QUOTED.fullmatch(line)
    if quoted is not None:
        return quoted["inside"].strip()
    if line.startswith("#"):
        return ""
    return line.split(" #", 1)[0].split("\t#", 1)[0].strip()


def parse_any(text: str, parse: Parse) -> Target:
    """A line of a list of anything. Raises: TargetError."""
    return parse(text)


def parse_user(text: str, parse: Parse) -> Target:
    """A line of a user list: a user's URL, or the bare name. Raises: TargetError."""
    if text.replace("_", "a").replace("-", "a").replace(".", "a").isalnum() and "." not in text:
        return parse(f"user:{text}")
    target = parse(text)
    if not isinstance(target, CreatorTarget):
        raise TargetError(
            f"this names no user: {text[:200]}", hint="put it into the list of models"
        )
    return target


def parse_model(text: str, parse: Parse) -> Target:
    """A line of a model list: anything but a user. Raises: TargetError."""
    target = parse(text)
    if isinstance(target, CreatorTarget):
        raise TargetError(f"this names a user: {text[:200]}", hint="put it into the list of users")
    return target


def collect(
    lists: Iterable[tuple[str, Callable[[str, Parse], Target]]],
    arguments: Iterable[str],
    *,
    parse: Parse,
    stdin: Callable[[], bytes],
) -> tuple[list[Wanted], list[BadLine]]:
    """Everything asked for, each once, and every line that names nothing.

    lists: (file, how to read its lines). The argument `-` is a list of anything from standard
    input. A whole creator takes in its parts. Raises: ConfigError.
    """
    found: dict[Target, Wanted] = {}
    bad: list[BadLine] = []
    words = list(arguments)
    files = [*lists, *((word, parse_any) for word in words if word == "-")]
    if sum(name == "-" for name, _ in files) > 1:
        raise ConfigError("standard input is named twice", hint="it can be read only once")
    for name, read in files:
        shown = STDIN if name == "-" else name
        for number, line in read_lines(name, stdin):
            try:
                target = read(line, parse)
            except TargetError as error:
                bad.append(BadLine(f"{shown}:{number}", line, error.message, error.hint))
            else:
                found.setdefault(_same(target), Wanted(target, line, f"{shown}:{number}"))
    for argument in (word for word in words if word != "-"):
        try:
            target = parse(argument)
        except TargetError as error:
            bad.append(BadLine("argument", argument, error.message, error.hint))
        else:
            found.setdefault(_same(target), Wanted(target, argument, "argument"))
    return [wanted for target, wanted in found.items() if not _is_covered(target, found)], bad


def _same(target: Target) -> Target:
    """What a target is compared by: names that differ only in case are one user, or one tag."""
    if isinstance(target, CreatorTarget):
        return replace(target, username=CreatorName(target.username.lower()))
    return settled(target) if isinstance(target, SearchTarget) else target


def _is_covered(target: Target, found: dict[Target, Wanted]) -> bool:
    if not isinstance(target, CreatorTarget) or target.part is Part.ALL:
        return False
    return CreatorTarget(target.username, Part.ALL) in found
