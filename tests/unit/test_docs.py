"""The documents against the program: what is there is told, and what is told is there."""

import inspect
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import pytest

import civitai_dl
from civitai_dl import _compose, errors
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.cli import _exit
from civitai_dl.cli._main import cli
from civitai_dl.cli._options import load_settings
from civitai_dl.config import DEFAULTS, TOKEN_NAMES
from civitai_dl.config._load import CONFIG_VARIABLE, PROFILE_VARIABLE
from civitai_dl.config._table import variables_of
from civitai_dl.domain.decisions._lifecycle import NEXT_STATE
from civitai_dl.domain.entities import Reason, Trouble
from civitai_dl.sources import parse_target
from civitai_dl.testing import GOOD_KEY, FakeCivitai, demo_world

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "civitai_dl"
REFERENCE = ROOT / "docs" / "reference"
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
CAPTURES = ROOT / "docs" / "captures"
RECORDS = ROOT / "docs" / "adr"

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
OTHERS = re.compile(r"<!-- other programs' options -->.*?<!-- our own again -->", re.DOTALL)
ALWAYS = {"--help", "--version"}


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def pages() -> list[Path]:
    """Every document that speaks of the program as it is now."""
    found = [*READMES, ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if CAPTURES not in page.parents]


def sections(text: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## +(.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each table row but headings and rules."""
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|- :"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def blocks(text: str, language: str) -> list[str]:
    return [code for found, code in FENCE.findall(text) if found == language]


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options_of(command: click.Command) -> set[str]:
    """The long options that the help of a command shows."""
    return {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    }


def error_classes() -> set[str]:
    members = inspect.getmembers(errors, inspect.isclass)
    return {name for name, found in members if found.__module__ == errors.__name__}


def packages() -> set[str]:
    """Every package that has a name of its own, as the code map writes it."""
    folders = (path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py"))
    named = {folder.as_posix() for folder in folders if folder.parts}
    # `adapters` alone only holds others.
    return {name for name in named if "/_" not in name} - {"adapters"}


# --- the command line


def test_every_command_has_a_section_in_the_reference():
    """A sub-command without a section in command-line.md is undocumented."""
    headings = "\n".join(sections(text_of(REFERENCE / "command-line.md")))
    assert [name for name in commands() if f"`{name}`" not in headings] == []


def test_every_option_stands_in_the_sections_of_its_command():
    """An option that command-line.md does not tell under its command is undocumented."""
    told = sections(text_of(REFERENCE / "command-line.md"))
    for name, command in commands().items():
        text = "\n".join(body for head, body in told.items() if head.startswith(f"`{name}`"))
        assert sorted(options_of(command) - set(OPTION.findall(text))) == []


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_every_option_of_a_download_stands_in_the_readme(page: Path):
    """The table of options in each README is complete."""
    assert sorted(options_of(commands()["download"]) - set(OPTION.findall(text_of(page)))) == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_no_page_names_an_option_that_is_not_there(page: Path):
    """An option that a page names exists; records of decisions may speak of the past.

    What stands between two marks is about other programs.
    """
    there = set().union(*map(options_of, commands().values())) | ALWAYS
    ours = OTHERS.sub("", text_of(page))
    named = set() if RECORDS in page.parents else set(OPTION.findall(ours))
    assert sorted(named - there) == []


def test_every_form_of_a_target_in_the_reference_is_understood():
    """Each example in the table of targets names something."""
    table = sections(text_of(REFERENCE / "command-line.md"))["Targets"]
    examples = [text for cells in rows(table) for text in quoted(cells[0])]
    whole = [text for text in examples if ":" in text.rstrip(":") or text.isdigit()]
    assert len(whole) >= 15
    for text in whole:
        parse_target(text)


def test_every_setting_is_told_as_it_is():
    """The reference has each setting with its options, variables and default, and no other."""
    told = sections(text_of(REFERENCE / "configuration.md"))["Settings"]
    head, *lines = rows(told)
    assert head == ["name", "option", "environment", "default", "meaning"]
    found = {quoted(line[0])[0]: [quoted(cell) for cell in line[1:4]] for line in lines}
    assert list(found) == [quoted(line[0])[0] for line in lines]
    assert all(line[4] for line in lines)
    there = {}
    for name, default in DEFAULTS.items():
        shown = [] if default is None else [as_told(default)]
        there[name] = [flags_of(name), list(variables_of(name)), shown]
    assert there == found


def as_told(default: object) -> str:
    return json.dumps(default) if isinstance(default, bool) else str(default)


def flags_of(setting: str) -> list[str]:
    """The long options of a setting, which are the same for every command that has it."""
    found = {
        tuple(option for option in (*parameter.opts, *parameter.secondary_opts) if "--" in option)
        for command in commands().values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name == setting
    }
    assert len(found) <= 1
    return [option for options in found for option in options]


def test_every_other_variable_is_told():
    """Variables that choose file, profile and client stand in the reference."""
    told = quoted(sections(text_of(REFERENCE / "configuration.md"))["Other variables"])
    assert {CONFIG_VARIABLE, PROFILE_VARIABLE, "CIVITAI_DL_ENGINE", "SSL_CERT_FILE"} <= set(told)


def test_the_example_of_a_file_can_be_loaded(tmp_path: Path):
    """The TOML in the reference is a configuration file that works, with its profile."""
    (example,) = blocks(text_of(REFERENCE / "configuration.md"), "toml")
    path = tmp_path / "config.toml"
    path.write_text(example, "utf-8")
    settings = load_settings({"config": str(path), "profile": "polite"}, {})
    assert (
        settings.output,
        settings.max_wait,
        settings.limit_rate,
        settings.concurrency,
        settings.max_rate_model,
    ) == ("archive", 86_400.0, 20 << 20, 4, 0.1)


def test_every_variable_of_the_key_is_told():
    """The reference names each environment variable that may hold the API key."""
    told = sections(text_of(REFERENCE / "command-line.md"))["The API key"]
    assert set(TOKEN_NAMES) <= set(quoted(told))


# --- statuses and errors


@pytest.mark.parametrize("page", [*READMES, REFERENCE / "exit-status.md"], ids=name_of)
def test_exactly_the_exit_statuses_that_there_are_stand_in_the_table(page: Path):
    """Each page with a table of exit statuses lists all of them, and no other."""
    there = {value for name, value in vars(_exit).items() if name.isupper() and name != "T"}
    told = {int(cells[0]) for cells in rows(text_of(page)) if cells[0].isdigit()}
    assert there == told


def test_every_error_has_a_row():
    """Each class of errors.py has a row in errors.md, and each row is a class."""
    cells = [cells[0] for cells in rows(text_of(REFERENCE / "errors.md"))]
    told = {name for cell in cells for name in quoted(cell)}
    assert error_classes() - {"CivitaiDLError"} == told
    assert "CivitaiDLError" in text_of(REFERENCE / "errors.md")


def test_every_reason_and_every_trouble_is_told():
    """The page on the layout explains each word that failed.txt and unavailable.txt may hold."""
    words = set(quoted(text_of(REFERENCE / "layout.md")))
    assert [found.value for found in (*Reason, *Trouble) if found.value not in words] == []


# --- the architecture


def test_every_package_stands_in_the_code_map():
    """A package without a line in the code map is undocumented."""
    told = sections(text_of(ROOT / "ARCHITECTURE.md"))["Code map"]
    names = {name for cells in rows(told) for name in quoted(cells[0])}
    assert sorted(packages() - names) == []


def test_the_code_map_names_only_what_is_there():
    """Each name in the first column of the code map is a package or a module."""
    told = sections(text_of(ROOT / "ARCHITECTURE.md"))["Code map"]
    names = [name for cells in rows(told) for name in quoted(cells[0])]
    assert [name for name in names if not (PACKAGE / name).exists()] == []


def test_the_life_of_a_task_is_the_one_in_the_code():
    """The table of states and outcomes in ARCHITECTURE.md is NEXT_STATE."""
    told = sections(text_of(ROOT / "ARCHITECTURE.md"))["The life of a task"]
    steps = {tuple(quoted(" ".join(cells[:3]))) for cells in rows(told)} - {()}
    there = {
        (state.value, outcome.__name__, after.value)
        for (state, outcome), after in NEXT_STATE.items()
    }
    assert there == steps


# --- links and examples


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path):
    """A relative link leads to a file or folder of this tree, and its anchor to a heading."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(page)))
    lost = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ +(.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_both_readmes_say_the_same():
    """The Japanese README has the sections, tables and examples of the English one."""
    shapes = []
    for page in READMES:
        text = text_of(page)
        code = [blocks(text, "python"), [uncommented(code) for code in blocks(text, "sh")]]
        tables = [sorted(OPTION.findall(cells[0])) for cells in rows(text)]
        shapes.append((len(sections(text)), code, tables, len(blocks(text, "text"))))
    assert shapes[0] == shapes[1]


def uncommented(code: str) -> list[str]:
    return [re.sub(r"\s*#.*", "", line) for line in code.splitlines()]


def test_the_examples_of_the_library_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Each Python example of the README does its work on the demonstration world."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIVITAI_API_KEY", GOOD_KEY)
    monkeypatch.setattr(_compose, "SystemClock", partial(SystemClock, speed=50.0))
    examples = blocks(text_of(READMES[0]), "python")
    with FakeCivitai(demo_world()).in_thread() as fake:
        for name in ("download_model", "download_creator", "download_model_async"):
            here = partial(getattr(civitai_dl, name), base_url=fake.base_url)
            monkeypatch.setattr(civitai_dl, name, here)
        for example in examples:
            exec(compile(example, "README.md", "exec"), {"__name__": "example"})
    said = capsys.readouterr().out.splitlines()
    assert len(examples) == 2
    assert said[0].startswith("0 ")
    assert said[-1] == "0"
    assert (tmp_path / "archive" / "model_101" / "101001" / "description.html").is_file()
