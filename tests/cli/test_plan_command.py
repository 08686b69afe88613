"""`civitai-dl plan`, as a person and as a program sees it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import click
import pytest

from civitai_dl.cli._download import command as download
from civitai_dl.cli._outlook import SHOWN, outlook_text
from civitai_dl.cli._outlook_data import COLUMNS
from civitai_dl.cli._plan import LEFT_OUT
from civitai_dl.cli._plan import command as plan
from civitai_dl.domain.entities import Role, RunReport
from civitai_dl.domain.messages import Language, Messages, cell_width
from civitai_dl.domain.outlook import (
    Forecast,
    Foreseen,
    Outlook,
    Pace,
    Prospect,
    Scope,
    Share,
    Space,
)
from civitai_dl.testing import FakeCivitai, FakeFile, FakeModel, FakeVersion, Fault, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]
UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")
MB = 1_000_000
FAR = datetime(2099, 1, 1, tzinfo=timezone.utc)


def world() -> World:
    """Three files in two models, one of them in early access, and some images."""
    formula = FakeFile(name="=1+1.pt", size=6_000)
    free = FakeVersion(files=(formula, FakeFile(name="b.pt", size=4_000, kind="VAE")))
    early = FakeVersion(files=(FakeFile(name="c.pt", size=2_000),), early_access_until=FAR)
    found = World().creator("ann").model(1, creator="ann", versions=(free,))
    found.model(2, creator="ann", versions=(early,))
    return found.images(6, username="ann")


def words(fake: FakeCivitai) -> tuple[str, ...]:
    return ("user:ann", "-o", "archive", "--base-url", fake.base_url, *UNPACED)


# --- as it is called


def test_a_plan_is_told_and_nothing_is_transferred(tmp_path: Path, civitai_dl: Command) -> None:
    """The plan on standard output, progress on the other; no link, file or image is asked for."""
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl("plan", *words(fake))
        assert 0 == fake.account.count(origin="storage") + fake.account.count(origin="cdn")
        assert 0 == fake.account.count(origin="api", path_prefix="/api/download")
    assert told.returncode == 0
    assert told.stdout.startswith("Plan for archive: nothing was transferred.\n")
    assert "To transfer: 2 files, 10.0 kB" in told.stdout
    assert "early access: 1, 2.0 kB, free on 2099-01-01 00:00 UTC" in told.stdout
    assert "1 target, archive in archive" in told.stderr
    assert not list((tmp_path / "archive").rglob("*.pt"))
    assert (tmp_path / "archive/model_0/1/model.json").is_file()


def test_a_dry_run_is_a_plan(civitai_dl: Command) -> None:
    """`download --dry-run` says what `plan` says, also in Japanese and quietly."""
    with FakeCivitai(world()).in_thread() as fake:
        first = civitai_dl("plan", *words(fake), "--lang", "ja")
        dry = civitai_dl(*words(fake), "--dry-run", "--lang", "ja", "-q")
    assert "転送は行っていません" in first.stdout
    assert (dry.stdout.splitlines()[:8], dry.stderr) == (first.stdout.splitlines()[:8], "")


def test_a_dry_run_in_lines_of_json_says_nothing_else(civitai_dl: Command) -> None:
    """`download --dry-run --json-logs` gives events, each an object on a line of its own."""
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl(*words(fake), "--dry-run", "--json-logs")
    events = [json.loads(line)["event"] for line in told.stdout.splitlines()]
    assert (events[0], events[-1], told.returncode) == ("run_started", "run_finished", 0)


def test_why_is_answered_beside_a_document(civitai_dl: Command) -> None:
    """`plan --why` says at the end how a thing stands; with --json on standard error."""
    with FakeCivitai(world()).in_thread() as fake:
        text = civitai_dl("plan", *words(fake), "--why", "model:2")
        document = civitai_dl("plan", *words(fake), "--why", "model:2", "--json")
    assert text.stdout.index("Plan for archive") < text.stdout.index("model 2")
    assert json.loads(document.stdout)["exit_status"] == 0
    assert "model 2" in document.stderr


def test_json_is_one_document(civitai_dl: Command) -> None:
    """--json gives figures under the keys of the reference, and settings do not mix lines in."""
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl("plan", *words(fake), "--json")
    found = json.loads(told.stdout)
    assert set(found) == {
        *("output", "exit_status", "interrupted", "total", "targets"),
        *("unlisted", "space", "time"),
    }
    (target,) = found["targets"]
    assert (target.pop("text"), target.pop("origin")) == ("user:ann", "argument")
    assert target == found["total"]
    assert (target["models"], target["versions"], target["files"]) == (2, 2, 3)
    assert target["states"]["fetch"]["bytes"] == target["bytes_to_transfer"] == 10_000
    kinds = {(s["type"], s["state"], s["reason"]) for s in target["shares"] if s["role"] == "file"}
    assert kinds == {
        ("Model", "fetch", None),
        ("VAE", "fetch", None),
        ("Model", "unavailable", "early_access"),
    }
    (early,) = (share for share in target["shares"] if share["reason"])
    assert early["first_until"] == early["last_until"] == "2099-01-01T00:00:00+00:00"
    assert (found["space"]["fits"], found["time"]["seconds"]) == (True, None)


def test_csv_has_a_row_for_each_thing(civitai_dl: Command) -> None:
    """--csv gives files and images one by one; no name of a stranger is a formula in it."""
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl("plan", *words(fake), "--csv")
    head, *rows = csv.reader(io.StringIO(told.stdout))
    assert tuple(head) == COLUMNS
    found = [dict(zip(head, row, strict=True)) for row in rows]
    names = {row["name"]: row for row in found if row["file"]}
    assert set(names) == {"'=1+1.pt", "b.pt", "c.pt"}
    assert names["b.pt"]["type"] == "VAE"
    assert (names["c.pt"]["state"], names["c.pt"]["reason"]) == ("unavailable", "early_access")
    assert names["c.pt"]["until"].startswith("2099-01-01T")
    assert names["'=1+1.pt"]["path"].endswith("/=1+1.pt")
    assert {row["bytes"] for row in names.values()} == {"6000", "4000", "2000"}
    assert len([row for row in found if row["image"]]) == 12
    assert {row["target"] for row in found} == {"user:ann"}


def test_two_forms_at_once_are_a_mistake(civitai_dl: Command) -> None:
    """--json with --csv is refused before anything is asked."""
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl("plan", *words(fake), "--json", "--csv")
        assert 0 == fake.account.count()
    assert (told.returncode, told.stdout) == (2, "")
    assert "--json and --csv" in told.stderr


def test_what_could_not_be_listed_ends_with_status_1(civitai_dl: Command) -> None:
    """A model that the service does not know is told, with what it said; the rest is planned."""
    with FakeCivitai(world()).in_thread() as fake:
        fake.faults.add(Fault(origin="api", path="/models/999", every=True, status=400, body="no"))
        told = civitai_dl("plan", "model:999", *words(fake))
        fake.faults.assert_all_served()
        found = json.loads(civitai_dl("plan", "model:999", *words(fake), "--json").stdout)
    assert told.returncode == 1
    assert "Could not be listed: 2" in told.stdout or "Could not be listed: 1" in told.stdout
    assert "model 999" in told.stdout
    assert found["exit_status"] == 1
    assert found["unlisted"][0]["page"] == "model 999"
    assert found["total"]["states"]["fetch"]["count"] > 0


def test_a_refused_key_ends_with_status_3(civitai_dl: Command) -> None:
    """As with a download, nothing is listed for a key that is not good."""
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl("plan", *words(fake), "--token", "no-such-key")
    assert (told.returncode, told.stdout) == (3, "")


def test_a_setting_for_lines_of_json_does_not_spoil_the_plan(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """`json_logs = true` in the configuration file is about runs: a plan stays a plan."""
    (tmp_path / "config.toml").write_text("json_logs = true\n", "utf-8")
    with FakeCivitai(world()).in_thread() as fake:
        told = civitai_dl("plan", *words(fake), "--config", "config.toml")
    assert told.stdout.startswith("Plan for archive")


def test_whoever_reads_only_the_beginning_is_no_trouble(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """A CSV that is cut off by `head` ends without a traceback."""
    many = World().creator("ann").images(2_500, username="ann")
    with FakeCivitai(many).in_thread() as fake:
        process = subprocess.Popen(
            [sys.executable, "-m", "civitai_dl", "plan", *words(fake), "--csv", "-q"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"target,")
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        process.stderr.close()
        status = process.wait(60)
    assert (status, said) == (0, b"")


def test_every_choice_of_a_download_can_be_planned() -> None:
    """`plan` has the very options of `download`, but for those that it is itself."""
    assert {p.name for p in download.params} - {p.name for p in plan.params} == LEFT_OUT
    own = {p.name for p in plan.params} - {p.name for p in download.params}
    assert own == {"as_json", "as_csv"}
    assert isinstance(plan, click.Command)


# --- as it looks


def share(count: int = 3, size: int = 5 * MB, **facts: object) -> Share:
    chosen = {"role": Role.FILE, "kind": "Model", "prospect": Prospect.FETCH, **facts}
    return Share(**chosen, count=count, bytes=size)


def outlook(*shares: Share, targets: int = 1, **facts: object) -> Outlook:
    """An outlook in which each target has the shares, and all of them have them once."""
    scope = Scope("", models=2, versions=3, shares=shares)
    names = [f"https://civitai.com/user/日本語の作者{number}" for number in range(targets)]
    plain: dict[str, object] = {
        "unlisted": (),
        "space": Space(5 * MB, None, 100 * MB),
        "pace": Pace(),
        "time": Forecast(None, None, None, at_least=True),
    }
    scopes = [replace(scope, text=text, origin="a long/users.txt:3") for text in names]
    return Outlook(targets=tuple(scopes), total=scope, **{**plain, **facts})


def page(number: int) -> Foreseen:
    return Foreseen(
        f"model:{number}", 0, Role.PAGE, "model", Prospect.UNLISTED, f"model {number}", detail="404"
    )


EVERYTHING = (
    share(),
    share(role=Role.GALLERY, kind="", size=0, unsized=3),
    share(2, 1, prospect=Prospect.REUSE, kind="VAE"),
    share(7, 9 * MB, prospect=Prospect.STORED, unsized=1, kind="Training Data"),
    share(1, MB, prospect=Prospect.UNAVAILABLE, reason="early_access", first=1e9, last=2e9),
    share(1, 0, prospect=Prospect.UNAVAILABLE, reason="early_access", kind="VAE", first=2e9),
    share(1, 0, prospect=Prospect.UNAVAILABLE, reason="archived", role=Role.PAGE),
    share(1, 0, prospect=Prospect.FAILED, reason="corrupt"),
    share(1, 0, prospect=Prospect.SKIPPED, reason="not wanted"),
    share(2, 0, prospect=Prospect.UNLISTED, reason="not_found", role=Role.PAGE),
    share(1, 8 * MB, held=3 * MB, unsized=1),
)
FULL = outlook(
    *EVERYTHING,
    targets=SHOWN + 5,
    unlisted=tuple(page(number) for number in range(13)),
    space=Space(900 * MB, 50 * MB, 100 * MB, lacking=800 * MB),
    pace=Pace(files=MB, images=3.0, links=2.0, limit=2 * MB),
    time=Forecast(90.0, 80.0, 70.0, at_least=True),
)
BARE = outlook()


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("seen", [FULL, BARE], ids=["full", "bare"])
def test_no_line_is_wider_than_the_screen(language: Language, width: int, seen: Outlook) -> None:
    """However narrow it is, in both languages."""
    text = outlook_text(
        seen, RunReport(interrupted=True), Messages(language), output="here", width=width
    )
    assert [line for line in text.splitlines() if cell_width(line) > width] == []


def said(seen: Outlook, width: int = 120) -> str:
    return outlook_text(seen, RunReport(), Messages(Language.EN), output="here", width=width)


def test_of_many_targets_the_largest_are_shown() -> None:
    """A thousand targets do not fill the screen, and the sum is of all."""
    seen = outlook(share(), targets=1_000)
    large = replace(seen.targets[999], text="the largest", shares=(share(4, 9 * MB),))
    text = said(replace(seen, targets=(*seen.targets[:999], large)))
    lines = text.splitlines()
    assert len(lines) < SHOWN + 30
    assert "the largest" in lines[3]
    assert "and 960 smaller targets" in text
    assert "in all" in text


def test_everything_that_matters_is_said() -> None:
    """Sums, reasons with dates, what failed, what was not listed, room and time."""
    text = said(FULL)
    for sentence in (
        "Not everything could be listed: there may be more.",
        "To transfer: 4 files, 10.0 MB",
        "  of 1 file nobody tells the size",
        "  not counting 3.0 MB that are in partial files already",
        "To transfer: 3 images (about 50.0 MB, as those stored weigh)",
        "Reused, not transferred: 2 (1 B)",
        "Stored already: 7 (9.0 MB)",
        "Cannot be had: 3",
        "  early access: 2, 1.0 MB, free from 2001-09-09 01:46 UTC to 2033-05-18 03:33 UTC",
        "  archived: 1",
        "Failed before, and not tried again: 1",
        "  failed the check: 1",
        "Left out: 1",
        "Could not be listed: 13",
        "  and 3 more pages",
        "Not enough room: 800.0 MB more must be free",
        "Time: at least 1 min 30 s (files 1.0 MB/s as last time,",
    ):
        assert sentence in text
    assert "images 3.0/s as last time, limit 2.0 MB/s)" in text


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    """Without an earlier transfer there is no time, and images have no size."""
    text = said(outlook(share(), share(role=Role.GALLERY, kind="", size=0, unsized=3)))
    assert "Time: not known until something was transferred into this archive" in text
    assert "To transfer: 3 images (the service does not tell their size)" in text
    assert "afterwards at most 95.0 MB" in text


def test_when_all_is_there_no_time_is_told() -> None:
    """Nothing to fetch takes no time and no room."""
    text = said(outlook(share(prospect=Prospect.STORED)))
    assert "Time:" not in text
    assert "To transfer" not in text


def test_names_cannot_steer_the_terminal() -> None:
    """What strangers wrote reaches the screen without control signs."""
    kind = share(kind="Mo\x1b[2Jdel")
    text = said(replace(outlook(kind), unlisted=(replace(page(1), detail="\x1b]0;title\x07"),)))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_model_of_an_archive_is_told_by_its_mode(tmp_path: Path, civitai_dl: Command) -> None:
    """Archived models are known from the listing."""
    archived = World().model(FakeModel(5, mode="Archived"))
    with FakeCivitai(archived).in_thread() as fake:
        told = civitai_dl("plan", "model:5", *words(fake)[1:], COLUMNS="60")
    assert "  archived: 1" in told.stdout
    assert os.listdir(tmp_path / "archive")  # noqa: PTH208  # the listing is kept
