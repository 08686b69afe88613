"""`civitai-dl [download]`: lists in, archive out."""

from __future__ import annotations

import click


@click.command(
    "download",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n"
    "  civitai-dl download --models models.txt -o DIR\n"
    "  civitai-dl download user:ann model:4384 -o DIR --no-gallery\n"
    "  cat list.txt | civitai-dl download --models - -o DIR",
)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--users", multiple=True, metavar="FILE", help="List of users; `-` is stdin.")
@click.option("--models", multiple=True, metavar="FILE", help="List of models; `-` is stdin.")
@click.option("-o", "--output", metavar="DIR", help="The archive.  [default: ./civitai]")
@click.option("--token", metavar="KEY", help="API key; better: CIVITAI_API_KEY.")
@click.option("--only", type=click.Choice(["models", "images"]), help="Only files, or only images.")
@click.option("--no-gallery", is_flag=True, help="Do not ask the Image API; previews stay.")
@click.option("--gallery-limit", type=click.IntRange(1), help="Newest N images per gallery.")
@click.option("--max-rate-model", type=float, metavar="R", help="Requests/s, Model API.  [0.5]")
@click.option("--max-rate-image", type=float, metavar="R", help="Requests/s, Image API.  [2]")
@click.option("--concurrency", metavar="N|auto", help="Transfers at once per lane.  [auto]")
@click.option("--limit-rate", metavar="BYTES", help="Bytes per second in all, as in 10M.")
@click.option("--retries", type=click.IntRange(1), help="Attempts per item.  [5]")
@click.option("--max-wait", metavar="TIME", help="Longest wait for the service, as in 24h.  [5m]")
@click.option("--no-resume", is_flag=True, help="Never continue a partial file.")
@click.option("--dry-run", is_flag=True, help="List and count; transfer nothing.")
@click.option("--retry-failed", is_flag=True, help="Only what failed last time.")
@click.option("--nsfw/--no-nsfw", default=None, help="Mature images too, or PG only.  [nsfw]")
@click.option("--browsing-level", metavar="LIST", help="Ratings, as in PG,PG-13,R.  [all]")
@click.option("--skip-bad-lines", is_flag=True, help="Warn about lines that name nothing.")
@click.option("--json-logs", is_flag=True, help="One JSON object a line on standard output.")
@click.option("--log-file", metavar="FILE", help="Log here.  [DIR/.civitai-dl/logs]")
@click.option("-v", "--verbose", is_flag=True, help="Every event as a line, as in the log.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all went well.")
@click.option("--lang", type=click.Choice(["ja", "en"]), help="Language.  [by locale]")
@click.option("--base-url", metavar="URL", help="The service.  [https://civitai.com]")
@click.option("--config", metavar="FILE", help="Settings in TOML.")
@click.option("--engine", type=click.Choice(["fast"]), default="fast", hidden=True)
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Fetch everything behind users, models, versions, images and posts.

    TARGET is a URL of the site, an AIR, a SHA256, a bare number (a model), or a short form such as
    model:4384, version:128713, user:ann, image:98780806, post:1981754.
    """
    from ._session import download

    ctx.exit(download(flags))
