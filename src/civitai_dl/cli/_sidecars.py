"""`civitai-dl sidecars`: pages and sidecars of an archive, written from what it holds."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "sidecars",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl sidecars -o DIR\n"
    "  civitai-dl sidecars -o DIR --sidecars a1111,lora-manager\n"
    "  civitai-dl sidecars -o DIR --sidecars all\n"
    "  civitai-dl sidecars -o DIR --embed-metadata\n\n"
    "\b\nThe forms: civitai (.civitai.info), preview (.preview.EXT), a1111 (.json),\n"
    "lora-manager (.metadata.json), stability-matrix (.cm-info.json).",
)
@shared("output")
@click.option("--sidecars", metavar="LIST", help="Which forms; all, none.  [those of the last run]")
@shared("embed_metadata", "log_file")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all is well.")
@shared("lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Write the page of each model, and the sidecars beside its files, from what is stored.

    It asks nobody. What you, or the program that reads a sidecar, have put there stays; a document
    that is no JSON object is left as it is. Exit status 0 when all is written.
    """
    from ._redressing import run_sidecars

    ctx.exit(run_sidecars(flags))
