"""`civitai-dl retry`: what failed, or was left, tried again."""

from __future__ import annotations

import click


@click.command(
    "retry",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n"
    "  civitai-dl retry -o DIR\n"
    "  civitai-dl retry -o DIR --max-wait 24h\n"
    "  civitai-dl retry model:4384 -o DIR",
)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("-o", "--output", metavar="DIR", help="The archive.  [default: ./civitai]")
@click.option("--token", metavar="KEY", help="API key; better: CIVITAI_API_KEY.")
@click.option("--max-rate-model", type=float, metavar="R", help="Requests/s, Model API.")
@click.option("--max-rate-image", type=float, metavar="R", help="Requests/s, Image API.")
@click.option("--concurrency", metavar="N|auto", help="Transfers at once per lane.")
@click.option("--limit-rate", metavar="BYTES", help="Bytes per second in all, as in 10M.")
@click.option("--retries", type=click.IntRange(1), help="Attempts per item.")
@click.option("--max-wait", metavar="TIME", help="Longest wait for the service, as in 24h.")
@click.option("--no-resume", is_flag=True, help="Never continue a partial file.")
@click.option("--retry-failed", is_flag=True, hidden=True, help="What it does anyway.")
@click.option("--json-logs", is_flag=True, help="One JSON object a line on standard output.")
@click.option("--log-file", metavar="FILE", help="Log here.  [DIR/.civitai-dl/logs]")
@click.option("-v", "--verbose", is_flag=True, help="Every event as a line, as in the log.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all went well.")
@click.option("--lang", type=click.Choice(["ja", "en"]), help="Language.  [by locale]")
@click.option("--base-url", metavar="URL", help="The service.")
@click.option("--config", metavar="FILE", help="Settings in TOML.")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Try again what failed, or was left, in the last runs; list nothing anew.

    What was wanted, and how, the archive remembers; only the key has to be given again. Options
    given here count instead of what is remembered. TARGET restricts it.
    """
    from ._retrying import run_retry

    ctx.exit(run_retry(flags))
