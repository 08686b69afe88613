"""`civitai-dl browse`, as a person runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from civitai_dl.testing import FakeCivitai, FakeVersion, World

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


@pytest.fixture
def archive(tmp_path: Path, civitai_dl) -> Path:
    """A small archive, complete."""
    world = World().creator("ann").model(1, creator="ann", versions=(FakeVersion(),))
    with FakeCivitai(world).in_thread() as fake:
        done = civitai_dl("user:ann", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
    assert done.returncode == 0, done.stderr
    return tmp_path / "archive"


@pytest.mark.skipif(sys.platform == "win32", reason="asks for an end with a signal")
def test_it_tells_its_address_and_ends_when_asked(archive: Path) -> None:
    """One line with the address; Ctrl-C is the normal end: exit 0, and no traceback."""
    words = [sys.executable, "-m", "civitai_dl", "browse", str(archive), "--no-open"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(address) as page:
            assert 200 == page.status
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (0, "") == (process.returncode, errors)


def test_an_export_tells_where_to_look(archive: Path, civitai_dl) -> None:
    """Counts, and the file to open; in Japanese, too."""
    done = civitai_dl("browse", str(archive), "--export", "site")
    assert 0 == done.returncode, done.stderr
    assert "models: 1, pages: " in done.stdout
    assert str(Path("site") / "index.html") in done.stdout
    again = civitai_dl("browse", "-o", "archive", "--export", "site", "--lang", "ja")
    assert 0 == again.returncode, again.stderr
    assert "ブラウザー" in again.stdout


def test_what_is_not_installed_is_named(archive: Path, civitai_dl) -> None:
    """With the command that installs it for this very Python; exit 2."""
    hidden = archive.parent / "hidden"
    hidden.mkdir()
    text = "import sys\nsys.modules['jinja2'] = None\n"
    (hidden / "sitecustomize.py").write_text(text, "utf-8")
    path = os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = civitai_dl("browse", str(archive), "--no-open", PYTHONPATH=path)
    assert 2 == done.returncode
    assert "not installed: jinja2" in done.stderr
    assert "-m pip install" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "there is no archive here"),
        (("archive", "--export", "archive/site"), "into its own archive"),
        (("archive", "--port", "99999"), "99999"),
        (("archive", "s3://bucket"), "unexpected extra argument"),
    ],
)
def test_what_cannot_be_shown_is_told(archive: Path, civitai_dl, words, told) -> None:
    """Exit 2, with what is wrong; nothing is served."""
    done = civitai_dl("browse", *words, "--no-open")
    assert 2 == done.returncode
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert archive.exists()
