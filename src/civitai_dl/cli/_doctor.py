"""`civitai-dl doctor`: what is wrong with an archive, and a new state for a broken one."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "doctor",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl doctor -o DIR\n  civitai-dl doctor --offline\n"
    "  civitai-dl doctor -o DIR --rebuild",
)
@shared("output")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Make a new state database from what can be read of the old one and from the files.",
)
@click.option("--offline", is_flag=True, help="Do not ask the service.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
@shared("token", "proxy", "ca_file", "base_url", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Look for what is wrong with an archive, the way to the service and the key; say what to do.

    It changes nothing, unless --rebuild is given: then the old state database is put aside, and a
    new one takes in every file that is there, so that nothing of it is fetched again.
    """
    from ._diagnosis import show_diagnosis, show_rebuild

    ctx.exit(show_rebuild(flags) if flags.get("rebuild") else show_diagnosis(flags))
