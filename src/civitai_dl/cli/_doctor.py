"""`civitai-dl doctor`: what is wrong with an archive, and a new state for a broken one."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "doctor",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl doctor -o DIR\n  civitai-dl doctor -o DIR --rebuild",
)
@click.option("-o", "--output", default="./civitai", metavar="DIR", help="The archive.")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Make a new state database from what can be read of the old one and from the files.",
)
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
@shared("lang")
@click.pass_context
def command(
    ctx: click.Context, output: str, lang: str | None, *, rebuild: bool, as_json: bool
) -> None:
    """Look for what is wrong with an archive, and say what to do about it.

    It changes nothing, unless --rebuild is given: then the old state database is put aside, and a
    new one takes in every file that is there, so that nothing of it is fetched again.
    """
    from ._diagnosis import show_diagnosis, show_rebuild

    show = show_rebuild if rebuild else show_diagnosis
    ctx.exit(show(output, lang, as_json=as_json))
