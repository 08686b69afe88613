"""`civitai-dl identify`: models that somebody has already, taken in without a transfer."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared


@click.command(
    "identify",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl identify ~/ComfyUI/models -o DIR --dry-run\n"
    "  civitai-dl identify ~/ComfyUI/models -o DIR\n"
    "  civitai-dl identify old-disk/ -o DIR --mode copy\n"
    "  civitai-dl identify lora.safetensors -o DIR --complete",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@shared("output")
@click.option(
    "--mode",
    type=click.Choice(["auto", "link", "copy"]),
    default="auto",
    help="auto: a hard link, or a copy where no link can be.  [auto]",
)
@click.option("--dry-run", is_flag=True, help="Read and ask; take nothing in.")
@click.option("--complete", is_flag=True, help="Fetch what else the versions have, galleries too.")
@click.option("--no-images", is_flag=True, help="Fetch no previews.")
@click.option("--all-files", is_flag=True, help="Files of any name, not only those of weights.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files read at once.  [CPU cores]")
@click.option("--retry-failed", is_flag=True, hidden=True, help="As in retry.sh: all of it again.")
@click.option("--json", "as_json", is_flag=True, help="The account as JSON.")
@shared("token", "max_rate_model", "concurrency", "limit_rate", "retries", "max_wait")
@shared("log_file", "verbose", "quiet", "lang")
@shared("proxy", "ca_file", "base_url", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Find out which files below PATH are from Civitai, and take these into the archive.

    Each file is read once for its SHA256, which is remembered. The versions that have these files
    come into the archive with their JSON, page, sidecars and previews, and the files themselves as
    hard links: nothing that you have is fetched, and your files are never changed, moved or
    removed. A hard link shares its bytes: who edits one in place edits both; --mode copy keeps
    them apart. What nobody knows is listed in DIR/unidentified.txt.
    """
    from ._identifying import run_identify

    ctx.exit(run_identify(flags))
