"""`civitai-dl verify`: every stored file read again, and what is damaged made whole."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "verify",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl verify -o DIR\n"
    "  civitai-dl verify -o DIR --no-heal --json\n"
    "  civitai-dl verify -o DIR --subset 5%      every night: all of it in three weeks\n"
    "  civitai-dl verify user:ann model:4384 -o DIR",
)
@shared("targets", "output")
@click.option("--subset", metavar="N/T|P%", help="The Nth of T parts; or P%, longest unread first.")
@click.option("--no-heal", is_flag=True, help="Report only; change nothing.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files read at once.  [CPU cores]")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
@click.option("--token", metavar="KEY", help="API key for healing; better: CIVITAI_API_KEY.")
@click.option("--concurrency", metavar="N|auto", help="Transfers at once while healing.  [auto]")
@shared("limit_rate", "retries", "max_wait", "log_file")
@click.option("-v", "--verbose", is_flag=True, help="While healing, every event as a line.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all is well.")
@shared("lang")
@shared("proxy", "ca_file", "base_url", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Read every stored file, or those of the targets, and compare SHA256 with the catalog.

    What is missing, cut off, too long, changed, swapped or unreadable is set aside in corrupted/
    with the evidence, and made whole again: from a second copy in the archive, by fetching the
    damaged segments, or by fetching the whole. Exit status 0 when all is well, 1 when something is
    still wrong.
    """
    from ._verifying import run_verify

    ctx.exit(run_verify(flags))
