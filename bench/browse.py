"""A large archive in the browser: how soon its pages come, and what they cost.

Writes the state, the models' JSON and the JSON of images of an archive that somebody might have
after years, without the images themselves; has `civitai-dl browse` read it, and asks for pages as a
reader would. Where there is a Chromium, it also scrolls through the grid. Exit status: 0, also
where a bar does not hold; 1 when a part did not work.

    python bench/browse.py --size full
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _bars import bar, part
from _results import end_in_order_when_told, save
from _tables import screen
from _words import speed_parser

from civitai_dl.adapters.catalog import STATE_FILE, Database
from civitai_dl.adapters.storage import STATE

CHROMIUM = "/usr/bin/chromium"
ASKED = 21
"""How often each page is asked for; the median counts, and the slowest is told."""

WORDS = [
    "portrait",
    "landscape",
    "harbour",
    "lantern",
    "watercolor",
    "dusk",
    "dawn",
    "forest",
    "river",
    "castle",
    "robot",
    "dragon",
    "girl",
    "boy",
    "cat",
    "dog",
    "flower",
    "city",
    "street",
    "rain",
    "snow",
    "cloud",
    "mountain",
    "ocean",
    "bridge",
    "temple",
    "garden",
]
BASES = ("SDXL 1.0", "SD 1.5", "Pony", "Illustrious", "Flux.1 D")
KINDS = ("LORA", "Checkpoint", "TextualInversion", "LoCon", "Workflows")

IMAGE = (
    "INSERT INTO tasks (key, type, lane, role, status, payload, label, model_id, run, path, "
    "sha256, size, verified, updated_at, seal) "
    "VALUES (?, 'image', 'images', ?, 'stored', ?, ?, ?, 1, ?, ?, ?, 1, ?, 0)"
)
MODEL = (
    "INSERT INTO tasks (key, type, lane, role, status, payload, label, model_id, run, updated_at, "
    "seal) VALUES (?, 'model', 'model_pages', 'page', 'stored', '{}', ?, ?, 1, ?, 0)"
)


def prompt_of(chance: random.Random, number: int) -> str:
    """Forty words, some of them everywhere, one of them nowhere else."""
    words = chance.choices(WORDS, k=12) + [f"style{chance.randrange(5000)}" for _ in range(20)]
    return ", ".join(["masterpiece", "best quality", *words, f"rare{number}"])


def model_json(number: int, chance: random.Random) -> dict[str, object]:
    """A model as the service tells of it."""
    return {
        "id": number,
        "name": f"{chance.choice(WORDS).title()} {chance.choice(WORDS)} {number} 水彩{number % 97}",
        "type": chance.choice(KINDS),
        "nsfw": number % 4 == 0,
        "nsfwLevel": 1 << number % 5,
        "tags": chance.sample(WORDS, 5),
        "creator": {"username": f"creator{number % 700}"},
        "stats": {"downloadCount": chance.randrange(100_000)},
        "description": "<p>A model.</p>" * 20,
        "modelVersions": [
            {
                "id": number * 10 + one,
                "name": f"v{one}",
                "baseModel": chance.choice(BASES),
                "publishedAt": f"2024-0{1 + number % 9}-11T10:00:00.000Z",
                "trainedWords": [f"trigger{number}"],
                "files": [],
                "images": [],
            }
            for one in range(2)
        ],
    }


def write_archive(folder: Path, models: int, images: int) -> None:
    """The state, and the documents; images are spread evenly."""
    chance = random.Random(5)  # noqa: S311  # the same archive each time
    each = images // models
    rows: list[tuple[object, ...]] = []
    heads: list[tuple[object, ...]] = []
    for at in range(models):
        number = 1000 + at
        place = folder / f"model_{number // 1000}" / str(number)
        gallery = place / "gallery" / "9"
        gallery.mkdir(parents=True)
        (place / "model.json").write_text(json.dumps(model_json(number, chance)), "utf-8")
        heads.append((f"model:{number}", f"model {number}", number, 1.7e9 + at))
        for one in range(each):
            image = 9_000_000 + at * each + one
            path = f"model_{number // 1000}/{number}/gallery/9/{image}.jpeg"
            told = {
                "id": image,
                "url": f"https://image.civitai.com/x/{image}.jpeg",
                "width": 832,
                "height": 1216,
                "browsingLevel": 1 << image % 5,
                "username": f"guest{image % 20_000}",
                "createdAt": "2024-05-01T10:00:00.000Z",
                "meta": {"prompt": prompt_of(chance, image), "seed": image, "steps": 30},
            }
            (folder / f"{path[:-5]}.json").write_text(json.dumps(told), "utf-8")
            payload = json.dumps({"url": told["url"], "stem": path[:-5], "image_id": image})
            key, digest = f"image:{image}@{path}", f"{image * 2654435761 % 2**64:016x}".ljust(
                64, "0"
            )
            rows.append(
                (key, "gallery", payload, f"image {image}", number, path, digest, 250_000, 1.7e9)
            )
    asyncio.run(_fill(folder, heads, rows))


async def _fill(
    folder: Path, heads: list[tuple[object, ...]], rows: list[tuple[object, ...]]
) -> None:
    (folder / STATE).mkdir()
    database = Database(folder / STATE / STATE_FILE)
    database.start()
    try:
        await database.run(lambda connection: connection.executemany(MODEL, heads) and None)
        await database.run(lambda connection: connection.executemany(IMAGE, rows) and None)
    finally:
        database.close()


@contextmanager
def browsing(folder: Path) -> Iterator[tuple[str, int]]:
    """The command at work: its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, "-m", "civitai_dl", "browse", str(folder), "--no-open"]
    process = subprocess.Popen([*argv, "--port", str(port)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(10)


def fetched(address: str) -> tuple[float, bytes]:
    """Milliseconds, and the page."""
    began = time.perf_counter()
    with urllib.request.urlopen(address) as answer:  # noqa: S310  # our own server
        data: bytes = answer.read()
    return (time.perf_counter() - began) * 1000, data


def peak(process: int) -> float:
    """The most memory that a process has had, in MB."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def read_whole(address: str, models: int) -> float:
    """Seconds until the library has all of it."""
    began = time.monotonic()
    counted = f"{models:,} models".encode()
    while True:
        _, page = fetched(f"{address}/")
        if counted in page and b"reading the archive" not in page:
            return time.monotonic() - began
        time.sleep(0.2)


PAGES = {
    "the first page": "/",
    "models of a type, by name": "/?type=LORA&sort=name",
    "a far page of the grid": "/?after=15000",
    "search for models: a word of many": "/?q=portrait",
    "search for models: a trigger word": "/?q=trigger4321",
    "search for models: two Japanese signs": "/?q=%E6%B0%B4%E5%BD%A9",
    "search of prompts: a word of all": "/images?q=masterpiece",
    "search of prompts: a word of few": "/images?q=style77",
    "search of prompts: three words": "/images?q=cat+rain+style9",
    "images of a rating": "/images?rating=8",
    "one model": "/models/1500",
    "creators": "/creators",
}


async def looked_at(address: str) -> dict[str, float]:
    """What a browser makes of it: paint, shifts, and frames while it scrolls through the grid."""
    from playwright.async_api import async_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        await page.add_init_script(_OBSERVE)
        await page.goto(f"{address}/?sort=name")
        await page.wait_for_timeout(1500)
        first = await page.evaluate("window.measured()")
        scrolled = await page.evaluate(_SCROLL)
        await browser.close()
    return {**first, **scrolled}


_OBSERVE = """
const seen = {lcp: 0, cls: 0, long: 0};
new PerformanceObserver((l) => l.getEntries().forEach((e) => seen.lcp = e.startTime))
  .observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver((l) => l.getEntries().forEach((e) => seen.cls += e.value))
  .observe({type: 'layout-shift', buffered: true});
const late = (entry) => seen.long += Math.max(0, entry.duration - 50);
new PerformanceObserver((l) => l.getEntries().forEach(late))
  .observe({type: 'longtask', buffered: true});
window.measured = () => ({
  fcp: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0, ...seen});
"""
_SCROLL = """
new Promise((done) => {
  const frames = [];
  let before = performance.now(), steps = 0;
  const step = (now) => {
    frames.push(now - before);
    before = now;
    window.scrollBy(0, 300);
    if (++steps < 600) requestAnimationFrame(step);
    else {
      frames.sort((a, b) => a - b);
      done({frame_median: frames[300], frame_p95: frames[570], frame_worst: frames[599],
            cards: document.querySelectorAll('.card').length});
    }
  };
  requestAnimationFrame(step);
})
"""


def most(words: str, measured: list[float], unit: str, limit: float | None) -> dict[str, object]:
    """A line of the table; limit: what is promised, None where nothing is."""
    holds = limit is None or statistics.median(measured) <= limit
    wanted = "" if limit is None else f"<= {limit:g}"
    return bar(words, wanted, measured, unit=unit, holds=holds)


def measure(folder: Path, models: int) -> tuple[list[dict[str, object]], list[str]]:
    """The table, and what must be told beside it."""
    notes = []
    with browsing(folder) as (address, process):
        took = read_whole(address, models)
        bars = [
            most("the first reading of the archive", [took], "s", None),
            most("peak memory while it is read", [peak(process)], "MB", 200),
        ]
    with browsing(folder) as (address, process):
        first, _ = fetched(f"{address}/")
        bars.append(most("the first page after a start", [first], "ms", 300))
        again = read_whole(address, models)
        bars.append(most("looking for changes at a later start", [again], "s", None))
        for name, path in PAGES.items():
            limit = 300.0 if path == "/" else 100.0 if "q=" in path else None
            times = [fetched(f"{address}{path}")[0] for _ in range(ASKED)]
            bars.append(most(name, times, "ms", limit))
        bars.append(most("peak memory while it is looked at", [peak(process)], "MB", 200))
        if Path(CHROMIUM).exists():
            seen = asyncio.run(looked_at(address))
            for name, key, unit in (
                ("Chromium: first contentful paint", "fcp", "ms"),
                ("Chromium: largest contentful paint", "lcp", "ms"),
                ("Chromium: blocked by long tasks", "long", "ms"),
                ("Chromium: layout shift", "cls", ""),
                ("Chromium: a frame while scrolling, median", "frame_median", "ms"),
                ("Chromium: a frame while scrolling, 95th percentile", "frame_p95", "ms"),
            ):
                bars.append(most(name, [seen[key]], unit, None))
            notes.append(f"{seen['cards']:,.0f} cards had been scrolled through")
        else:
            notes.append("left out: there is no Chromium here")
    return bars, notes


def main() -> int:
    """Measure, print, write."""
    arguments = speed_parser(__doc__).parse_args()
    end_in_order_when_told()
    models, images = (20_000, 500_000) if arguments.size == "full" else (1_000, 20_000)
    folder = Path(tempfile.mkdtemp(prefix="civitai-dl-bench-", dir=arguments.data))
    try:
        write_archive(folder, models, images)
        bars, notes = measure(folder, models)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told = part(
        f"{models:,} models and {images:,} images in the browser",
        bars,
        [f"each page asked for {ASKED} times, whole pages over HTTP", *notes],
        per="file",
    )
    print(screen(told))
    print(save("browse", arguments.size, [told], arguments.data))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
