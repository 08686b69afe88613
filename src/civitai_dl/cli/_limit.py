"""`civitai-dl limit`: another limit on bytes per second, while a run is at work."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "limit",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl limit 2M -o DIR\n  civitai-dl limit none -o DIR",
)
@click.argument("rate", metavar="BYTES|none")
@shared("output")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Change the limit on bytes per second of the run that is at work in an archive.

    It holds for that run only, from about a second later; what is on its way goes on.
    """
    from ._limiting import run_limit

    ctx.exit(run_limit(flags))
