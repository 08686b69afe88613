"""What `doctor` looks at: the settings, the archive, the way to the service, the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from civitai_dl._doctor import diagnose, versions
from civitai_dl._finding import OK, PROBLEM, WARNING, Finding
from civitai_dl._way import look_at_the_way, look_offline
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import (
    Kind,
    Layers,
    different_tokens,
    is_wide,
    named_file,
    of_flags,
    platform_file,
    stray_variables,
    without_ways,
)
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import ConfigError, UsageError

from ._exit import KEY, SOME_FAILED, STORAGE, USAGE
from ._exit import OK as FINE
from ._keys import with_key
from ._options import load_layers, settings_of

if TYPE_CHECKING:
    from civitai_dl.config import Origin, Settings

_STATUSES = {"configuration": USAGE, "key": KEY}
"""By the topic of a problem outside the archive, the exit status."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All findings in the order in which they are told, and the exit status they stand for."""

    findings: list[Finding]
    status: int
    messages: Messages


def examine(
    flags: Mapping[str, object], environment: Mapping[str, str], messages: Messages
) -> Seen:
    """Look at everything. Raises: UsageError when the command itself is wrong, or names no archive.

    What cannot be reached, opened or read is a finding.
    """
    # An option that is wrong is told as with any command; what a file says, as a finding.
    alone = Layers([of_flags(flags)])
    settings, layers = settings_of(alone, without_ways(environment)), alone
    about: list[Finding] = []
    try:
        layers, settings = load_layers(flags, environment)
        messages = Messages(settings.language)
    except ConfigError as error:
        text, todo = "the configuration does not fit: {why}", "run `civitai-dl config edit`"
        about.append(Finding(PROBLEM, "configuration", text, {"why": error.message}, todo))
    else:
        about.append(_of_file(layers, flags, environment))
    about += _of_variables(environment)
    archive = _of_archive(settings, messages, named=flags.get("output") is not None)
    settings, key_from, trouble = _with_key(settings, layers, messages)
    about += trouble
    if flags.get("offline") is True:
        about += look_offline(settings, key_from)
    else:
        about += anyio.run(look_at_the_way, settings, SystemClock(), key_from)
    if trouble:
        about = [one for one in about if one.topic != "key" or one in trouble]
    return Seen([*archive, *versions(), *about], _status(archive, about), messages)


def _status(archive: list[Finding], about: list[Finding]) -> int:
    if any(one.level == PROBLEM for one in archive):
        return STORAGE
    bad = [_STATUSES.get(one.topic, SOME_FAILED) for one in about if one.level == PROBLEM]
    return next((status for status in (KEY, USAGE, SOME_FAILED) if status in bad), FINE)


def _of_archive(settings: Settings, messages: Messages, *, named: bool) -> list[Finding]:
    """How the archive is. named: the command line names it, so that it must be there."""
    folder = local_path(settings.output)
    found = diagnose(folder)
    if found is not None:
        return found
    if named:
        raise UsageError(messages.say("there is no archive here: {path}", path=folder))
    return [Finding(OK, "archive", "there is no archive here: {path}", {"path": str(folder)})]


def _of_file(
    layers: Layers, flags: Mapping[str, object], environment: Mapping[str, str]
) -> Finding:
    path = named_file(flags, environment) or str(platform_file())
    if layers.file is None:
        return Finding(OK, "configuration", "there is no configuration file {path}", {"path": path})
    facts = {"path": str(layers.file), "profile": layers.profile or "-"}
    if is_wide(layers.file) and "token" in layers.values_of(Kind.FILE):
        text = "others can read {path}, which holds an API key"
        todo = "let only yourself read it (chmod 600), or run `civitai-dl login`"
        return Finding(WARNING, "configuration", text, facts, todo)
    text = "configuration: {path}, profile {profile}"
    if layers.profile is None:
        text = "configuration: {path}"
    return Finding(OK, "configuration", text, facts)


def _of_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    if stray := stray_variables(environment):
        text, todo = "variables that mean nothing: {names}", "look at their spelling"
        yield Finding(WARNING, "variables", text, {"names": ", ".join(stray)}, todo)
    if names := different_tokens(environment):
        text = "{names} hold different keys; the first is used"
        yield Finding(
            WARNING, "keys", text, {"names": ", ".join(names)}, "unset those that are old"
        )


def _with_key(
    settings: Settings, layers: Layers, messages: Messages
) -> tuple[Settings, Origin | None, list[Finding]]:
    try:
        return *with_key(settings, layers, messages), []
    except ConfigError as error:
        found = Finding(
            WARNING, "key", "the stored key cannot be had: {why}", {"why": error.message}
        )
        return settings, None, [found]
