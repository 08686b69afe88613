"""`civitai-dl config`, as a person runs it."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from civitai_dl.cli._options import load_settings
from civitai_dl.cli._template import ELSEWHERE
from civitai_dl.config import DEFAULTS

FILE = """\
max_wait = "24h"
token = "f1le-key"
default_profile = "polite"

[profile.polite]
max-rate-model = 0.1

[profile.night]
retries = 9
"""


@pytest.fixture
def file(environment: dict[str, str]) -> Path:
    """Where the platform has the configuration file; its folder is there."""
    path = Path(environment["XDG_CONFIG_HOME"]) / "civitai-dl" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def editor(tmp_path: Path, environment: dict[str, str]):
    """An editor that replaces the file by a text, or leaves it alone."""

    def put(text: str | None) -> None:
        (tmp_path / "new.toml").write_text(text or "", "utf-8")
        program = tmp_path / "an editor.py"
        copy = "" if text is None else "shutil.copyfile(sys.argv[2], sys.argv[-1])"
        program.write_text(f"import shutil, sys\nassert sys.argv[1] == '--wait'\n{copy}\n")
        new = tmp_path / "new.toml"
        environment["VISUAL"] = f"python3 '{program}' --wait '{new}'"
        environment["EDITOR"] = "false"

    return put


def shown(civitai_dl, *words: str, **extra: str) -> dict:
    done = civitai_dl("config", "show", "--json", *words, **extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_without_anything_all_is_default(civitai_dl, file) -> None:
    """Every setting is shown with its default; the place of the file is told."""
    found = shown(civitai_dl)
    assert (found["file"], found["exists"], found["profile"]) == (str(file), False, None)
    told = {name: one["value"] for name, one in found["settings"].items()}
    assert told == dict(DEFAULTS)
    assert {one["origin"] for one in found["settings"].values()} == {"default"}


def test_each_value_has_its_origin(civitai_dl, file) -> None:
    """Flag, variable, profile, file and default are told apart, each with its place."""
    file.write_text(FILE)
    words = ("--limit-rate", "10M", "--no-nsfw")
    extra = {"CIVITAI_DL_RETRIES": "3", "CIVITAI_BASE_URL": "https://civitai.red"}
    found = shown(civitai_dl, *words, **extra)
    assert found["profile"] == "polite"
    told = {
        name: (one["value"], one["origin"], one["place"])
        for name, one in found["settings"].items()
        if one["origin"] != "default"
    }
    assert told == {
        "max_wait": ("24h", "file", str(file)),
        "token": ("***", "file", str(file)),
        "max_rate_model": (0.1, "file", f"{file}[profile.polite]"),
        "retries": ("3", "environment", "CIVITAI_DL_RETRIES"),
        "base_url": ("https://civitai.red", "environment", "CIVITAI_BASE_URL"),
        "limit_rate": ("10M", "flag", "--limit-rate"),
        "nsfw": (False, "flag", "--no-nsfw"),
    }
    done = civitai_dl("config", "show", *words, "--profile", "night", **extra)
    lines = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert lines["retries"].split() == ["retries", "3", "environment", "CIVITAI_DL_RETRIES"]
    assert lines["max_rate_model"].split() == ["max_rate_model", "0.5", "default"]
    assert "profile: night" in done.stdout
    assert "f1le-key" not in done.stdout + done.stderr


def test_the_key_is_told_and_never_shown(civitai_dl, file, environment) -> None:
    """Wherever the key stands it prints as stars; that of `login` is told with its place."""
    for words, extra, origin in (
        (("--token", "s3cret"), {}, "flag"),
        ((), {"CIVITAI_API_TOKEN": "s3cret"}, "environment"),
    ):
        found = shown(civitai_dl, *words, **extra)
        assert found["settings"]["token"]["value"] == "***"
        assert found["settings"]["token"]["origin"] == origin
        assert "s3cret" not in json.dumps(found)
    # The keyring is not opened for it: none is here.
    kept = file.with_name("credentials.json")
    kept.write_text('{"keys": {"https://civitai.com": {"keyring": true}}}')
    kept.chmod(0o600)
    token = shown(civitai_dl)["settings"]["token"]
    assert token == {"value": "***", "origin": "login", "place": "keyring"}
    assert shown(civitai_dl, "--base-url", "https://civitai.red")["settings"]["token"] == {
        "value": None,
        "origin": "default",
        "place": "",
    }


def test_passwords_in_addresses_are_not_shown(civitai_dl, file) -> None:
    """A user and a password that somebody put into an address print as stars."""
    found = shown(civitai_dl, "--base-url", "https://me:pa55@civitai.com")
    assert found["settings"]["base_url"]["value"] == ["https://***@civitai.com"]
    assert "pa55" not in json.dumps(found)


def test_the_path_is_printed_also_of_a_file_that_is_not_there(civitai_dl, file, tmp_path) -> None:
    """`config path` prints the platform's place, the one of --config, or that of the variable."""
    there = civitai_dl("config", "path")
    assert (there.returncode, there.stdout) == (0, f"{file}\n")
    assert not file.exists()
    assert civitai_dl("config", "path", "--config", "c.toml").stdout == "c.toml\n"
    named = {"CIVITAI_DL_CONFIG": str(tmp_path / "d.toml")}
    assert civitai_dl("config", "path", **named).stdout == f"{tmp_path / 'd.toml'}\n"


