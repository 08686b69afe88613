"""`civitai-dl plan`: what a download would do, before a byte moves."""

from __future__ import annotations

import click

from ._download import command as download
from ._flags import CONTEXT

LEFT_OUT = {"dry_run", "json_logs"}
"""Options of `download` that say what `plan` is, or that would share its standard output."""

FORM = (
    click.Option(["--json", "as_json"], is_flag=True, help="The figures as one JSON document."),
    click.Option(["--csv", "as_csv"], is_flag=True, help="A row for each file and image."),
)


@click.pass_context
def show(ctx: click.Context, /, **flags: object) -> None:
    """List all that a download with the same words would find, and tell what it would do.

    Nothing is transferred, and no download link is asked for. What was listed is kept: the download
    that follows asks for none of it again.
    """
    from ._planning import plan

    ctx.exit(plan(flags))


# Whatever can be chosen for a download can be planned, so there is no second list of it.
command = click.Command(
    "plan",
    callback=show,
    params=[*FORM, *(option for option in download.params if option.name not in LEFT_OUT)],
    help=show.__doc__,
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl plan --users users.txt --models models.txt -o DIR\n"
    "  civitai-dl plan user:ann --no-gallery -o DIR --json\n"
    "  civitai-dl plan model:4384 -o DIR --csv > plan.csv",
)
