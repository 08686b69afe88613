"""`civitai-dl verify`: every stored file read again, and what is damaged made whole."""

from __future__ import annotations

import click


@click.command(
    "verify",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n"
    "  civitai-dl verify -o DIR\n"
    "  civitai-dl verify -o DIR --no-heal --json\n"
    "  civitai-dl verify -o DIR --subset 5%      every night: all of it in three weeks\n"
    "  civitai-dl verify user:ann model:4384 -o DIR",
)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("-o", "--output", metavar="DIR", help="The archive.  [default: ./civitai]")
@click.option("--subset", metavar="N/T|P%", help="The Nth of T parts; or P%, longest unread first.")
@click.option("--no-heal", is_flag=True, help="Report only; change nothing.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files read at once.  [CPU cores]")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
@click.option("--token", metavar="KEY", help="API key for healing; better: CIVITAI_API_KEY.")
@click.option("--concurrency", metavar="N|auto", help="Transfers at once while healing.  [auto]")
@click.option("--limit-rate", metavar="BYTES", help="Bytes per second in all, as in 10M.")
@click.option("--retries", type=click.IntRange(1), help="Attempts per item.  [5]")
@click.option("--max-wait", metavar="TIME", help="Longest wait for the service, as in 24h.  [5m]")
@click.option("--log-file", metavar="FILE", help="Log here.  [DIR/.civitai-dl/logs]")
@click.option("-v", "--verbose", is_flag=True, help="While healing, every event as a line.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all is well.")
@click.option("--lang", type=click.Choice(["ja", "en"]), help="Language.  [by locale]")
@click.option("--base-url", metavar="URL", help="The service.  [that of the last run]")
@click.option("--config", metavar="FILE", help="Settings in TOML.")
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
