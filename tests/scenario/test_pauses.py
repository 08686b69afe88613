"""What a run learns about the service's limits, and what is left of it for the next one."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from archives import FAST, run, some_models, tree, wanted

from civitai_dl.domain.entities import LanePaused, Selection
from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeOptions, Fault

FILES_ONLY = replace(FAST, selection=Selection(images=False))
HOUR = 3600.0


class Ear:
    """Remembers the pauses."""

    def __init__(self) -> None:
        self.pauses: list[LanePaused] = []

    def emit(self, event: object) -> None:
        if isinstance(event, LanePaused):
            self.pauses.append(event)


def rates_of(output: Path) -> dict[str, dict[str, object]]:
    """The rows of what was learned, by lane."""
    with closing(sqlite3.connect(output / ".civitai-dl" / "state.db")) as connection:
        connection.row_factory = sqlite3.Row
        return {row["lane"]: dict(row) for row in connection.execute("SELECT * FROM rates")}


async def test_a_storage_that_throttles_costs_pauses_and_no_links(tmp_path: Path) -> None:
    """Eight at once, and the storage says "in nine seconds": the lane rests, nothing is lost."""
    world, ear = some_models(12), Ear()
    things = wanted(*(str(number) for number in range(1, 13)))
    async with FakeCivitai(world, options=FakeOptions(stores=("r2",))) as fake:
        fault = Fault(origin="storage", nth=1, times=8, status=429, headers={"retry-after": "9"})
        fake.faults.add(fault)
        report = await run(fake, tmp_path, things, settings=FILES_ONLY, reporter=ear)
        asked = fake.account.count(origin="storage")
        refused = fake.account.count(origin="storage", status=429)
        resolves = fake.account.resolves()
    assert report.exit_code == 0
    assert 9.0 == ear.pauses[0].seconds
    assert set(resolves.values()) == {1}
    assert 8 == refused
    assert 12 + 8 == asked
    truth = {file.sha256.upper() for file in world.truth.files()}
    assert truth <= set(tree(tmp_path).values())


async def test_what_was_learned_is_in_the_state_without_the_key(tmp_path: Path) -> None:
    """After refusals the state knows a rate for the API of this key, and does not know the key."""
    world = some_models(8)
    options = FakeOptions(edge_rate=4.0, edge_burst=2, edge_retry_after=8)
    things = wanted(*(str(number) for number in range(1, 9)))
    async with FakeCivitai(world, options=options) as fake:
        report = await run(fake, tmp_path, things)
        assert fake.account.count(origin="api", status=429)
    assert report.exit_code == 0
    learned = {lane: row for lane, row in rates_of(tmp_path).items() if lane.startswith("api.")}
    assert learned
    for row in learned.values():
        assert row["key"]
        assert len(str(row["key"])) == 16
        assert str(row["host"]).startswith("127.0.0.1:")
    state = (tmp_path / ".civitai-dl" / "state.db").read_bytes()
    assert GOOD_KEY.encode() not in state


async def test_a_used_up_quota_ends_the_files_and_says_when_to_come_back(tmp_path: Path) -> None:
    """With a quota of 3 of 6 files: 3 are stored, all images too, one refusal, and a time."""
    world = some_models(6)
    things = wanted(*(str(number) for number in range(1, 7)))
    settings, began = replace(FAST, concurrency=1), time.time()
    async with FakeCivitai(world, options=FakeOptions(quota=3)) as fake:
        report = await run(fake, tmp_path, things, settings=settings)
        assert 1 == fake.account.count(origin="api", status=429)
        fake.account.clear()
        again = await run(fake, tmp_path, things, settings=settings)
        # A pause of an hour that an earlier run noted: tried once all the same.
        assert 1 == fake.account.count(origin="api", status=429)
    assert (1, 3) == (report.exit_code, report.left)
    assert () == report.failures
    assert (1, 3) == (again.exit_code, again.left)
    assert 6 * 2 <= report.stored + report.reused, "previews do not wait for the quota"
    (told,) = [text for text in report.notices if "come back after" in text]
    said = datetime.fromisoformat(told.rpartition("after ")[2].replace(" UTC)", "+00:00"))
    ahead = said.timestamp() - began
    assert 0.5 * HOUR < ahead < 3 * HOUR
    assert float(rates_of(tmp_path)["api.resolve"]["paused_until"]) > 0


async def test_a_patient_run_waits_for_the_quota(tmp_path: Path) -> None:
    """With --max-wait 48h the files go on when the quota is free again; nothing is left."""
    world, ear = some_models(4), Ear()
    things = wanted(*(str(number) for number in range(1, 5)))
    settings = replace(FILES_ONLY, concurrency=2, max_wait=48 * HOUR)
    async with FakeCivitai(world) as fake:
        # An hour of waiting is a second here.
        fake.faults.add(
            Fault(
                origin="api",
                path="/api/download/.*",
                nth=3,
                status=429,
                body=b'{"error":"We\'ve noticed an unusual amount of downloading"}',
            )
        )
        report = await run(fake, tmp_path, things, settings=settings, reporter=ear, speed=HOUR)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    assert 4 == report.stored
    assert [HOUR] == [pause.seconds for pause in ear.pauses][:1]