def test_an_unknown_profile_lists_those_that_are_there(civitai_dl, file) -> None:
    """--profile with a name that is not in the file is a mistake of the command; exit 2."""
    file.write_text(FILE)
    done = civitai_dl("1", "--profile", "rude", "-o", "archive")
    assert done.returncode == 2
    assert "'rude'" in done.stderr
    assert "polite, night" in done.stderr


def test_a_new_file_has_every_setting_as_a_comment(civitai_dl, file, editor) -> None:
    """`config edit` makes the file, private; as it is it changes nothing, and it is checked."""
    editor(None)
    done = civitai_dl("config", "edit")
    assert done.returncode == 0, done.stderr
    assert "is fine" in done.stdout
    text = file.read_text("utf-8")
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_settings({"config": str(file)}, {}) == load_settings({}, {})
    # Without the marks it is a file that fits, with every setting in it but the key.
    bare = re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)
    # But for those that name a file of one's own, which has to be there.
    file.write_text(re.sub(r"^(?=(?:ca_file|exclude) = )", "#", bare, flags=re.MULTILINE), "utf-8")
    load_settings({"config": str(file)}, {})
    named = set(re.findall(r"^(\w+) = ", bare.partition("\n[")[0], flags=re.MULTILINE))
    assert named == {*DEFAULTS, "default_profile"} - {"token"}
    # Each has a line that says what it is.
    assert ELSEWHERE not in text
    for name in DEFAULTS.keys() - {"token"}:
        assert re.search(rf"^# .{{8,}}\n#{name} = ", text, flags=re.MULTILINE), name


def test_what_was_saved_is_checked(civitai_dl, file, editor) -> None:
    """Mistakes are told with their lines (2); the text stays, so that it can be mended."""
    wrong = 'retries = 3\nmax_wiat = "5m"\n\n[profile.a]\nlimit-rate = "fast"\n'
    editor(wrong)
    done = civitai_dl("config", "edit")
    assert done.returncode == 2
    assert f"{file}:2: max_wiat: " in done.stderr
    assert f"{file}:5: profile.a.limit_rate: " in done.stderr
    assert "2 mistakes" in done.stderr
    assert file.read_text() == wrong
    editor("retries = 3\n[[[\n")
    broken = civitai_dl("config", "edit", "--lang", "ja")
    assert broken.returncode == 2
    assert f"{file}:2: " in broken.stderr
    assert "Traceback" not in broken.stderr
    editor("retries = 3\n")
    mended = civitai_dl("config", "edit")
    assert mended.returncode == 0, mended.stderr


def test_without_an_editor_the_file_is_named(civitai_dl, file) -> None:
    """An editor that cannot be started is an error that tells the file and the variables; 2."""
    done = civitai_dl("config", "edit", VISUAL="/no/such/editor")
    assert done.returncode == 2
    assert "VISUAL" in done.stderr
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_profile_that_is_given_counts_before_what_is_remembered(file, monkeypatch) -> None:
    """`retry --profile polite` keeps to the profile, whatever the last run did."""
    from civitai_dl.cli._options import given_names

    file.write_text(FILE)
    flags = {"config": str(file), "profile": "polite", "output": "x", "retries": None}
    assert given_names(flags) >= {"max_rate_model", "output"}
    assert "max_rate_model" not in given_names({**flags, "profile": None})
    assert "max_wait" not in given_names({**flags, "profile": "none"})


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("pause",),
        ("resume",),
        ("limit", "2M"),
        ("cancel", "model:1"),
        ("retry",),
        ("why", "model:1"),
        ("list",),
        ("sync",),
    ],
)
def test_a_command_looks_at_the_archive_that_the_settings_name(civitai_dl, tmp_path, words) -> None:
    """Who set `output` once need not say -o again, whatever the command."""
    done = civitai_dl(*words, CIVITAI_DL_OUTPUT="my archive")
    assert done.returncode == 2, done.stdout
    assert "my archive" in done.stderr
    assert not (tmp_path / "civitai").exists()
