"""A service whose bytes lie with somebody else, as Civitai's do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from archives import run, tree, wanted

from civitai_dl.testing import FakeCivitai, FakeImage, FakeOptions, FakeVersion, World

HEAVY = 300_000


class Quiet(SimpleHTTPRequestHandler):
    """A plain server of files that writes no log."""

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def server_of(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def a_world() -> World:
    heavy = FakeImage("png", seed=1, filler=HEAVY, username="ann")
    return World().model(1, creator="ann", versions=[FakeVersion(images=[heavy])]).image(heavy)


async def test_the_bytes_may_come_from_another_server(tmp_path: Path) -> None:
    """With copies at another origin an archive is complete, and the fake itself sent no byte."""
    world, output = a_world(), tmp_path / "archive"
    with server_of(tmp_path / "copies") as elsewhere:
        async with FakeCivitai(world, options=FakeOptions(bodies=elsewhere)) as fake:
            assert (elsewhere, elsewhere) == (fake.storage_url, fake.cdn_url)
            for path, body in fake.copies():
                place = tmp_path / "copies" / path.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(body.read(0, body.size))
            report = await run(fake, output, wanted("https://civitai.com/user/ann"))
            assert 0 == fake.account.count(origin="storage") + fake.account.count(origin="cdn")
    assert 0 == report.exit_code
    stored = {digest.upper() for digest in tree(output).values()}
    truth = world.truth
    due = {one.sha256 for one in (*truth.files(), *truth.images())}
    assert 3 == len(due)
    assert due <= stored


def test_heavy_pictures_differ_and_stay_pictures() -> None:
    """A filler makes a PNG as heavy as asked for, with bytes of its own, between head and end."""
    truth = a_world().truth
    assert [True, True] == [HEAVY < image.size < HEAVY + 20_000 for image in truth.images()]
    assert 2 == len({image.sha256 for image in truth.images()})
    copies = FakeCivitai(a_world()).copies()
    pictures = [body.read(0, body.size) for path, body in copies if path.endswith(".jpeg")]
    assert [b"IEND\xaeB`\x82"] * 2 == [data[-8:] for data in pictures]
    assert [b"\x89PNG\r\n\x1a\n"] * 2 == [data[:8] for data in pictures]
    assert 2 == len({hashlib.sha256(data).digest() for data in pictures})
