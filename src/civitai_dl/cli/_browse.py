"""`civitai-dl browse`: the archive in a browser."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "browse",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl browse DIR\n  civitai-dl browse DIR --port 9000 --no-open\n"
    "  civitai-dl browse DIR --export SITE --lang ja",
)
@click.argument("folder", required=False, metavar="[DIR]")
@shared("output")
@click.option(
    "--export",
    "site",
    metavar="SITE",
    help="Write the pages as files into this directory instead, to be opened without a server.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here.  [default: 8410]")
@click.option("--open/--no-open", "open_", default=None, help="Open a browser.  [in a terminal]")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Look at an archive: covers, search, versions, galleries with prompts, the run at work.

    The pages are served to this machine alone, change nothing in the archive and load nothing from
    the network. Ctrl-C ends it.
    """
    from ._browsing import show

    ctx.exit(show(flags))
