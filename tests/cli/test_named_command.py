"""Lists of anything, and searches, from the words of the command to the archive."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_dl.cli._again import retry_command
from civitai_dl.config import collect, parse_any
from civitai_dl.errors import TargetError
from civitai_dl.sources import parse_target
from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeOptions, Fault, World
from named_world import FAVOURITE, MODELS, list_text, named_world, wanted_names

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")

BAD_LINES = (
    "https://example.org/models/5",
    "https://civitai.com/collections/7",
    "https://civitai.com/articles/7",
    "model:0",
    "99999999999",
    "urn:air:sdxl:lora:huggingface:ann/x",
    "879DB523",
    "0123456789ABCDE",
    "ann",
    "two words",
    "search:cat?sort=best",
    "1 2",
)


def cats(count: int) -> World:
    world = World().creator("ann")
    for number in range(1, count + 1):
        world.model(number, name=f"cat {number}", creator="ann")
    return world


def pages(output: Path) -> set[int]:
    return {int(path.parent.name) for path in output.glob("model_*/*/model.json")}


def test_a_list_of_everything_is_archived(tmp_path: Path, civitai_dl: Command) -> None:
    """`-i FILE`: one list with a line of each kind ends with all of it, and status 0."""
    world = named_world()
    (tmp_path / "everything.txt").write_bytes(list_text(world))
    options = FakeOptions(favorites=frozenset({FAVOURITE}))
    with FakeCivitai(world, options=options).in_thread() as fake:
        words = ("-o", "archive", "--token", GOOD_KEY, "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl("-i", "everything.txt", "--gallery-limit", "3", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pages(tmp_path / "archive") == MODELS
    files = [path.name for path in (tmp_path / "archive").rglob("*.safetensors")]
    assert sorted(files) == sorted(wanted_names(world))
    assert "everything.txt: bare numbers are taken as models (1, such as 1)" in done.stderr


def test_each_kind_of_bad_line_is_refused_before_anything(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """A list with bad lines: each with file, line, text, reason and remedy; no request; exit 2."""
    (tmp_path / "all.txt").write_text("\n".join(["model:1", *BAD_LINES]), "utf-8")
    with FakeCivitai(cats(2)).in_thread() as fake:
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl("-i", "all.txt", *words)
        assert fake.account.count() == 0
        assert done.returncode == 2
        assert not (tmp_path / "archive").exists()
        skipping = civitai_dl("-i", "all.txt", "--skip-bad-lines", "--no-gallery", *words)
    lines = [line for line in done.stderr.splitlines() if "all.txt:" in line]
    assert len(lines) == len(BAD_LINES)
    for number, (line, text) in enumerate(zip(lines, BAD_LINES, strict=True), 2):
        assert f"all.txt:{number}: " in line
        assert re.search(rf": {re.escape(text)} \(.+\)$", line), line
    assert "--skip-bad-lines" in done.stderr
    assert skipping.returncode == 0, skipping.stderr
    assert skipping.stderr.count("all.txt:") == len(BAD_LINES)
    assert pages(tmp_path / "archive") == {1}


def test_a_list_of_anything_may_come_by_standard_input(tmp_path: Path, civitai_dl: Command) -> None:
    """A dash among the arguments, and `-i -`, read the list from standard input."""
    with FakeCivitai(cats(3)).in_thread() as fake:
        words = ("--no-gallery", "--base-url", fake.base_url, *UNPACED)
        first = civitai_dl("-", "-o", "a", *words, stdin="model:1\n2 # bare\n")
        second = civitai_dl("-i", "-", "-o", "b", *words, stdin="model:3\n")
        twice = civitai_dl("-", "--models", "-", "-o", "c", *words, stdin="1\n")
    assert (first.returncode, second.returncode, twice.returncode) == (0, 0, 2)
    assert (pages(tmp_path / "a"), pages(tmp_path / "b")) == ({1, 2}, {3})
    assert "stdin: bare numbers are taken as models (1, such as 2)" in first.stderr
    assert "standard input is named twice" in twice.stderr


def test_the_options_of_a_search_narrow_it(tmp_path: Path, civitai_dl: Command) -> None:
    """--sort and --max-models make of a tag its newest two, as the account then writes it."""
    with FakeCivitai(cats(9)).in_thread() as fake:
        words = ("-o", "archive", "--no-gallery", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl("tag:style", "--sort", "newest", "--max-models", "2", *words)
        again = civitai_dl("tag:style?sort=Newest&max-models=2", *words)
        resolved = len(fake.account.resolves())
    assert done.returncode == again.returncode == 0, done.stderr
    assert "tag:style?sort=Newest&max-models=2" in done.stdout
    assert pages(tmp_path / "archive") == {8, 9}
    assert resolved == 2


def test_the_types_that_are_wanted_count_among_the_first(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """--types with --max-models 2: the first two of that type, and not the first two of all."""
    world = cats(3)
    for number in (7, 8, 9):
        world.model(number, name=f"cat {number}", creator="ann", kind="Checkpoint")
    with FakeCivitai(world).in_thread() as fake:
        words = ("-o", "archive", "--no-gallery", "--base-url", fake.base_url, *UNPACED)
        flags = ("--types", "lora", "--sort", "newest", "--max-models", "2")
        done = civitai_dl("tag:style", "model:9", *flags, *words)
    assert done.returncode == 0, done.stderr
    assert "tag:style?types=LORA&sort=Newest&max-models=2" in done.stdout
    files = {path.parts[-3] for path in (tmp_path / "archive").rglob("*.safetensors")}
    assert files == {"2", "3"}


def test_a_search_that_failed_is_retried_as_it_was(tmp_path: Path, civitai_dl: Command) -> None:
    """What `retry` does for a search knows the options that narrowed it, and lists nothing anew."""
    with FakeCivitai(cats(9)).in_thread() as fake:
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        fake.faults.add(Fault(origin="storage", path=".*", every=True, status=500))
        flags = ("--max-models", "3", "--sort", "Newest", "--no-gallery", "--retries", "1")
        done = civitai_dl("search:cat", *flags, *words)
        fake.faults.assert_all_served()
        fake.faults.clear()
        fake.account.clear()
        again = civitai_dl("retry", "-o", "archive", "--max-rate-model", "0")
        listed = fake.account.count(origin="api", path_prefix="/api/v1/")
        named = civitai_dl("retry", "search:cat?max-models=3&sort=Newest", "-o", "archive")
    assert (done.returncode, again.returncode, named.returncode) == (1, 0, 0), again.stderr
    assert listed == 0
    assert len(list((tmp_path / "archive").rglob("*.safetensors"))) == 3


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("model:1", "--max-models", "5"), "--max-models: there is no search"),
        (("tag:style", "--max-models", "none"), "max-models must be a whole number"),
        (("tag:style", "--sort", "best"), "there are Highest Rated"),
        (("tag:style", "--period", "Decade"), "there is no period 'Decade'"),
        (("favorites:",), "needs an API key"),
        (("model:1", "list.txt"), "-i list.txt"),
        (("-i", "missing.txt"), "missing.txt"),
    ],
)
def test_a_mistake_about_lists_is_named_before_anything(
    civitai_dl: Command, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    """A search option that is none, or has no search, is told; no request; exit 2."""
    with FakeCivitai(cats(1)).in_thread() as fake:
        done = civitai_dl(*words, "-o", "archive", "--base-url", fake.base_url)
        assert fake.account.count() == 0
    assert done.returncode == 2
    assert named in done.stderr
    assert not list(tmp_path.glob("archive/model_*"))


def test_what_standard_input_named_stands_in_the_retry_command() -> None:
    """The command that tries again has the lines of standard input in place of its dashes."""
    found, _ = collect(
        [("-", parse_any)], [], parse=parse_target, stdin=lambda: b"search:a cat\nuser:ann\n"
    )
    for words in (["-"], ["-i", "-"], ["-i-"], ["--input-file=-"], ["--input-file", "-"]):
        command = retry_command([*words, "-i", "x.txt", "-ofolder"], found)
        kept = ["-i", "x.txt", "-ofolder", "search:a cat", "user:ann"]
        assert command == ["civitai-dl", *kept], words


def test_every_form_that_the_help_shows_can_be_read(civitai_dl: Command) -> None:
    """`download --help` shows each form of a target in a line, and each of them names something."""
    text = civitai_dl("download", "--help").stdout
    shown = text.split("Targets:")[1].split("Examples:")[0]
    forms = [
        form.strip()
        for line in shown.splitlines()
        if line.strip() and not line.strip().startswith("a SHA256")
        for form in re.split(r"\s{2,}", line.strip())[0].split(",")
    ]
    assert len(forms) > 15
    for form in forms:
        full = form.replace("...", "https://civitai.com") if form.startswith("...") else form
        try:
            parse_target(full)
        except TargetError as error:
            pytest.fail(f"{form}: {error}")


def test_the_orders_of_a_search_are_completed(civitai_dl: Command) -> None:
    """Pressing tab after --sort shows the orders, spelt so that they need no quotes."""
    told = civitai_dl(
        _CIVITAI_DL_COMPLETE="bash_complete",
        COMP_WORDS="civitai-dl download --sort mo",
        COMP_CWORD="3",
    )
    words = {line.partition(",")[2] for line in told.stdout.splitlines()}
    assert {"Most-Downloaded", "Most-Liked"} <= words
    assert "Newest" not in words
