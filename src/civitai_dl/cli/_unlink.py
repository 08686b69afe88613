"""`civitai-dl unlink`: what `link` placed in an application's folders is taken back."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "unlink",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl unlink ~/stable-diffusion-webui\n"
    "  civitai-dl unlink ~/ComfyUI --dry-run",
)
@click.argument("root", metavar="ROOT")
@click.option("--dry-run", is_flag=True, help="Tell what would be removed; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="What was done as JSON.")
@shared("quiet", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Remove from an application's folders what `civitai-dl link` placed there.

    What was changed since is kept, and told; so is everything else. Folders that `link` made go
    when they are empty. The archive is not needed for it, and loses nothing.
    """
    from ._linking import run_unlink

    ctx.exit(run_unlink(flags))
