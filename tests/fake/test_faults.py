"""Faults come when they are due, and the account tells what was."""

import asyncio
import json
from pathlib import Path

import pytest

from civitai_dl.testing import GOOD_KEY, KNOWN_FAULTS, FakeImage, Fault, World


async def statuses(ask, count, path="models/1"):
    found = []
    for _ in range(count):
        async with ask.session.get(
            f"{ask.fake.base_url}/api/v1/{path}", headers=ask.headers
        ) as answer:
            found.append(answer.status)
    return found


async def test_the_nth_request_and_those_after_it(serve):
    """nth=2, times=2 meets the second and the third request and no other."""
    ask = await serve(World().model(1))
    planted = ask.fake.faults.add(Fault(path="models/1", nth=2, times=2, status=503))
    assert await statuses(ask, 4) == [200, 503, 503, 200]
    assert (planted.met, planted.served) == (4, 2)


async def test_every_request(serve):
    """every=True goes on without end, from the nth on."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(Fault(path="models/1", nth=2, every=True, status=500))
    assert await statuses(ask, 4) == [200, 500, 500, 500]


async def test_a_known_fault_elsewhere_and_later(serve):
    """`at` moves a fault to other requests, and clear takes all faults away."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(KNOWN_FAULTS["edge timeout"].at(path="models/1", nth=2, every=True))
    assert await statuses(ask, 3) == [200, 524, 524]
    ask.fake.faults.clear()
    assert await statuses(ask, 1) == [200]


async def test_only_what_fits(serve):
    """Origin, method, path with query and any condition must fit."""
    ask = await serve(World().model(1))
    add = ask.fake.faults.add
    add(Fault(origin="cdn", status=500, every=True))
    add(Fault(method="POST", status=500, every=True))
    add(Fault(path=r"models/1\?", status=500, every=True))
    add(Fault(where=lambda request: request.header("x-odd") is not None, status=500, every=True))
    assert await statuses(ask, 1) == [200]
    assert len(ask.fake.faults.unserved()) == 4
    assert await statuses(ask, 1, "models/1?a=1") == [500]
    assert len(ask.fake.faults.unserved()) == 3


async def test_faults_can_follow_one_another(serve):
    """Each fault counts for itself, so scripts are lists of faults; the first one due wins."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(Fault(path="models/1", nth=1, status=500))
    ask.fake.faults.add(Fault(path="models/1", nth=1, status=502))
    assert await statuses(ask, 3) == [500, 502, 200]


async def test_a_test_can_insist(serve):
    """assert_all_served fails while a fault was never served."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(Fault(path="models/1", status=500))
    with pytest.raises(AssertionError, match="never served"):
        ask.fake.faults.assert_all_served()
    await statuses(ask, 1)
    ask.fake.faults.assert_all_served()


async def test_true_answers_can_be_spoiled(serve):
    """Without status and body the true answer comes, with headers set and taken away."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(
        Fault(path="models/1", headers={"cache-control": None, "X-Odd": "1"}),
    )
    async with ask.session.get(
        f"{ask.fake.base_url}/api/v1/models/1", headers=ask.headers
    ) as answer:
        assert (await answer.json())["id"] == 1
        assert "Cache-Control" not in answer.headers
        assert answer.headers["X-Odd"] == "1"


async def test_range_can_be_ignored(serve):
    """ignore_range answers 200 with the whole body."""
    ask = await serve(World().image(FakeImage(id=1)))
    url = (await ask.get("images"))[1]["items"][0]["url"]
    ask.fake.faults.add(Fault(origin="cdn", ignore_range=True))
    async with ask.session.get(url, headers={"Range": "bytes=5-"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("name", KNOWN_FAULTS)
async def test_known_faults_are_served_as_they_are(serve, name):
    """Every known fault can be planted and is then served."""
    ask = await serve(World().model(1))
    _, model = await ask.get("models/1")
    fault = KNOWN_FAULTS[name]
    ask.fake.faults.add(fault)
    urls = [
        f"{ask.fake.base_url}/api/v1/images?modelId=1",
        f"{ask.fake.base_url}/api/v1/models?query=x",
        model["modelVersions"][0]["downloadUrl"],
    ]
    seen = []
    for url in urls:
        headers = {**ask.headers, "Accept-Encoding": "identity"}
        async with ask.session.get(url, headers=headers, auto_decompress=False) as answer:
            seen.append(answer.status)
    ask.fake.faults.assert_all_served()
    assert fault.status in (None, *seen)


def test_known_bodies_are_the_documented_ones():
    """Known faults carry the bodies that the samples of errors quote."""
    samples = Path(__file__).parents[2].parent / "shared" / "samples" / "errors.json"
    if not samples.exists():
        pytest.skip("the samples are not here")
    documented = {
        (case["status"], json.dumps(case["body"]))
        for case in json.loads(samples.read_text("utf-8"))
    }
    for name in ("images overloaded", "image search overloaded", "download quota"):
        fault = KNOWN_FAULTS[name]
        assert (fault.status, json.dumps(fault.body)) in documented
    region = KNOWN_FAULTS["region blocked"]
    assert (region.status, json.dumps(region.body)) in documented


async def test_the_account_filters_and_counts(serve):
    """Requests are found by origin, path, method and status; clear forgets them."""
    ask = await serve(World().model(1))
    await statuses(ask, 2)
    await statuses(ask, 1, "models/9?x=1")
    account = ask.fake.account
    assert account.count(origin="api", path_prefix="/api/v1/models", status=200) == 2
    (missing,) = account.of(status=404)
    assert missing.query == (("x", "1"),)
    assert missing.param("x") == "1"
    assert missing.headers["user-agent"] == "civitai-dl-tests/1"
    assert account.bytes_sent("api") == account.bytes_sent() > 0
    assert account.peak("api") == 1
    account.clear()
    assert account.count() == 0


async def test_what_is_under_way_is_forgotten_too(serve):
    """A request that began before clear() is not booked when it ends after it."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(Fault(path="models/1", delay=0.1))
    slow = asyncio.ensure_future(ask.get("models/1"))
    await asyncio.sleep(0.05)
    ask.fake.account.clear()
    await slow
    assert ask.fake.account.count() == 0


async def test_leaks_are_found_wherever_they_are(serve):
    """A secret in a header, path or query of storage or CDN is a leak; to the API it is none."""
    ask = await serve(World().model(1), key=GOOD_KEY)
    await ask.get("models/1")
    account = ask.fake.account
    assert account.leaks(GOOD_KEY) == []
    for url, headers in (
        (f"{ask.fake.cdn_url}/x?token={GOOD_KEY}", {}),
        (f"{ask.fake.cdn_url}/{GOOD_KEY}", {}),
        (f"{ask.fake.storage_url}/x", {"Referer": f"http://x/?token={GOOD_KEY}"}),
        (f"{ask.fake.storage_url}/x", {"Cookie": "session=1"}),
        (f"{ask.fake.cdn_url}/x", {"Authorization": "Basic Og=="}),
    ):
        async with ask.session.get(url, headers=headers):
            pass
    assert len(account.leaks(GOOD_KEY)) == 5
