"""`civitai-dl retry`: what failed, or was left, tried again."""

from __future__ import annotations

import click

from civitai_dl.domain.entities import Reason, Trouble

from ._flags import CONTEXT, EFFORT, shared

AGAIN = tuple(
    member.value for words in (Trouble, Reason) for member in words if member is not Reason.UNSAFE
)
"""What is tried again; an unsafe file comes when it is asked for with --allow-unsafe."""


@click.command(
    "retry",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl retry -o DIR\n"
    "  civitai-dl retry -o DIR --max-wait 24h\n"
    "  civitai-dl retry model:4384 -o DIR\n"
    "  civitai-dl retry --reason quota --reason no_permission -o DIR",
)
@shared(
    "targets",
    "output",
    "token",
    *EFFORT,
    "sidecars",
    "embed_metadata",
    defaults=False,
)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="R",
    type=click.Choice(AGAIN),
    help="Only what failed, or cannot be had, for this reason (third column of failed.txt).",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be tried; try nothing.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--retry-failed", is_flag=True, hidden=True, help="What it does anyway.")
@shared("json_logs", "log_file", "verbose", "quiet", "lang")
@shared("proxy", "ca_file", "base_url", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Try again what failed, or was left, in the last runs; list nothing anew.

    What was wanted, and how, the archive remembers; only the key has to be given again. Options
    given here count instead of what is remembered. TARGET restricts it.
    """
    from ._retrying import run_retry

    ctx.exit(run_retry(flags))
