"""What a run leaves in words: the closing account, the lists, and the scripts that try again."""

import re
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.archive._account import (
    SHOWN_AT_MOST,
    SHOWN_NOTICES,
    closing_account,
    failed_txt,
    retry_ps1,
    retry_sh,
    unavailable_txt,
)
from civitai_dl.domain.entities import Account, RunReport, Trace
from civitai_dl.domain.messages import Language, Messages, cell_width

EN, JA = Messages(Language.EN), Messages(Language.JA)
BOTH = pytest.mark.parametrize("messages", [EN, JA], ids=["en", "ja"])
DATE = "2026-08-30 12:00 UTC"

GOOD = Account("https://civitai.com/models/1", "models.txt:1", expected=5, stored=5)
GATED = Account(
    "https://civitai.com/models/2", "models.txt:2", 41, 40, unavailable={"early_access": 1}
)
BAD = Account(
    "https://civitai.com/user/ann",
    "users.txt:1",
    expected=9120,
    stored=9101,
    unavailable={"downloads_disabled": 5, "early_access": 7},
    failed={"corrupt": 2, "transient": 4},
    open=1,
)
FAILURE = Trace("file:7:9", "a.pt (model 5, version 7, file 9)", "corrupt", "bad digest", "m/5")
EARLY = Trace("file:1:2", "b.pt", "early_access", "buyers only", "m/1", until=1_788_264_000.0)

# Every sign that a shell might read as its own, and those that PowerShell takes for quotes.
ARGUMENTS = st.text(
    st.sampled_from("ab '\"\\$`;&|<>*?!#~(){}[]=%^\n\t-")
    | st.sampled_from("日本語モデル\u2018\u2019\u201a\u201b\u201c\u201d")
    | st.characters(exclude_characters="\x00", exclude_categories=("Cs",))
)


def report(**facts):
    return RunReport(seconds=3905.0, bytes_received=9_200_000_000, **facts)


def account(told, messages=EN, *, output="./civitai", width=80, **options):
    return closing_account(told, messages, output=output, width=width, **options)


def read_powershell(line):
    """The arguments of a line of single-quoted strings, by PowerShell's rule of doubled quotes."""
    quotes = "'\u2018\u2019\u201a\u201b"
    arguments, at = [], 0
    while at < len(line):
        assert line[at] in quotes, f"not quoted: {line[at:]!r}"
        text, at = "", at + 1
        while True:
            if line[at] not in quotes:
                text, at = text + line[at], at + 1
            elif line[at + 1 : at + 2] and line[at + 1] in quotes:
                text, at = text + line[at], at + 2
            else:
                break
        arguments.append(text)
        assert line[at + 1 : at + 2] in ("", " ")
        at += 2
    return arguments


# --- the closing account


def test_each_line_is_accounted_for():
    """An input line is told with what was expected, stored, unavailable and failed, and why."""
    text = account(report(accounts=(BAD,)), width=400)
    assert "users.txt:1  https://civitai.com/user/ann" in text
    assert (
        "9,120 expected, 9,101 stored and verified, "
        "7 unavailable because of early access, "
        "5 unavailable because the creator disabled downloads, "
        "4 failed because of network or server errors, "
        "2 failed because the bytes failed their check, 1 not tried yet" in text
    )


def test_the_account_speaks_japanese():
    """The same account in Japanese names the same figures."""
    text = account(report(accounts=(BAD,)), JA, width=400)
    assert (
        "全 9,120 件、保存・検証済み 9,101 件、入手不可 7 件 (早期アクセス期間中)、"
        "入手不可 5 件 (作者がダウンロードを無効化)、"
        "失敗 4 件 (通信またはサーバーのエラー)、失敗 2 件 (データの検証に失敗した)、未処理 1 件"
    ) in text


def test_few_lines_are_all_shown():
    """A handful of input lines is proven one by one, the complete ones too."""
    text = account(report(accounts=(GOOD, GATED)))
    assert "5 expected, 5 stored and verified" in text
    assert "more line" not in text


def test_many_complete_lines_are_folded():
    """Of many input lines those with something to say are shown, and the others counted."""
    text = account(report(accounts=(GOOD,) * 175 + (GATED,)))
    assert "models.txt:2" in text
    assert "models.txt:1 " not in text
    assert "175 more lines are complete." in text
    assert "ほかの 175 行はすべて完了しています。" in account(report(accounts=(GOOD,) * 175), JA)


