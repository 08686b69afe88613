"""`civitai-dl add`: what is to be kept current."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared
from ._search_flags import search_options
from ._selection_flags import selection_flags


@click.command(
    "add",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl add user:ann model:4384 -o DIR\n"
    "  civitai-dl add --users users.txt --models models.txt -o DIR\n"
    "  civitai-dl add model:4384 --no-gallery -o DIR\n"
    "  civitai-dl add --from-runs -o DIR",
)
@shared("targets")
@click.option("--users", multiple=True, metavar="FILE", help="List of users; `-` is stdin.")
@click.option("--models", multiple=True, metavar="FILE", help="List of models; `-` is stdin.")
@click.option(
    "-i", "--input-file", multiple=True, metavar="FILE", help="List of anything; `-` is stdin."
)
@click.option("--from-runs", is_flag=True, help="All that earlier runs here were asked for.")
@shared("output")
@selection_flags
@search_options
@click.option("--skip-bad-lines", is_flag=True, help="Warn about lines that name nothing.")
@shared("quiet", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Put down what `civitai-dl sync` keeps current; nothing is asked for yet.

    What is given here of --only, --no-gallery and the like holds for these targets, whatever
    `sync` is told; without any of them they are fetched as `sync` is told.
    """
    from ._following import run_add

    ctx.exit(run_add(flags))
