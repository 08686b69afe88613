"""`civitai-dl [download]`: lists in, archive out."""

from __future__ import annotations

import click

from ._flags import CONTEXT, EFFORT, shared
from ._search_flags import search_options
from ._selection_flags import selection_flags

FORMS = """\b
Targets:
  https://civitai.com/models/4384, model:4384, 4384   a model
  .../models/4384?modelVersionId=128713               a version of it
  .../model-versions/128713, version:128713           the same by its own number
  urn:air:sd1:checkpoint:civitai:4384@128713          the same as an AIR
  a SHA256, AutoV3 or AutoV2; autov1:... crc32:...    the version that has this file
  https://civitai.com/user/ann, user:ann, @ann        models and images of a user
  https://civitai.com/tag/anime, tag:anime            models that have a tag
  .../search/models?query=WORDS, search:WORDS         models that a search finds
  favorites:                                          what the key's owner bookmarked
  .../images/98780806, image:98780806                 an image
  .../posts/1981754, post:1981754                     the images of a post
"""

EXAMPLES = """\b
Examples:
  civitai-dl download --models models.txt -o DIR
  civitai-dl download -i everything.txt -o DIR
  civitai-dl download user:ann model:4384 -o DIR --no-gallery
  civitai-dl download "search:anime style?types=LORA" --max-models 50 -o DIR
  cat list.txt | civitai-dl download - -o DIR
"""


@click.command(
    "download",
    context_settings=CONTEXT,
    epilog=f"{FORMS}\n{EXAMPLES}",
)
@shared("targets")
@click.option("--users", multiple=True, metavar="FILE", help="List of users; `-` is stdin.")
@click.option("--models", multiple=True, metavar="FILE", help="List of models; `-` is stdin.")
@click.option(
    "-i", "--input-file", multiple=True, metavar="FILE", help="List of anything; `-` is stdin."
)
@shared("output", "token")
@selection_flags
@shared(*EFFORT)
@click.option("--dry-run", is_flag=True, help="List and count; transfer nothing.")
@click.option("--why", multiple=True, metavar="TARGET", help="At the end, say how this stands.")
@click.option("--on-finish", metavar="COMMAND|URL", help="Hand over the report at the end.")
@click.option("--retry-failed", is_flag=True, help="Only what failed last time.")
@shared("sidecars", "embed_metadata")
@search_options
@click.option("--skip-bad-lines", is_flag=True, help="Warn about lines that name nothing.")
@shared("json_logs", "log_file", "verbose", "quiet", "lang")
@shared("proxy", "ca_file", "base_url", "config")
@click.option("--engine", type=click.Choice(["fast"]), default="fast", hidden=True)
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Fetch everything behind models, versions, users, tags, searches, images and posts.

    TARGET is one of the forms below, and so is a line of an --input-file; `-` reads such a list
    from standard input.
    """
    from ._session import download

    ctx.exit(download(flags))
