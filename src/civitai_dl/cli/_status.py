"""`civitai-dl status`: how the archive stands, without asking the service."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "status",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl status -o DIR\n  civitai-dl status -o DIR --json\n"
    "  civitai-dl status -o DIR --gone",
)
@shared("output")
@click.option("--gone", is_flag=True, help="List what the service no longer has.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Tell what the last run wanted, what is stored of it, and what is missing and why.

    It asks nobody and changes nothing, also while a run is at work.
    """
    from ._standing import show_status

    ctx.exit(show_status(flags))
