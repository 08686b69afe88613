"""One event loop: how fast bytes come through it, and how long it keeps others waiting.

    python bench/_loop_child.py raw URL...                       (aiohttp alone, bytes thrown away)
    python bench/_loop_child.py ours MODEL BASE_URL FOLDER WIDTH (civitai-dl as a library)

The last line of the output is JSON: when all was done, in seconds since 1970, and how late a small
task was that wanted to run every 5 ms, in ms.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import aiohttp
import anyio

from civitai_dl import Selection
from civitai_dl._api import download_model_async
from civitai_dl.config import Settings
from civitai_dl.testing import GOOD_KEY

STEP = 0.005


async def look(lateness: list[float]) -> None:
    """Note how late this is each time, until it is cancelled."""
    while True:
        due = time.perf_counter() + STEP
        await anyio.sleep(STEP)
        lateness.append((time.perf_counter() - due) * 1000)


async def raw(urls: list[str]) -> None:
    """Fetch all at once with the plain library, in the way that costs it least."""

    async def fetch(session: aiohttp.ClientSession, url: str) -> None:
        async with session.get(url) as response:
            while await response.content.readany():
                pass

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
        for url in urls:
            group.start_soon(fetch, session, url)


async def ours(model: str, base_url: str, folder: str, width: str) -> None:
    """Archive a model's files."""
    settings = Settings(
        max_rate_model=0, max_rate_image=0, max_rate_resolve=0, concurrency=int(width)
    )
    report = await download_model_async(
        int(model),
        into=folder,
        want=Selection(images=False),
        token=GOOD_KEY,
        base_url=base_url,
        settings=settings,
    )
    if report.exit_code:
        raise RuntimeError(f"status {report.exit_code}")


async def main() -> None:
    """Do what is asked beside the one who looks."""
    what, *words = sys.argv[1:]
    lateness: list[float] = []
    async with anyio.create_task_group() as group:
        group.start_soon(look, lateness)
        if what == "raw":
            await raw(words)
        else:
            await ours(*words)
        done = time.time()
        group.cancel_scope.cancel()
    late = statistics.quantiles(lateness, n=100)
    print(
        json.dumps(
            {
                "done": done,
                "late_median": late[49],
                "late_p99": late[98],
                "late_most": max(lateness),
            }
        )
    )


if __name__ == "__main__":
    anyio.run(main)
