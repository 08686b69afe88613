"""`civitai-dl link`: the model files of an archive in an application's folders."""

from __future__ import annotations

import click

from ._flags import CONTEXT, shared

LAYOUTS = ["a1111", "forge", "comfyui", "swarmui", "stabilitymatrix"]
MODES = ["auto", "hardlink", "reflink", "symlink", "copy"]


@click.command(
    "link",
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n"
    "  civitai-dl link ~/stable-diffusion-webui --layout a1111 -o DIR\n"
    "  civitai-dl link ~/ComfyUI --layout comfyui -o DIR --dry-run\n"
    "  civitai-dl link ~/ComfyUI user:ann model:4384 -o DIR --newest\n"
    "  civitai-dl link /mnt/ComfyUI --layout comfyui -o DIR --mode copy --type LORA\n"
    "  civitai-dl link ~/ComfyUI -o DIR --folder MotionModule=models/animatediff_models\n"
    "  civitai-dl unlink ~/ComfyUI                takes it all back",
)
@click.argument("root", metavar="ROOT")
@shared("targets", "output")
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    help="The application in ROOT.  [that of the last time]",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="auto",
    show_default=True,
    help="How model files are placed; auto: hard links, where there are none reflinks.",
)
@click.option(
    "--folder",
    "folders",
    multiple=True,
    metavar="TYPE=PATH",
    help="Another folder for a type, below ROOT or absolute. May be repeated.",
)
@click.option("--type", "kinds", multiple=True, metavar="TYPE", help="Only models of this type.")
@click.option(
    "--base-model",
    "bases",
    multiple=True,
    metavar="NAME",
    help='Only these, as in "SDXL 1.0".',
)
@click.option("--newest", is_flag=True, help="Only the newest stored version of each model.")
@click.option("--no-sidecars", is_flag=True, help="No previews and sidecars beside the weights.")
@click.option("--prune", is_flag=True, help="Remove what was placed and is not wanted any more.")
@click.option("--force", is_flag=True, help="Also where ROOT does not look like the application.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="What was done as JSON.")
@shared("quiet", "lang", "config")
@click.pass_context
def command(ctx: click.Context, /, **flags: object) -> None:
    """Place the stored model files, or those of the targets, in the folders of an application.

    Weights are hard links, which take no room; previews and sidecars are copies, since
    applications write into them. Nothing that is there is ever overwritten, a second time changes
    nothing, and `civitai-dl unlink ROOT` takes back exactly what was placed. Exit status 1 when
    something could not be placed.
    """
    from ._linking import run_link

    ctx.exit(run_link(flags))
