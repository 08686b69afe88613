"""`civitai-dl sync`: what is kept current, brought up to date."""

from __future__ import annotations

import click

from ._flags import CONTEXT, EFFORT, shared
from ._selection_flags import selection_flags


@click.command(
    "sync",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl sync -o DIR\n"
    "  civitai-dl sync -o DIR --full\n"
    "  civitai-dl sync -o DIR --watch 60 --on-finish 'notify-send Civitai'",
)
@shared("output", "token")
@click.option("--full", is_flag=True, help="Look at everything to its end, now.")
@click.option(
    "--full-every", default="7d", metavar="TIME", help="How often in full, as in 30d.  [7d]"
)
@click.option(
    "--watch",
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="Again and again, with so long a rest.",
)
@click.option("--on-finish", metavar="COMMAND|URL", help="Hand over the report at the end.")
@selection_flags
@shared(*EFFORT, "sidecars", "embed_metadata")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON on standard output.")
@shared("json_logs", "log_file", "verbose", "quiet", "lang")
@shared("proxy", "ca_file", "base_url", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Bring up to date what `civitai-dl add` put down, and tell what is new.

    Only what can have changed is asked for: models a hundred at once, lists and galleries from
    their newest end to what is known. Each thing is looked at in full every week, on a day of its
    own: that alone shows an old image that appeared late, and models of a long list that did.
    """
    from ._syncing import run_sync

    ctx.exit(run_sync(flags))