def test_a_thousand_troubled_lines_do_not_flood_the_screen():
    """Beyond a screenful, lines with trouble are counted as well."""
    text = account(report(accounts=(BAD,) * 1000))
    assert text.count("users.txt:1") == SHOWN_AT_MOST
    assert f"{1000 - SHOWN_AT_MOST} more lines are not complete." in text


def test_a_long_origin_gives_way_to_the_link():
    """Of a list file with a long path only its name is shown, so that the link is in one piece."""
    link = "https://civitai.com/models/101001/aurora-watercolor"
    for path in ("/a/very/long/way/to/the/list/models.txt:2", "D:\\a\\way\\to\\the\\models.txt:2"):
        text = account(report(accounts=(Account(link, path),)), width=70)
        assert f"models.txt:2  {link}" in text.splitlines()
        assert f"{path}  {link}" in account(report(accounts=(Account(link, path),)), width=200)
    assert link in account(report(accounts=(Account(link),))).splitlines()


def test_a_note_of_a_line_is_told():
    """What is special about an input line stands below it, even when all of it is stored."""
    gone = Account("https://civitai.com/models/9", expected=3, stored=3, note="gone; kept here")
    assert "gone; kept here" in account(report(accounts=(GOOD,) * 20 + (gone,)))


def test_the_totals_tell_where_everything_came_from():
    """Stored, reused, kept, unavailable, failed and left are told with their numbers."""
    total = Account("", unavailable={"early_access": 9, "gone": 3}, failed={"transient": 5})
    told = report(stored=512, reused=30, kept=9438, left=10, models=180, total=total)
    text = account(told)
    assert "In total (180 models)" in text
    for row in (
        r"stored +512 +fetched and verified in this run: 9.2 GB, 2.4 MB/s",
        r"reused +30 ",
        r"kept +9,438 ",
        r"unavailable +12 +early access 9, gone 3",
        r"failed +5 +network or server error 5",
        r"left +10 ",
    ):
        assert re.search(row, text), row


def test_what_did_not_happen_is_not_told():
    """Rows of zero are left out, but for stored and failed, which are always asked for."""
    text = account(report())
    assert re.search(r"stored +0$", text, re.MULTILINE)
    assert re.search(r"failed +0$", text, re.MULTILINE)
    assert "reused" not in text
    assert "Notices" not in text


def test_an_account_without_a_run_does_not_speak_of_one():
    """The standing of an archive, which no run has just changed, does not tell of 0 stored."""
    standing = RunReport(models=3, unavailable=(EARLY,))
    assert "  stored" not in account(standing)
    assert re.search(
        r"In total \(3 models\)\n  unavailable  1  early access 1\n", account(standing)
    )
    assert "In total" not in account(RunReport())


def test_a_page_that_failed_counts_as_failed():
    """Failures that are neither file nor image are in the total too."""
    page = Trace("model:5", "model 5", "not_found", "no such model", "m/5")
    assert re.search(r"failed +1 +not found 1", account(report(failures=(page,))))


@pytest.mark.parametrize(
    ("facts", "english"),
    [
        ({}, "All that can be had is stored."),
        ({"left": 1}, "not everything could be fetched"),
        ({"failures": (FAILURE,)}, "not everything could be fetched"),
        ({"interrupted": True}, "Interrupted after 1 h 5 min."),
        ({"storage_trouble": "no space left"}, "by the storage: no space left"),
        ({"key_refused": True}, "Civitai refused the API key"),
    ],
)
def test_the_first_line_says_how_it_ended(facts, english):
    """The first line is the verdict, in both languages."""
    assert english in account(report(**facts)).splitlines()[0]
    assert "1 時間 5 分" in account(report(**facts), JA).splitlines()[0]


@BOTH
def test_failures_come_with_the_command_to_run_next(messages):
    """After failures the retry command, their list and the status command are shown whole."""
    text = account(report(failures=(FAILURE,)), messages, output="./my archive")
    assert "sh './my archive/retry.sh'" in text
    assert "./my archive/failed.txt" in text
    assert "civitai-dl status -o './my archive'" in text


def test_windows_gets_its_own_commands():
    """With `windows` the commands are PowerShell's, and paths keep their backslashes."""
    text = account(report(failures=(FAILURE,)), output="D:\\Bob's\\x", windows=True)
    assert "powershell -File 'D:\\Bob''s\\x\\retry.ps1'" in text
    assert "D:\\Bob's\\x\\failed.txt" in text
    plain = account(report(), output="D:\\x\\", windows=True)
    assert "civitai-dl status -o D:\\x\\\n" in plain


