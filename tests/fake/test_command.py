"""`python -m civitai_dl.testing`: what `make demo` and `make fake` start."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest

from civitai_dl.testing.__main__ import main

COMMAND = [sys.executable, "-m", "civitai_dl.testing"]


def fetched(url):
    request = urllib.request.Request(url, headers={"User-Agent": "civitai-dl-tests/1"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_stopped(number, tmp_path):
    """It tells its address in a ready line, serves, and ends with status 0 on a signal."""
    arguments = ["--world", "demo", "--write-lists", str(tmp_path)]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("FakeCivitai is ready at http://127.0.0.1:")
        base = line.split()[-1]
        assert fetched(f"{base}/api/v1/models/101001")["name"] == "Aurora Watercolor"
        assert "https://" in (tmp_path / "users.txt").read_text("utf-8")
        assert "https://" in (tmp_path / "models.txt").read_text("utf-8")
        process.send_signal(number)
        assert process.wait(10) == 0


def test_it_runs_a_command_and_ends_as_it_does():
    """--run fills in the address and the lists, and exits with the command's status."""
    script = (
        "import sys, urllib.request as u;"
        "base, users, models = sys.argv[1:];"
        "r = u.Request(base + '/api/v1/me', headers={'User-Agent': 'x', 'Authorization':"
        " 'Bearer anything'});"
        "print(u.urlopen(r).status, open(users).read().count('user/'));"
        "sys.exit(7)"
    )
    words = ["--run", sys.executable, "-c", script, "{base_url}", "{users}", "{models}"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("200 2\n", "", 7)


def test_a_command_that_does_not_exist():
    """--run with an unknown command says so and exits with 127."""
    done = subprocess.run(
        [*COMMAND, "--run", "no-such-command-here"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 127
    assert "no-such-command-here" in done.stderr


@pytest.mark.parametrize("world", [["demo"], ["traits"], ["samples", "."]])
def test_it_ends_in_process_too(world, capsys):
    """In the same process a signal ends it as well, and its handlers are put back."""
    before = signal.getsignal(signal.SIGINT)
    threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
    assert main(["--world", *world]) == 0
    assert capsys.readouterr().out.startswith("FakeCivitai is ready at http://127.0.0.1:")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends no process on Windows")
def test_a_command_that_a_signal_ends():
    """A command that signal n ended gives 128 + n; another status is handed on."""
    ended = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert main(["--run", sys.executable, "-c", ended]) == 128 + signal.SIGKILL
    assert main(["--run", sys.executable, "-c", "exit(3)"]) == 3


@pytest.mark.parametrize("words", [["nowhere"], ["samples"], ["samples", "no/such/folder"]])
def test_an_unknown_world_is_an_error_of_usage(words):
    """--world with something else exits with 2 and says what it takes."""
    done = subprocess.run(
        [*COMMAND, "--world", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--world takes demo, traits, or samples" in done.stderr
