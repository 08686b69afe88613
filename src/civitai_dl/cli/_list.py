"""`civitai-dl list`: what is kept current."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "list",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl list -o DIR\n  civitai-dl list -o DIR --json",
)
@shared("output")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Tell what `civitai-dl sync` keeps current, and how each thing stood after the last one.

    It asks nobody and changes nothing, also while a run is at work.
    """
    from ._following import run_list

    ctx.exit(run_list(flags))
