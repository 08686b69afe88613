"""`civitai-dl why`: how a thing stands, and why."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared
from ._selection_flags import selection_flags


@click.command(
    "why",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl why model:4384 -o DIR\n"
    "  civitai-dl why version:128713 file:500001 image:98780806 -o DIR --json\n"
    "  civitai-dl why user:ann -o DIR --types LORA --versions latest",
)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@shared("output")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@selection_flags
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Say how each thing stands, and why it was fetched or not.

    TARGET is anything that `download` takes, or file:NUMBER. What is not there is explained by the
    choices of the last run that wanted it, or by those given here. It asks nobody and changes
    nothing, also while a run is at work.
    """
    from ._explaining import run_why

    ctx.exit(run_why(flags))
