"""`civitai-dl retry`: what failed, or was left, tried again."""

from __future__ import annotations

import click

from ._flags import CONTEXT, EFFORT, shared


@click.command(
    "retry",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl retry -o DIR\n"
    "  civitai-dl retry -o DIR --max-wait 24h\n"
    "  civitai-dl retry model:4384 -o DIR",
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
