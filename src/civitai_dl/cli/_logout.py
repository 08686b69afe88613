"""`civitai-dl logout`: forget the API key that `login` stored."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command("logout", context_settings=CONTEXT, epilog="\b\nExamples:\n  civitai-dl logout")
@shared("base_url", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Remove the stored API key of this service, from the keyring or the file.

    The key itself stays valid: the account settings of the site revoke it.
    """
    from ._account import run_logout

    ctx.exit(run_logout(flags))