def test_another_retry_command_may_be_given():
    """The caller may know a better command than the script."""
    assert "civitai-dl retry -o x" in account(
        report(failures=(FAILURE,)), retry="civitai-dl retry -o x"
    )


def test_early_access_names_its_first_date():
    """The account says when the first early access ends; without a date it does not."""
    later = Trace("file:3:4", "c.pt", "early_access", "", "m/1", until=1_888_264_000.0)
    undated = Trace("file:5:6", "d.pt", "early_access", "", "m/1")
    text = account(report(unavailable=(later, EARLY, undated)), output="s3://bucket/x/")
    assert "The first early access ends 2026-09-01 12:00 UTC" in text
    assert "s3://bucket/x/unavailable.txt" in text
    assert "ends" not in account(report(unavailable=(undated,)))


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({"interrupted": True}, "To go on, run the same command again"),
        ({"left": 3}, "To go on, run the same command again"),
        ({"storage_trouble": "full"}, "Make room, then run the same command again"),
        ({"key_refused": True}, "https://civitai.com/user/account"),
    ],
)
def test_a_run_that_stopped_says_how_to_go_on(facts, step):
    """What stopped the run decides what to do next."""
    assert step in account(report(**facts))


def test_notices_are_repeated_at_the_end():
    """Notices stand in the account, as many as fit on a screen."""
    text = account(report(notices=tuple(f"notice number {n}" for n in range(50))))
    assert text.count("- notice") == SHOWN_NOTICES
    assert "30 more notices: see the log" in text


@BOTH
@given(
    width=st.integers(20, 200),
    names=st.lists(st.sampled_from(["gone", "early_access", "odd_one"]), max_size=4),
    noted=st.text("ab 日本、", max_size=80),
)
def test_the_account_fits_the_screen(messages, width, names, noted):
    """No sentence is wider than the terminal; only commands, paths and links may be."""
    lines = account(
        report(
            accounts=(
                Account("x", "y", 10**6, 10**6, 0, dict.fromkeys(names, 1234), {}, 0, noted),
            ),
            notices=(noted or "n",),
            stored=10**6,
            reused=10**6,
        ),
        messages,
        width=width,
    ).split("\n\n")
    longest = max(map(len, noted.split() or [""]), default=0) * 2
    for block in lines[:-1]:
        for line in block.split("\n"):
            assert cell_width(line) <= max(width, 40, longest + 6), line


def test_the_account_is_the_same_for_the_same_report():
    """Nothing but the report decides the text: no clock, no order of a dictionary."""
    turned = Account("t", "o", 9, 1, 0, {"early_access": 7, "downloads_disabled": 5}, {})
    other = Account("t", "o", 9, 1, 0, {"downloads_disabled": 5, "early_access": 7}, {})
    assert account(report(accounts=(turned,))) == account(report(accounts=(other,)))


def test_names_cannot_steer_the_terminal():
    """Control characters in input lines, notes and notices do not reach the screen."""
    evil = Account("x\x1b[2J", "y\x07", note="z\x9b1m")
    text = account(report(accounts=(evil,), notices=("\x1b]0;t\x07",), storage_trouble="\x1b[A"))
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text) is None


# --- failed.txt and unavailable.txt


def test_failed_txt_has_one_line_per_failure():
    """Each failure is one line of tab-separated columns, below a comment with the date."""
    text = failed_txt(report(failures=(FAILURE, EARLY)), date=DATE)
    head, columns, first, second = text.splitlines()
    assert DATE in head
    assert columns.split("\t") == ["# key", "label", "why", "detail", "target", "hint"]
    assert first.split("\t")[0] == "file:1:2"
    assert second.split("\t") == [FAILURE.key, FAILURE.label, "corrupt", "bad digest", "m/5", ""]
    assert text.endswith("\n")


def test_unavailable_txt_says_until_when():
    """Early access is listed with the moment at which it ends; others have an empty column."""
    rows = unavailable_txt(report(unavailable=(EARLY, FAILURE)), date=DATE).splitlines()[2:]
    assert rows[0].split("\t")[4] == "until 2026-09-01 12:00 UTC"
    assert rows[1].split("\t")[4] == ""


@given(st.lists(st.builds(Trace, st.text(), st.text(), st.text(), st.text(), st.text(), st.text())))
def test_the_lists_cannot_be_broken_by_names(traces):
    """Whatever a name holds, there is one line per trace with the same number of columns."""
    told = report(failures=tuple(traces), unavailable=tuple(traces))
    for text in (failed_txt(told, date=DATE), unavailable_txt(told, date=DATE)):
        lines = text.splitlines()
        assert len(lines) == len(traces) + 2
        assert {line.count("\t") for line in lines[1:]} == {5}


