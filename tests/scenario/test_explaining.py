"""`why` against what a run has done, and beside one that is at work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, wanted
from hypothesis import given, settings
from test_selection import chosen_world, stored

from civitai_dl.domain.decisions import Stand
from civitai_dl.domain.entities import Selection
from civitai_dl.explaining import Answer, explain, read_subject
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World
from selections import filters


async def told_of(output: Path, *texts: str, wish: Selection | None = None) -> list[Answer]:
    asked = [(text, read_subject(text)) for text in texts]
    found = await explain(output, asked, wish=wish, now=time.time())
    assert found is not None
    return [answer for one in found for answer in one.answers]


def files_in(answers: Sequence[Answer]) -> Iterator[Answer]:
    for answer in answers:
        if answer.thing == "file":
            yield answer
        yield from files_in(answer.below)


@settings(max_examples=15)
@given(filters(models=(2, 3)))
def test_what_is_told_of_each_file_is_what_became_of_it(
    tmp_path_factory: pytest.TempPathFactory, wish: Selection
) -> None:
    """Stored when it is there; else left out, or unsafe, with a reason; nothing in between."""

    async def go() -> None:
        output = tmp_path_factory.mktemp("why")
        chosen = replace(FAST, selection=wish)
        async with FakeCivitai(chosen_world()) as fake:
            await run(fake, output, wanted("model:1", "model:5"), settings=chosen)
        told = await told_of(output, "model:1", "model:5")
        by_number = {int(one.label.split("(file ")[1][:-1]): one for one in files_in(told)}
        assert set(by_number) == {11, 12, 13, 14, 15, 21, 22, 51}
        assert {n for n, one in by_number.items() if one.stand is Stand.STORED} == stored(output)
        for one in by_number.values():
            if one.stand is not Stand.STORED:
                assert one.verdict is not None
                assert one.stand is (Stand.UNAVAILABLE if one.why == "unsafe" else Stand.LEFT_OUT)

    anyio.run(go)


async def test_it_answers_beside_a_run_that_is_at_work(tmp_path: Path) -> None:
    """While bytes are on their way it says so; it waits for nobody, and nobody for it."""
    files = (FakeFile("slow.safetensors", 50_000, id=7),)
    world = World().model(1, versions=(FakeVersion(files=files, images=()),))
    stop = anyio.Event()
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".", every=True, stall_after=1000))
        async with anyio.create_task_group() as group:

            async def go() -> None:
                await run(fake, tmp_path, wanted("model:1"), stop=stop, speed=1.0)

            group.start_soon(go)
            with anyio.fail_after(30):
                while Stand.UNDER_WAY not in await stands(tmp_path):  # noqa: ASYNC110  # of a file
                    await anyio.sleep(0.02)
            stop.set()
        fake.faults.assert_all_served()
    assert await stands(tmp_path) == [Stand.TO_DO]


async def stands(output: Path) -> list[Stand | None]:
    if not (output / "model_0/1/model.json").exists():
        return []
    return [one.stand for one in files_in(await told_of(output, "model:1"))]
