"""`civitai-dl resume`: let a run that was paused go on."""

from __future__ import annotations

import click

from ._flags import CONTEXT, LANES, shared


@click.command(
    "resume",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl resume -o DIR\n  civitai-dl resume --lane images -o DIR",
)
@click.option("--lane", "lanes", multiple=True, type=LANES, help="Only this one; repeatable.")
@shared("output")
@click.option("--json", "as_json", is_flag=True, help="What became of it, as JSON.")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Let the run that is at work in an archive go on, where `pause` has held it up."""
    from ._steering import hold_up

    ctx.exit(hold_up("resume", flags))
