"""`civitai-dl remove`: what is to be kept current no more."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "remove",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl remove user:ann -o DIR",
)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@shared("output", "quiet", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Take off what `civitai-dl sync` keeps current. Everything that is stored stays."""
    from ._following import run_remove

    ctx.exit(run_remove(flags))
