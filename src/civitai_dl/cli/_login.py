"""`civitai-dl login`: store the API key, so that no command needs to be given it."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "login",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  civitai-dl login\n  civitai-dl login --token-stdin < key.txt\n"
    "  civitai-dl login --store file        for cron, which cannot open a keyring",
)
@click.option("--token-stdin", is_flag=True, help="Read the key from standard input.")
@click.option("--no-check", is_flag=True, help="Do not ask the service whether the key is good.")
@click.option(
    "--store",
    type=click.Choice(["auto", "keyring", "file"]),
    default="auto",
    show_default=True,
    help="Where the key is kept; auto: the keyring where there is one, else the file.",
)
@shared("proxy", "ca_file", "base_url", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Ask for the API key, try it, and store it for this service.

    It is made in the account settings of the site. It is kept in the keyring of the system, or in
    a file beside the configuration that only you can read, and is sent to this service alone.
    """
    from ._account import run_login

    ctx.exit(run_login(flags))
