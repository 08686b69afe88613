"""Running civitai-dl against a world, and comparing what lies on disk with what is true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import anyio

from civitai_dl._compose import archive
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.config import Settings, collect, parse_model, parse_user
from civitai_dl.domain.entities import RunReport, Secret, Wanted
from civitai_dl.sources import parse_target
from civitai_dl.testing import GOOD_KEY, FakeCivitai, World

SPEED = 30.0
"""Client seconds per real second: waits of half a minute are part of what is tested."""

FAST = Settings(
    max_rate_model=0, max_rate_image=0, max_rate_resolve=0, concurrency=8, token=Secret(GOOD_KEY)
)

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "audio/mpeg": "mp3",
    "image/avif": "avif",
}


def some_models(count: int) -> World:
    """Models 1 to `count` of one creator, with a file each."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        world.model(number, creator="ann")
    return world


def wanted_of(users: str, models: str, folder: Path) -> list[Wanted]:
    """The things that two list texts name, read from files as the command reads them."""
    users_txt, models_txt = folder / "users.txt", folder / "models.txt"
    users_txt.write_text(users, encoding="utf-8")
    models_txt.write_text(models, encoding="utf-8")
    lists = [(str(users_txt), parse_user), (str(models_txt), parse_model)]
    wanted, bad = collect(lists, [], parse=parse_target, stdin=lambda: b"")
    assert bad == []
    return wanted


def wanted(*texts: str) -> list[Wanted]:
    """The things that arguments name."""
    found, bad = collect([], texts, parse=parse_target, stdin=lambda: b"")
    assert bad == []
    return found


async def run(
    fake: FakeCivitai,
    output: Path,
    things: list[Wanted],
    *,
    settings: Settings = FAST,
    stop: anyio.Event | None = None,
    speed: float = SPEED,
    reporter: object = None,
    clock: object = None,
) -> RunReport:
    """One run of the program, in this process."""
    chosen = replace(settings, output=str(output), base_url=fake.base_url)
    return await archive(
        chosen,
        things,
        reporter=reporter or NullReporter(),
        stop=stop or anyio.Event(),
        clock=clock or SystemClock(speed=speed),
    )


def tree(output: Path) -> dict[str, str]:
    """Every file of an archive that is not state: archive path -> SHA256 in upper case."""
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest().upper()
        for path in sorted(output.rglob("*"))
        if path.is_file() and ".civitai-dl" not in path.relative_to(output).parts
    }


def stored_files(output: Path) -> dict[tuple[int, int], dict[str, object]]:
    """The model list that a run wrote, by (version id, file id)."""
    newest = max((output / "lists").glob("*_model.json"))
    lines = json.loads(newest.read_text("utf-8"))
    return {(line["version_id"], line["file_id"]): line for line in lines}


def media_under(output: Path, folder: str) -> dict[str, str]:
    """Images below a folder: stem of the file name -> SHA256; sidecars left out."""
    base = output / folder
    return {
        path.name.split(".")[0]: hashlib.sha256(path.read_bytes()).hexdigest().upper()
        for path in base.rglob("*")
        if path.is_file() and path.suffix != ".json"
    }


def assert_exact_media(output: Path, folder: str, expected: Iterable[object]) -> None:
    """A folder holds exactly these images, with their original bytes and true extension."""
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest().upper()
        for path in (output / folder).rglob("*")
        if path.is_file() and path.suffix != ".json"
    }
    truth = {
        f"{image.image_id}.{EXTENSIONS[image.media_type]}": image.sha256.upper()
        for image in expected
        if image.obtainable
    }
    assert truth == found
