"""`civitai-dl whoami`: whose the API key is, and where it comes from."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "whoami",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl whoami\n  civitai-dl whoami --json",
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@shared("token", "proxy", "ca_file", "base_url", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Try the API key that a run would use, and tell whose it is and where it comes from.

    The key itself is never shown. Exit status 3 when the service refuses it.
    """
    from ._account import run_whoami

    ctx.exit(run_whoami(flags))