@given(st.permutations([FAILURE, EARLY, Trace("k", "l", "w", "d", "t")]))
def test_the_lists_do_not_depend_on_the_order(traces):
    """The same failures give the same file, so that two runs can be compared."""
    expected = failed_txt(
        report(failures=(EARLY, FAILURE, Trace("k", "l", "w", "d", "t"))), date=DATE
    )
    assert expected == failed_txt(report(failures=tuple(traces)), date=DATE)


# --- retry.sh and retry.ps1


@given(st.lists(ARGUMENTS.filter(lambda text: text not in ("--", "--token")), min_size=1))
def test_sh_reads_back_every_argument(arguments):
    """Quoted for sh, any argument comes back as it was, with the flag behind."""
    command = [part for part in arguments if not part.startswith(("--token=", "--retry-failed"))]
    script = retry_sh(["civitai-dl", *command], report(failures=(FAILURE,)))
    line = script[script.index("\nexec ") + len("\nexec ") :]
    assert ["civitai-dl", *command, "--retry-failed"] == shlex.split(line)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sh")
def test_sh_runs_the_script(tmp_path):
    """A shell runs the script in the run's directory, with every argument as it was."""
    place = tmp_path / "it's 日本 $HOME"
    place.mkdir()
    code = "import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit(7)"
    command = [sys.executable, "-c", code, "モデル 'a'.txt", '"$(id)"', "back\\slash", ""]
    script = retry_sh(command, report(failures=(FAILURE,)), directory=str(place))
    (tmp_path / "retry.sh").write_text(script, "utf-8")
    done = subprocess.run(
        ["sh", str(tmp_path / "retry.sh")],
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONUTF8": "1"},
        check=False,
    )
    assert f"{place} {[*command[3:], '--retry-failed']!r}\n" == done.stdout
    assert done.returncode == 7


@given(st.lists(ARGUMENTS.filter(lambda text: text not in ("--", "--token")), min_size=1))
def test_powershell_reads_back_every_argument(arguments):
    """Quoted for PowerShell, any argument comes back, typographic quotes included."""
    command = [part for part in arguments if not part.startswith(("--token=", "--retry-failed"))]
    # Backslashes at the end of a name with blanks are taken off; see the next test.
    command = [part.rstrip("\\") if re.search(r"\s", part) else part for part in command]
    script = retry_ps1(["civitai-dl", *command], report(failures=(FAILURE,)))
    line = script[script.index("\n& ") + 3 : script.index("\nexit $LASTEXITCODE")]
    assert ["civitai-dl", *command, "--retry-failed"] == read_powershell(line)


def test_powershell_is_spared_its_trap():
    """A folder with a blank loses its last backslash, which PowerShell would make a quote of."""
    script = retry_ps1(["civitai-dl", "-o", "D:\\My Archive\\", "D:\\"], report())
    assert "'D:\\My Archive' 'D:\\'" in script


def test_powershell_goes_where_the_run_was():
    """The script changes to the run's directory, and stops where that is gone."""
    script = retry_ps1(["civitai-dl"], report(), directory="C:\\日本 'x'")
    assert script.startswith("#")
    assert "Set-Location -LiteralPath 'C:\\日本 ''x''' -ErrorAction Stop" in script


@pytest.mark.parametrize("write", [retry_sh, retry_ps1])
def test_no_key_is_ever_written(write):
    """A key on the command line does not reach the script; the environment has it."""
    command = ["civitai-dl", "--token", "s3cret", "-o", "x", "--token=s3cret", "--token", "--token"]
    script = write(command, report(failures=(FAILURE,)))
    assert "s3cret" not in script
    assert "--token" not in script
    assert "CIVITAI_API_KEY" in script


def test_the_flag_is_added_once_and_before_the_end_of_options():
    """`--retry-failed` stands once, and before a `--`, behind which it would be a target."""
    script = retry_sh(["civitai-dl", "-o", "x", "--", "-5", "--token"], report())
    assert "exec civitai-dl -o x --retry-failed -- -5 --token\n" in script
    again = retry_sh(["civitai-dl", "--retry-failed"], report())
    assert again.count("--retry-failed") == 1


def test_the_script_says_what_it_is_for():
    """The script's comment tells how many lines it tries again."""
    assert "1 line in failed.txt" in retry_sh(["x"], report(failures=(FAILURE,)))
    assert "2 lines in failed.txt" in retry_ps1(["x"], report(failures=(FAILURE, EARLY)))
