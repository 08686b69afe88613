"""`civitai-dl config`: the settings that hold, where they come from, and their file."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import click

from civitai_dl.config import DEFAULTS

from ._flags import CONTEXT, shared


@click.group("config", context_settings=CONTEXT)
def command() -> None:
    """Show the settings and where each comes from; find and edit the configuration file."""


@command.command(
    "show",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl config show\n  civitai-dl config show --profile polite\n"
    "  civitai-dl config show --json",
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@shared("lang", "config")
@click.pass_context
def show(ctx: click.Context, /, **flags: object) -> None:
    """Show each setting with its value and where that comes from.

    Takes the options of `download`, to show what would hold with them. A key is never shown.
    """
    from ._configuring import run_show

    ctx.exit(run_show(flags))


def _settings_of_a_run() -> Iterator[click.Parameter]:
    """The options of `download` that are settings, out of sight: its help tells them."""
    from ._download import command as download

    for parameter in download.params:
        if isinstance(parameter, click.Option) and parameter.name in {*DEFAULTS} - {"lang"}:
            option = copy(parameter)
            option.hidden = True
            yield option


show.params.extend(_settings_of_a_run())


@command.command("path", context_settings=CONTEXT)
@shared("lang", "config")
@click.pass_context
def path(ctx: click.Context, /, **flags: object) -> None:
    """Print where the configuration file is, or would be."""
    from ._configuring import run_path

    ctx.exit(run_path(flags))


@command.command(
    "edit",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl config edit\n  EDITOR=nano civitai-dl config edit",
)
@shared("lang", "config")
@click.pass_context
def edit(ctx: click.Context, /, **flags: object) -> None:
    """Open the configuration file in $VISUAL or $EDITOR, and check what was saved.

    A file that is not there is made first, with every setting as a comment, for you alone.
    """
    from ._configuring import run_edit

    ctx.exit(run_edit(flags))
