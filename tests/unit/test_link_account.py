"""What `link` and `unlink` say at their end, in both languages."""

import ast
import json
from pathlib import Path

import pytest

import civitai_dl
from civitai_dl.cli._linked import (
    link_account,
    link_json,
    unlink_account,
    unlink_json,
)
from civitai_dl.domain._japanese_link import LINKS
from civitai_dl.domain.messages import Language, Messages
from civitai_dl.domain.placing import Layout, NoPlace, Record, Way
from civitai_dl.linking import (
    Conflict,
    Done,
    Keep,
    LinkReport,
    Obstacle,
    UnlinkReport,
    Unplaced,
)

BOTH = pytest.mark.parametrize("messages", [Messages(one) for one in Language], ids=["en", "ja"])


def a_record(path: str) -> Record:
    return Record(path, "file:1:2", "/archive", "model_0/1/2-v/a.pt", Way.COPY, "a" * 64, 5)


def full_report(*, dry_run: bool = False) -> LinkReport:
    """One of everything."""
    report = LinkReport(Layout.COMFYUI, Path("/app"), dry_run)
    report.done = [
        Done(f"models/vae/{way.value}.pt", "s", way, 1000, beside=way is Way.COPY, replaced=True)
        for way in Way
    ]
    report.there = report.same = report.kept = report.unread = 3
    report.stale, report.pruned = 5, [a_record("old.pt"), a_record("older.pt")]
    report.unplaced = [Unplaced("s", "Poses", why) for why in NoPlace]
    report.conflicts = [Conflict("s", f"models/{n}.pt", why) for why in Obstacle for n in range(6)]
    report.elsewhere, report.overrides, report.interrupted = 10**9, True, True
    return report


@BOTH
@pytest.mark.parametrize("dry_run", [False, True])
def test_everything_that_link_may_say_can_be_said(messages: Messages, *, dry_run: bool) -> None:
    """Every way, reason and obstacle has its sentence; of many conflicts the first are told."""
    said = link_account(full_report(dry_run=dry_run), messages)
    for fact in (
        "comfyui",
        "models/vae",
        "--folder Poses=PATH",
        "1.0 GB",
        "extra_model_paths.yaml",
    ):
        assert fact in said
    assert 20 == said.count("/0.pt") + sum(said.count(f"/{n}.pt") for n in range(1, 6))
    assert "--json" in said.splitlines()[-2]


@BOTH
def test_everything_that_unlink_may_say_can_be_said(messages: Messages) -> None:
    """What was removed and what was kept, and why."""
    report = UnlinkReport(Path("/app"), dry_run=False)
    report.removed, report.folders, report.unread = [a_record("a.pt")], ["models/Lora"], 1
    report.kept = [(a_record(f"{why.value}.pt"), why) for why in Keep]
    report.interrupted = True
    said = unlink_account(report, messages)
    for fact in ("/app", "changed.pt", "last_copy.pt"):
        assert fact in said
    assert 6 == len(said.splitlines())
    assert 130 == json.loads(unlink_json(report))["exit_status"]


def test_programs_read_the_same() -> None:
    """The JSON of a report has the words of the reasons."""
    told = json.loads(link_json(full_report()))
    assert {why.value for why in NoPlace} == {one["why"] for one in told["unplaced"]}
    assert {why.value for why in Obstacle} == {one["why"] for one in told["conflicts"]}
    assert (3, ["old.pt", "older.pt"], False) == (told["stale"], told["pruned"], told["complete"])


def test_nothing_is_translated_that_is_not_said() -> None:
    """Each Japanese sentence is one of a sentence in the code."""
    said = {
        node.value
        for path in Path(civitai_dl.__file__).parent.rglob("*.py")
        if path.name != "_japanese_link.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert set() == set(LINKS) - said
