"""The benchmarks against other downloaders: what is asked of whom, and what was promised."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import _contenders as who
from _contenders import LIBRARY, OURS, RAW
from _figures import Bar, cost, inner_speed, speed
from _rounds import Part
from _stage import Stage
from _worlds import KB, MB, Amount

Size = Literal["quick", "full"]

AGAIN, GALLERY, GALLERY_AGAIN = "civitai-dl again", "gallery-dl", "gallery-dl again"
LONG = 0.05
"""Seconds of a round trip across an ocean, or half of one."""
NEAR = 0.03
GALLERY_TOLD = (
    "gallery-dl runs its own extractor for Civitai (its REST variant, pointed at the simulated "
    "service), without its usual wait between two requests"
)
SIMPLE = "left out: the simple edition is not part of this tree yet"


def file_parts(size: Size) -> list[Part]:
    """One large file on one connection."""
    amount = Amount(files=1, file_size=1000 * MB if size == "full" else 100 * MB)
    return [
        Part(
            f"One file of {amount.file_size // MB:,} MB, TLS, one connection",
            "files",
            amount,
            (
                partial(_models, options="--only models --concurrency 1"),
                who.curl,
                who.curl_and_sha256sum,
                partial(who.aria2, options="-x1"),
                partial(who.aria2, options="-x1", check=True),
            ),
            (
                Bar("throughput, of curl's", speed(OURS, "curl"), 0.80, True, ("curl",), "x"),
                Bar(
                    "throughput, of `curl` and then `sha256sum`",
                    speed(OURS, "curl, then sha256sum"),
                    2.0,
                    True,
                    ("curl, then sha256sum",),
                    "x",
                ),
                Bar("CPU per GB, of curl's", cost(OURS, "curl"), 1.6, False, ("curl",), "x"),
            ),
            "byte",
            rounds=5 if size == "full" else 2,
            notes=(
                "civitai-dl digests, syncs and records; curl and plain aria2c do not",
                SIMPLE,
            ),
        )
    ]


def image_parts(size: Size) -> list[Part]:
    """Many images."""
    amount = Amount(images=5000 if size == "full" else 300)
    return [_images(amount, 5 if size == "full" else 2, "16")]


def _images(amount: Amount, rounds: int, width: str, latency: float = 0.0) -> Part:
    peer = f"aria2c -j{width}"
    far = f", {latency * 1000:.0f} ms round trip" if latency else ""
    bars = (
        Bar("files per second, of aria2c's", speed(OURS, peer), 1.0, True, (peer,), "x"),
        Bar("CPU per file, of aria2c's", cost(OURS, peer), 1.3, False, (peer,), "x"),
    )
    # One after the other over a long way would take minutes, and says nothing new.
    sequential = () if latency else (who.gallery_list,)
    return Part(
        f"{amount.images:,} images of 50 KB to 2 MB, TLS, {width} connections{far}",
        "images",
        amount,
        (
            partial(_user, options=f"--only images --concurrency {width}"),
            partial(who.curl_parallel, connections=int(width)),
            partial(who.aria2, options=f"-j{width}"),
            *sequential,
        ),
        () if latency else bars,
        "file",
        rounds=rounds,
        latency=latency,
        notes=(
            "civitai-dl has to list the images first; the others are handed their addresses",
            SIMPLE,
        ),
    )


def capped_parts(size: Size) -> list[Part]:
    """A server that is slow per connection."""
    amount = Amount(files=1, file_size=1000 * MB if size == "full" else 30 * MB)
    return [
        _segmented(
            f"One file of {amount.file_size // MB:,} MB, TLS, 10 MB/s per connection",
            amount,
            0.95,
            5 if size == "full" else 2,
            capped=True,
        )
    ]


def latency_parts(size: Size) -> list[Part]:
    """A server that is far away."""
    full = size == "full"
    amount = Amount(files=1, file_size=1000 * MB if full else 100 * MB)
    images = Amount(images=1000 if full else 200)
    rounds = 5 if full else 2
    return [
        _segmented(
            f"One file of {amount.file_size // MB:,} MB, TLS, 50 ms round trip",
            amount,
            0.85,
            rounds,
            latency=LONG,
        ),
        _images(images, rounds, "16", LONG),
        *([_images(images, rounds, "64", LONG)] if full else []),
    ]


def _segmented(
    title: str,
    amount: Amount,
    limit: float,
    rounds: int,
    *,
    capped: bool = False,
    latency: float = 0.0,
) -> Part:
    peer = "aria2c -x16"
    bars = [Bar("throughput, of aria2c's", speed(OURS, peer), limit, True, (peer,), "x")]
    if capped:
        # With latency the proxy has bytes that the log already counts as sent.
        late = Bar(
            "from the last byte to the digested file with its name",
            lambda one: one[OURS].named or 0.0,
            0.2,
            False,
            (),
            "s",
        )
        bars.append(late)
    return Part(
        title,
        "files",
        amount,
        (
            partial(_models, options="--only models --concurrency 16"),
            partial(who.aria2, options="-x16 -s16 -k1M"),
            partial(who.aria2, options="-x16 -s16 -k1M", check=True),
            # On one slow connection it would take minutes, and bring what the cap says.
            *(() if capped else (who.curl,)),
        ),
        tuple(bars),
        "byte",
        rounds=rounds,
        capped=capped,
        latency=latency,
        notes=(SIMPLE,),
    )


def job_parts(size: Size) -> list[Part]:
    """The whole job, from lists of models to an archive; and once more with nothing new."""
    full = size == "full"
    amount = Amount(
        files=48 if full else 12,
        file_size=4 * MB,
        images=816 if full else 96,
        smallest=50 * KB,
        largest=400 * KB,
        models=12 if full else 3,
    )
    peer = "aria2c -j16"
    return [
        Part(
            f"{amount.models} models, {amount.files} files, {amount.images} images, 30 ms away",
            "job",
            amount,
            (
                partial(_models, options="--concurrency 16"),
                partial(_models, options="--concurrency 16", name=AGAIN, keeps=OURS),
                partial(who.aria2, options="-j16"),
                who.gallery_job,
                partial(who.gallery_job, name=GALLERY_AGAIN, keeps=GALLERY),
            ),
            (
                Bar("speed, of gallery-dl's", speed(OURS, GALLERY), 10, True, (GALLERY,), "x"),
                Bar(
                    "speed, of aria2c's, which is handed all addresses",
                    speed(OURS, peer),
                    0.8,
                    True,
                    (peer,),
                    "x",
                ),
                Bar(
                    "the same, from the first byte to the last",
                    inner_speed(OURS, peer),
                    0.8,
                    True,
                    (peer,),
                    "x",
                ),
                Bar(
                    "again with nothing new: seconds of requests",
                    lambda one: one[AGAIN].request_seconds,
                    1.0,
                    False,
                    (),
                    "s",
                ),
                Bar(
                    "again with nothing new: speed, of gallery-dl's",
                    speed(AGAIN, GALLERY_AGAIN),
                    10,
                    True,
                    (GALLERY_AGAIN,),
                    "x",
                ),
            ),
            "file",
            rounds=5 if full else 2,
            latency=NEAR,
            notes=(
                GALLERY_TOLD,
                SIMPLE,
            ),
        )
    ]


def stream_parts(size: Size) -> list[Part]:
    """The memory of many streams at once."""
    full = size == "full"
    amount = Amount(files=64, file_size=64 * MB if full else 4 * MB)
    return [
        Part(
            f"64 files of {amount.file_size // MB} MB at once, TLS",
            "files",
            amount,
            (
                partial(_models, options="--only models --concurrency 64"),
                partial(who.curl_parallel, connections=64),
                partial(who.aria2, options="-j64"),
            ),
            (
                Bar("peak memory", lambda one: one[OURS].peak / 1e6, 110, False, (), "MB"),
                Bar(
                    "growth from the middle third of the run to the last",
                    lambda one: one[OURS].growth / 1e6,
                    8,
                    False,
                    (),
                    "MB",
                ),
            ),
            "byte",
            rounds=5 if full else 2,
            notes=(SIMPLE,),
        ),
        _loop_part(full=full),
    ]


def _loop_part(*, full: bool) -> Part:
    """What is left of the bare library's speed, and of the loop's attention for others."""
    amount = Amount(files=4, file_size=(256 if full else 32) * MB)
    return Part(
        f"4 files of {amount.file_size // MB} MB at once through one event loop, TLS",
        "files",
        amount,
        (partial(who.library, width=4), who.raw_aiohttp),
        (
            Bar(
                "byte rate, of bare aiohttp's, from the first byte to the last",
                inner_speed(LIBRARY, RAW),
                0.8,
                True,
                (),
                "x",
            ),
            Bar(
                "lateness of other work in the loop, 99th percentile",
                lambda one: one[LIBRARY].told["late_p99"],
                20,
                False,
                (),
                "ms",
            ),
        ),
        "byte",
        rounds=5 if full else 2,
        notes=("civitai-dl measures the digest of each file and writes it; aiohttp only reads",),
    )


def _models(
    stage: Stage, *, options: str, name: str = OURS, keeps: str | None = None
) -> who.Contender:
    models = [str(number) for number in stage.fake.models]
    return who.ours(stage, models, options=options, lists=True, name=name, keeps=keeps)


def _user(stage: Stage, *, options: str) -> who.Contender:
    target = f"https://civitai.com/user/{stage.fake.user}"
    return who.ours(stage, [target], options=options)


PROFILES: dict[str, Callable[[Size], list[Part]]] = {
    "file": file_parts,
    "images": image_parts,
    "capped": capped_parts,
    "latency": latency_parts,
    "job": job_parts,
    "streams": stream_parts,
}
