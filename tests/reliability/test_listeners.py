"""T16: listeners that go away, and a session that ends: the run goes on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import until
from running import MB, Begin, assert_at_rest, beginning, digest, service, world_of

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin the command in an empty directory."""
    with beginning(tmp_path) as begin:
        yield begin


def test_a_hang_up_is_ignored_where_it_was(tmp_path: Path, begin: Begin) -> None:
    """Under nohup the end of the session is no reason to stop."""
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with service(world_of(2 * MB), 4 * MB).in_thread() as fake:
        running = begin("1", "--base-url", fake.base_url, **ignore)
        until(running.has_written(200_000))
        running.signal(signal.SIGHUP)
        status, said = running.end()
    assert 0 == status, said
    assert "stopping" not in said


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ("stdout", ()),
        ("stdout", ("--json-logs",)),
        ("stderr", ()),
        ("stderr", ("-v",)),
        ("both", ()),
    ],
)
def test_a_listener_that_goes_away(
    tmp_path: Path, begin: Begin, stream: str, words: tuple[str, ...]
) -> None:
    """Output into a pipe that was closed in mid-run: the transfer goes on to its end, status 0."""
    reader, writer = os.pipe()
    options: dict[str, object] = {}
    if stream in ("stdout", "both"):
        options["stdout"] = writer
    if stream in ("stderr", "both"):
        options["stderr"] = writer
    with service(world_of(3 * MB), 3 * MB).in_thread() as fake:
        running = begin("1", "--base-url", fake.base_url, *words, **options)
        os.close(writer)
        until(running.has_written(500_000))
        os.close(reader)
        status, said = running.end()
    assert 0 == status, said
    (stored,) = (tmp_path / "archive").rglob("*.safetensors")
    assert {digest(stored)} == {file.sha256 for file in fake.world.truth.files()}
    assert_at_rest(tmp_path)


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_streams_that_never_were(tmp_path: Path, begin: Begin, closed: tuple[int, ...]) -> None:
    """Started without standard streams, as some schedulers do, it does its work all the same."""

    def close() -> None:
        for number in closed:
            os.close(number)

    with service(world_of(MB)).in_thread() as fake:
        words = ("1", "--base-url", fake.base_url)
        running = begin(*words, stdout=None, stderr=None, stdin=None, preexec_fn=close)
        status, said = running.end()
    assert 0 == status, said
    assert [digest(path) for path in (tmp_path / "archive").rglob("*.safetensors")] == [
        file.sha256 for file in fake.world.truth.files()
    ]
