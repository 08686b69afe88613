"""The configuration file as it is made: every setting, as a comment that says what it does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module

import click

from civitai_dl.config import DEFAULTS, EXAMPLES, MEANINGS

HEAD = """\
# Settings of civitai-dl. A line counts when the # before it is taken away.
# Options of the command line and variables of the environment win over this file.
# `civitai-dl config show` tells what holds, and why.
"""

TAIL = """\
# A profile lies over the settings above: civitai-dl --profile polite
#default_profile = "polite"

#[profile.polite]
#max_rate_model = 0.1
#max_rate_image = 0.5
"""

ELSEWHERE = "See docs/reference/configuration.md."

_BRACKET = re.compile(r"\s*\[[^\]]*\]$")


def template() -> str:
    """The text of a new configuration file."""
    meanings = {**dict(_helps()), **MEANINGS}
    lines = [HEAD]
    for name, default in DEFAULTS.items():
        if name == "token":
            # A key does not belong into a file that is shown around.
            lines.append("# The API key is better kept by: civitai-dl login\n")
            continue
        meaning = meanings.get(name, ELSEWHERE)
        value = EXAMPLES.get(name, "") if default is None else default
        lines.append(f"# {meaning}\n#{name} = {json.dumps(value)}\n")
    # In TOML what follows a table belongs to it, so that the profiles come last.
    head, rest = TAIL.split("\n\n")
    return "\n".join([*lines, f"{head}\n", rest])


def _helps() -> Iterator[tuple[str, str]]:
    """What the options of `download` and of other commands say of each setting."""
    for module in ("_sidecars", "_download"):
        command = import_module(f"civitai_dl.cli.{module}").command
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name and parameter.help:
                yield parameter.name, _BRACKET.sub("", parameter.help)
