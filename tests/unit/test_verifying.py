"""The pieces of `verify` and `retry`: looking at paths, what is said, what is remembered."""

from __future__ import annotations

import errno
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from civitai_dl._memory import (
    recall,
    recall_selection,
    remember,
    remember_selection,
    was_dry,
)
from civitai_dl._unfinished import read_asked
from civitai_dl._verify import VerifyReport
from civitai_dl.adapters.catalog import Asked
from civitai_dl.adapters.reporters import CheckReporter, CheckView
from civitai_dl.adapters.storage import LocalStorage
from civitai_dl.cli._findings import account_of, json_of, one_line
from civitai_dl.cli._verifying import given_names
from civitai_dl.config import Settings
from civitai_dl.domain.decisions import Damage, Finding, Kept, Seen, There
from civitai_dl.domain.entities import (
    CreatorTarget,
    Measured,
    ModelTarget,
    Notice,
    RunFinished,
    RunReport,
    Secret,
    Selection,
)
from civitai_dl.domain.messages import Language, Messages
from civitai_dl.errors import ConfigError
from civitai_dl.worker import End, Progress, Treated

BOTH = pytest.mark.parametrize("language", list(Language))

# --- looking at paths


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


async def look(storage: LocalStorage, path: str, *, read: bool = True) -> Seen:
    return (await storage.inspect([path], read=read))[0]


async def test_a_file_is_read_and_digested(tmp_path: Path, storage: LocalStorage) -> None:
    """Size, time, identity and digest; how much was read is told as it goes."""
    (tmp_path / "a").write_bytes(b"some bytes" * 200_000)
    heard: list[int] = []
    (seen,) = await storage.inspect(["a"], read=True, hear=heard.append)
    assert (There.FILE, 2_000_000, 1) == (seen.there, seen.size, seen.names)
    assert seen.measured == replace(await_measured(await storage.measure("a")), crc32="")
    assert (2_000_000, True) == (sum(heard), len(heard) > 1)
    assert None is (await look(storage, "a", read=False)).measured


def await_measured(measured: Measured | None) -> Measured:
    assert measured is not None
    return replace(measured, head=b"", tail=b"")


