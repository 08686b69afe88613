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
@click.option("-o", "--output", default="./civitai", metavar="DIR", help="The archive.")
@click.option("--gone", is_flag=True, help="List what the service no longer has.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
@shared("lang")
@click.pass_context
def command(
    ctx: click.Context, output: str, lang: str | None, *, gone: bool, as_json: bool
) -> None:
    """Tell what the last run wanted, what is stored of it, and what is missing and why.

    It asks nobody and changes nothing, also while a run is at work.
    """
    from ._standing import show_status

    ctx.exit(show_status(output, lang, gone=gone, as_json=as_json))
