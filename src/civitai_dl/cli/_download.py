"""`civitai-dl [download]`: lists in, archive out."""

from __future__ import annotations

import click

from ._flags import CONTEXT, EFFORT, shared


@click.command(
    "download",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl download --models models.txt -o DIR\n"
    "  civitai-dl download user:ann model:4384 -o DIR --no-gallery\n"
    "  cat list.txt | civitai-dl download --models - -o DIR",
)
@shared("targets")
@click.option("--users", multiple=True, metavar="FILE", help="List of users; `-` is stdin.")
@click.option("--models", multiple=True, metavar="FILE", help="List of models; `-` is stdin.")
@shared("output", "token")
@click.option("--only", type=click.Choice(["models", "images"]), help="Only files, or only images.")
@click.option("--no-gallery", is_flag=True, help="Do not ask the Image API; previews stay.")
@click.option("--gallery-limit", type=click.IntRange(1), help="Newest N images per gallery.")
@shared(*EFFORT)
@click.option("--dry-run", is_flag=True, help="List and count; transfer nothing.")
@click.option("--on-finish", metavar="COMMAND|URL", help="Hand over the report at the end.")
@click.option("--retry-failed", is_flag=True, help="Only what failed last time.")
@click.option("--nsfw/--no-nsfw", default=None, help="Mature images too, or PG only.  [nsfw]")
@click.option("--browsing-level", metavar="LIST", help="Ratings, as in PG,PG-13,R.  [all]")
@shared("sidecars", "embed_metadata")
@click.option("--skip-bad-lines", is_flag=True, help="Warn about lines that name nothing.")
@shared("json_logs", "log_file", "verbose", "quiet", "lang")
@click.option("--base-url", metavar="URL", help="The service.  [https://civitai.com]")
@shared("config")
@click.option("--engine", type=click.Choice(["fast"]), default="fast", hidden=True)
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Fetch everything behind users, models, versions, images and posts.

    TARGET is a URL of the site, an AIR, a SHA256, a bare number (a model), or a short form such as
    model:4384, version:128713, user:ann, image:98780806, post:1981754.
    """
    from ._session import download

    ctx.exit(download(flags))