async def test_what_is_no_file_is_named(tmp_path: Path, storage: LocalStorage) -> None:
    """Folders, links and pipes are told apart; nothing of them is followed or read."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "out").symlink_to("/")
    os.mkfifo(tmp_path / "pipe")
    paths = ["folder", "link", "pipe", "nothing", "no/thing", "file/below", "out/etc"]
    found = [seen.there for seen in await storage.inspect(paths, read=True)]
    assert found == [
        There.FOLDER,
        There.LINK,
        There.OTHER,
        There.NOTHING,
        There.NOTHING,
        There.DENIED,
        There.DENIED,
    ]


@pytest.mark.parametrize(
    ("number", "there"),
    [
        (errno.EIO, There.BROKEN),
        (errno.EBADMSG, There.BROKEN),
        (errno.EACCES, There.DENIED),
        (errno.EMFILE, There.DENIED),
        (errno.ESTALE, There.DENIED),
        (errno.ENOENT, There.NOTHING),
    ],
)
async def test_only_what_the_disk_has_lost_counts_as_lost(
    tmp_path: Path,
    storage: LocalStorage,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    there: There,
) -> None:
    """An I/O error is damage; no permission, or no handle left, is nothing to heal."""
    (tmp_path / "a").write_bytes(b"x")

    def broken(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", broken)
    seen = await look(storage, "a")
    assert there is seen.there
    assert there is There.NOTHING or os.strerror(number) == seen.why
    monkeypatch.setattr(Path, "lstat", broken)
    assert there is (await look(storage, "a")).there


async def test_names_and_parts_of_a_file(tmp_path: Path, storage: LocalStorage) -> None:
    """Names of one inode in a folder; a part of a file, as far as it reaches."""
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "d").mkdir()
    for name in ("z", "b"):
        (tmp_path / "d" / name).hardlink_to(tmp_path / "a")
    (tmp_path / "d/other").write_bytes(b"0123456789")
    identity = (await look(storage, "a", read=False)).identity
    assert identity is not None
    assert ["d/b", "d/z"] == await storage.names_of("d", identity)
    assert [] == await storage.names_of("nowhere", identity)
    assert (b"345", b"89", b"") == (
        await storage.read_part("a", 3, 3),
        await storage.read_part("a", 8, 99),
        await storage.read_part("a", 99, 1),
    )


async def test_evidence_whose_bytes_somebody_took_away_stays(
    tmp_path: Path, storage: LocalStorage
) -> None:
    """A second thing of the same name gets another name, and the note of the first one stays."""
    for number in (1, 2):
        (tmp_path / "a").write_bytes(b"bad")
        where = await storage.quarantine("a", {"number": number})
        (tmp_path / where).unlink()
    notes = sorted((tmp_path / "corrupted").glob("*.evidence.json"))
    assert [2, 1] == [json.loads(note.read_text("utf-8"))["number"] for note in notes]


# --- what is said

KEPT = Kept(1, "file:1:1", "model_0/1/v/a.safetensors", "e" * 64, 2_000, ("1", "2"), 1.0)
MEASURED = Measured(2_000, "f" * 64)
FINDINGS = [
    Finding(KEPT, Seen(There.NOTHING), Damage.MISSING),
    Finding(KEPT, Seen(There.FILE, 1_999, measured=MEASURED), Damage.TRUNCATED),
    Finding(KEPT, Seen(There.FILE, 2_001, measured=MEASURED), Damage.LONGER),
    Finding(KEPT, Seen(There.FILE, 2_000, measured=MEASURED), Damage.ROTTEN, 1),
    Finding(KEPT, Seen(There.FILE, 2_000, measured=MEASURED), Damage.ROTTEN),
    Finding(KEPT, Seen(There.FILE, 9, measured=MEASURED), Damage.SWAPPED, other="other/b"),
    Finding(KEPT, Seen(There.BROKEN, why="Input/output error"), Damage.UNREADABLE),
    Finding(KEPT, Seen(There.FOLDER), Damage.REPLACED),
    Finding(KEPT, Seen(There.DENIED, why="Permission denied"), Damage.OUT_OF_REACH),
]


@BOTH
@pytest.mark.parametrize("heal", [True, False])
@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.damage.value)
def test_each_finding_is_one_line(finding: Finding, language: Language, *, heal: bool) -> None:
    """Which file, what is wrong, what happens next; in both languages."""
    line = one_line(finding, Messages(language), heal=heal)
    assert line.startswith(f"{KEPT.path}: ")
    assert "\n" not in line
    assert (finding.other or finding.seen.why or "") in line


def report_of(*treated: Treated, interrupted: bool = False) -> VerifyReport:
    progress = Progress(files=10, bytes=10_000, done=8, passed=8_000, read=8_000)
    return VerifyReport(progress, treated, 2.0, interrupted)


@BOTH
def test_the_account_tells_of_each_end(language: Language) -> None:
    """Every finding with its end, the figures, and what is left to do."""
    treated = [Treated(finding, end, "corrupted/x") for finding in FINDINGS for end in End]
    treated += [Treated(FINDINGS[3], End.HEALED, segments=[1])]
    text = account_of(report_of(*treated, interrupted=True), Messages(language))
    assert "corrupted/x" in text
    assert text.count(KEPT.path) == len(treated)
    many = account_of(report_of(*[Treated(FINDINGS[0])] * 150), Messages(language))
    assert (100, True) == (many.count(KEPT.path), "50" in many)


def test_the_account_for_programs_has_everything() -> None:
    """JSON: the figures, and each finding with expected, found and end."""
    one = Treated(FINDINGS[3], End.HEALED, "corrupted/x", segments=[1])
    told = json.loads(json_of(report_of(one)))
    assert (10, 8, 1, 0) == (told["files"], told["checked"], told["healed"], told["exit_status"])
    (finding,) = told["findings"]
    assert ("bit_rot", 1, 3, [1]) == (
        finding["damage"],
        finding["segment"],
        finding["segments"],
        finding["fetched_segments"],
    )


@pytest.mark.parametrize(
    ("treated", "run", "interrupted", "status"),
    [
        ([], None, False, 0),
        ([End.MENDED, End.HEALED, End.FETCHED, End.RECOVERED], None, False, 0),
        ([End.LEFT], None, False, 1),
        ([End.FETCHED, End.LOST], RunReport(), False, 1),
        ([End.LEFT], None, True, 130),
        ([End.LOST], RunReport(interrupted=True), False, 130),
        ([End.LOST], RunReport(key_refused=True), False, 3),
        ([End.LOST], RunReport(storage_trouble="full"), False, 4),
    ],
)
def test_exit_statuses(
    treated: list[End], run: RunReport | None, status: int, *, interrupted: bool
) -> None:
    """0 when all is well again, 1 when something is wrong, and those of a run that ended badly."""
    ends = tuple(Treated(FINDINGS[0], end) for end in treated)
    assert status == VerifyReport(Progress(), ends, 1.0, interrupted, run).exit_code


class _Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody has to sleep here, and not for {seconds} s")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@BOTH
@pytest.mark.parametrize("draws", [True, False])
def test_how_far_it_is_is_shown(language: Language, *, draws: bool) -> None:
    """Drawn again and again in a terminal, a line every five seconds elsewhere, one at the end."""
    clock, stream = _Clock(), _Terminal() if draws else io.StringIO()
    view = CheckView(0, 100, 0, 1_000_000, 0, 0)
    reporter = CheckReporter(
        clock, Messages(language), stream, environment={"TERM": "xterm"}, view=lambda: view
    )
    for second in range(20):
        clock.time += 1
        view = CheckView(second, 100, second * 10_000, 1_000_000, second * 10_000, 1)
        reporter.tick()
    reporter.emit(Notice("warning", "a\nb"))
    reporter.emit(Notice("info", "plain"))
    reporter.emit(RunFinished(RunReport()))
    reporter.close()
    reporter.close()
    reporter.tick()
    text = stream.getvalue()
    assert (20 if draws else 4) + 1 == text.count("/100")
    assert "19/100" in text.splitlines()[-1]
    assert "10.0 kB/s" in text
    assert ("\x1b" in text) is draws


# --- what is remembered

OURS = Settings(token=Secret("k" * 32))


def test_settings_come_back_and_the_key_does_not() -> None:
    """Service, rates and limits are remembered; the key never is; what is given now counts."""
    then = Settings(
        base_url="http://127.0.0.1:1", token=Secret("k" * 32), max_rate_model=3, limit_rate=7
    )
    text = remember(then)
    assert "k" * 32 not in text
    now = recall(OURS, text, given={"limit_rate"})
    assert ("http://127.0.0.1:1", 3, 0) == (now.base_url, now.max_rate_model, now.limit_rate)
    assert now.token is OURS.token
    wish = Selection(gallery=False, levels=3)
    assert wish == recall_selection(remember_selection(wish))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"base_url": 3}', '{"base_url": "http://x.y"}'])
def test_what_cannot_be_read_is_no_memory(text: str) -> None:
    """Archives of older versions, and edited ones, change no setting."""
    assert recall(OURS, text, given=()) == OURS
    assert recall_selection("Selection(files=True)") is None
    assert was_dry(text) is False


def test_the_key_is_not_sent_where_only_the_archive_says() -> None:
    """Archives are handed around: the service they name must be named by the person as well."""
    text = remember(replace(OURS, base_url="https://stranger.example"))
    with pytest.raises(ConfigError, match=r"stranger\.example"):
        recall(OURS, text, given=())
    assert OURS.base_url == recall(OURS, text, given={"base_url"}).base_url
    assert "https://stranger.example" == recall(replace(OURS, token=None), text, given=()).base_url


def test_a_flag_that_turns_off_counts_as_given() -> None:
    """--no-resume is the setting `resume`; flags that were not given are not there."""
    flags = {"no_resume": True, "limit_rate": None, "quiet": False, "targets": (), "retries": 3}
    assert {"no_resume", "resume", "retries"} == given_names(flags)


def test_old_words_are_read_as_their_list_read_them() -> None:
    """A number is a model, but a user in a list of users; what names nothing any more is left."""
    user = read_asked(Asked("4384", "users.txt:1", ("creator:4384", "gallery:user:4384")))
    model = read_asked(Asked("4384", "models.txt:1", ("model:4384",)))
    assert isinstance(user[0].target, CreatorTarget)
    assert isinstance(model[0].target, ModelTarget)
    assert [] == read_asked(Asked("no such thing", "argument", ("model:1",)))
