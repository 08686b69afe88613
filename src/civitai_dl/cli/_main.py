"""The command group: `download` is what happens when no command is named."""

from __future__ import annotations

from importlib import import_module

import click

from civitai_dl._version import __version__

COMMANDS = {
    "download": ("_download", "Fetch everything behind users, models, versions (the default)."),
    "plan": ("_plan", "Tell what a download would do, before a byte moves."),
    "add": ("_add", "Put down what is to be kept current."),
    "remove": ("_remove", "Take it off again; what is stored stays."),
    "list": ("_list", "Tell what is kept current, and how it stands."),
    "sync": ("_sync", "Bring what is kept current up to date, by few questions."),
    "retry": ("_retry", "Try again what failed, or was left, in the last runs."),
    "identify": ("_identify", "Take in models that you have already, without a transfer."),
    "verify": ("_verify", "Read every stored file again; make whole what is damaged."),
    "status": ("_status", "Tell how the archive stands, without asking the service."),
    "why": ("_why", "Say how a thing stands: stored, waiting, failed, left out, and why."),
    "browse": ("_browse", "Look at the archive in a browser; works offline."),
    "link": ("_link", "Place model files in the folders of A1111, ComfyUI and others."),
    "unlink": ("_unlink", "Take back what `link` placed."),
    "sidecars": ("_sidecars", "Write pages and sidecars anew from what the archive holds."),
    "cancel": ("_cancel", "Drop what is still to do of a target; what is stored stays."),
    "pause": ("_pause", "Hold up the run at work, or some of its lanes."),
    "resume": ("_resume", "Let a run that was paused go on."),
    "limit": ("_limit", "Change the limit on bytes per second of a run at work."),
    "config": ("_config", "Show settings and where they come from; edit the file."),
    "login": ("_login", "Store the API key, in the system's keyring or a private file."),
    "logout": ("_logout", "Remove the stored API key."),
    "whoami": ("_whoami", "Tell whose the API key is, and where it comes from."),
    "doctor": (
        "_doctor",
        "Look for what is wrong: archive, network, key; --rebuild mends the state.",
    ),
}

EXAMPLES = """\b
Examples:
  civitai-dl --users users.txt --models models.txt --output DIR --token KEY
  civitai-dl https://civitai.com/models/4384 -o DIR
  civitai-dl https://civitai.com/user/ann --no-gallery -o DIR
  civitai-dl plan --models models.txt -o DIR
  civitai-dl -i everything.txt -o DIR
  civitai-dl tag:anime --max-models 50 -o DIR
  civitai-dl status -o DIR

What a TARGET may be: civitai-dl download --help

The API key is taken from --token, CIVITAI_API_KEY, CIVITAI_API_TOKEN,
CIVITAI_TOKEN, or from what `civitai-dl login` stored. The same command again
continues, or brings up to date.
"""


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, so that help comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"civitai_dl.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a command the words are those of `download`."""
        if not args or (args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version")):
            args = ["download", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their one line each, from the table: nothing is imported for it."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of the default command: they are what most people look for."""
        command = self.get_command(ctx, "download")
        assert command is not None
        click.Command.format_options(command, ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=LazyGroup,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    options_metavar="[COMMAND] [OPTIONS] [TARGET]...",
    subcommand_metavar="",
)
@click.version_option(__version__, "--version", prog_name="civitai-dl")
def cli() -> None:
    """Keep a complete, verified archive of Civitai.

    Every file of every version, previews, galleries, every image of each user, prompts and
    descriptions; nothing is fetched twice, and nothing is stored that was not verified.
    """


def main() -> None:
    """Run the command line and leave with its exit status."""
    cli.main(prog_name="civitai-dl")
