"""The options that several commands have, in the words that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_ARGUMENT = "targets"
_OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, object], str]] = {
    "output": (("-o", "--output"), {"metavar": "DIR", "help": "The archive."}, "./civitai"),
    "token": (
        ("--token",),
        {"metavar": "KEY", "help": "API key; better: CIVITAI_API_KEY."},
        "",
    ),
    "max_rate_model": (
        ("--max-rate-model",),
        {"type": float, "metavar": "R", "help": "Requests/s, Model API."},
        "0.5",
    ),
    "max_rate_image": (
        ("--max-rate-image",),
        {"type": float, "metavar": "R", "help": "Requests/s, Image API."},
        "2",
    ),
    "concurrency": (
        ("--concurrency",),
        {"metavar": "N|auto", "help": "Transfers at once per lane."},
        "auto",
    ),
    "limit_rate": (
        ("--limit-rate",),
        {"metavar": "BYTES", "help": "Bytes per second in all, as in 10M."},
        "",
    ),
    "retries": (("--retries",), {"type": click.IntRange(1), "help": "Attempts per item."}, "5"),
    "max_wait": (
        ("--max-wait",),
        {"metavar": "TIME", "help": "Longest wait for the service, as in 24h."},
        "5m",
    ),
    "no_resume": (
        ("--no-resume",),
        {"is_flag": True, "help": "Never continue a partial file."},
        "",
    ),
    "json_logs": (
        ("--json-logs",),
        {"is_flag": True, "help": "One JSON object a line on standard output."},
        "",
    ),
    "log_file": (
        ("--log-file",),
        {"metavar": "FILE", "help": "Log here.  [DIR/.civitai-dl/logs]"},
        "",
    ),
    "verbose": (
        ("-v", "--verbose"),
        {"is_flag": True, "help": "Every event as a line, as in the log."},
        "",
    ),
    "quiet": (
        ("-q", "--quiet"),
        {"is_flag": True, "help": "Say nothing when all went well."},
        "",
    ),
    "lang": (
        ("--lang",),
        {"type": click.Choice(["ja", "en"]), "help": "Language.  [by locale]"},
        "",
    ),
    "sidecars": (
        ("--sidecars",),
        {"metavar": "LIST", "help": "Beside files: a1111, lora-manager, ...; all, none."},
        "civitai,preview",
    ),
    "embed_metadata": (
        ("--embed-metadata",),
        {"is_flag": True, "help": "Copies of images with their prompts, in with_prompts/."},
        "",
    ),
    "base_url": (("--base-url",), {"metavar": "URL", "help": "The service."}, ""),
    "config": (("--config",), {"metavar": "FILE", "help": "Settings in TOML."}, ""),
    "profile": (("--profile",), {"metavar": "NAME", "help": "A profile of that file."}, ""),
}
"""By the name of the parameter: its spellings, what click is told of it, and its default, which is
shown where a command has one."""


EFFORT = (
    "max_rate_model",
    "max_rate_image",
    "concurrency",
    "limit_rate",
    "retries",
    "max_wait",
    "no_resume",
)
"""How hard a run works: the options of every command that transfers what is wanted."""


def shared(*names: str, defaults: bool = True) -> Callable[[F], F]:
    """Give a command these options, and its targets where they are named, in this order.

    defaults: show them in the help; False for commands that take them from an earlier run.
    """
    # Who reads the file can say what counts in it.
    given = [*names, *(["profile"] if "config" in names else [])]

    def give(command: F) -> F:
        for name in reversed(given):
            command = _decorator(name, defaults=defaults)(command)
        return command

    return give


def _decorator(name: str, *, defaults: bool) -> Callable[[F], F]:
    if name == _ARGUMENT:
        return click.argument(name, nargs=-1, metavar="[TARGET]...")
    spellings, facts, default = _OPTIONS[name]
    text = str(facts["help"])
    if default and (defaults or name == "output"):
        text = f"{text}  [{'default: ' if name == 'output' else ''}{default}]"
    return click.option(*spellings, **{**facts, "help": text})  # type: ignore[arg-type]  # keywords
