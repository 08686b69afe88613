"""`civitai-dl cancel`: withdraw what was asked for."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "cancel",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl cancel user:ann -o DIR\n"
    "  civitai-dl cancel model:4384 https://civitai.com/models/101001 -o DIR",
)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@shared("output")
@click.option("--json", "as_json", is_flag=True, help="What became of each, as JSON.")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Drop from the queue what is still to do of these targets, also beside a run at work.

    What is stored stays, and so does what another target wants. Asking for a target again brings
    it back.
    """
    from ._cancelling import cancel

    ctx.exit(cancel(flags))
