"""`civitai-dl pause`: hold up the run at work, or some of its lanes."""

from __future__ import annotations

import click

from ._flags import CONTEXT, LANES, shared


@click.command(
    "pause",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl pause -o DIR\n  civitai-dl pause --lane images -o DIR",
)
@click.option("--lane", "lanes", multiple=True, type=LANES, help="Only this one; repeatable.")
@shared("output")
@click.option("--json", "as_json", is_flag=True, help="What became of it, as JSON.")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Hold up the run that is at work in an archive, until `resume`.

    Transfers end at a checkpoint, and their connections are closed; nothing is lost, and nobody
    loses an attempt. It is about that run only: the next one is not paused.
    """
    from ._steering import hold_up

    ctx.exit(hold_up("pause", flags))
