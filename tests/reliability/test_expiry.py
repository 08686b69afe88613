"""T9: signed links that end under way; each end costs one question, and no byte twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest
from archives import FAST, run, tree, wanted

from civitai_dl.adapters.api_client import ApiClient
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher import open_engine, open_fetcher
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.domain.entities import FileId, FileRef, ModelId, Selection, SignedUrl, VersionId
from civitai_dl.errors import ConnectionLost, Throttled
from civitai_dl.testing import (
    FakeCivitai,
    FakeFile,
    FakeOptions,
    FakeVersion,
    Fault,
    Planted,
    World,
)
from civitai_dl.worker._files import EXPIRY_MARGIN, FileLink

FILES_ONLY = replace(FAST, selection=Selection(images=False))
SIZE = 3_000_000
ONE_STORE = FakeOptions(stores=("r2",))
IN_FLIGHT = 512 * 1024
"""Bytes of one connection that were sent and not yet taken when it broke."""

REFUSALS = {
    "R2 says 403": (403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message>"),
    "R2 says 400": (400, "<Error><Code>ExpiredRequest</Code><Message>expired</Message></Error>"),
    "a token has ended": (400, "<Error><Code>ExpiredToken</Code></Error>"),
    "B2 says 401": (401, '{"code":"expired_auth_token","message":"expired","status":401}'),
}


def one_file() -> World:
    file = FakeFile(name="a.safetensors", size=SIZE)
    return World().model(1, versions=(FakeVersion(files=(file,), images=()),))


class Ending:
    """Links that end when so much of an answer was sent, `links` of them one after the other."""

    def __init__(self, fake: FakeCivitai, at: int, *, links: int = 1, users: int = 1) -> None:
        self.fake = fake
        self.links = links
        self.users = users
        self.uses: Counter[str] = Counter()
        self.cut = fake.faults.add(
            Fault(origin="storage", where=self._good, every=True, cut_after=at)
        )

    def refuse_by(self, status: int, body: str) -> Ending:
        """What storage says to a link that has ended."""
        kind = "application/json" if body.startswith("{") else "application/xml"
        self.fake.faults.add(
            Fault(
                origin="storage",
                where=lambda request: request.raw_query in self._ending(),
                every=True,
                status=status,
                headers={"Content-Type": kind},
                body=body,
            )
        )
        return self

    def _good(self, request: object) -> bool:
        query = request.raw_query  # type: ignore[attr-defined]  # a Request of the fake
        self.uses[query] += 1
        return query in self._ending() and self.uses[query] <= self.users

    def _ending(self) -> list[str]:
        return list(self.uses)[: self.links]


def assert_exact(fake: FakeCivitai, world: World, output: Path, *, ends: int, users: int = 1):
    truth = world.truth.files()[0]
    assert truth.sha256.upper() in tree(output).values()
    assert list(fake.account.resolves().values()) == [1 + ends]
    got = sum(seen.bytes_sent for seen in fake.account.of(origin="storage") if seen.status < 300)
    assert got <= SIZE + ends * users * IN_FLIGHT


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("percent", [10, 40, 90])
async def test_a_link_that_ends_under_way_is_renewed_once(
    tmp_path: Path, percent: int, refusal: tuple[int, str]
) -> None:
    """Cut at 10, 40 or 90 % and refused from then on: one new link, the rest of the bytes."""
    world = one_file()
    async with FakeCivitai(world, options=ONE_STORE) as fake:
        Ending(fake, SIZE * percent // 100).refuse_by(*refusal)
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
        assert report.exit_code == 0
        assert_exact(fake, world, tmp_path, ends=1)


async def test_each_of_three_ends_costs_one_question(tmp_path: Path) -> None:
    """A file that takes longer than three links last asks for three more, and is exact."""
    world = one_file()
    async with FakeCivitai(world, options=ONE_STORE) as fake:
        Ending(fake, SIZE // 5, links=3).refuse_by(*REFUSALS["R2 says 403"])
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
        assert report.exit_code == 0
        assert_exact(fake, world, tmp_path, ends=3)


@pytest.mark.parametrize("store", ["r2", "b2"])
async def test_a_link_that_the_store_itself_ends_is_renewed(tmp_path: Path, store: str) -> None:
    """Two hours pass for the store while the connection is broken: what it says is understood."""
    world = one_file()
    async with FakeCivitai(world, options=FakeOptions(stores=(store,))) as fake:
        hours: list[float] = []

        def resumes(request: object) -> bool:
            if "range" in request.headers and not hours:  # type: ignore[attr-defined]  # a Request
                hours.append(2.0)
                fake.advance(2 * 3600.0)
            return False

        fake.faults.add(Fault(origin="storage", where=resumes))
        fake.faults.add(Fault(origin="storage", cut_after=SIZE // 2))
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        assert report.exit_code == 0
        assert hours
        assert_exact(fake, world, tmp_path, ends=1)


async def test_the_new_link_may_lead_to_another_host(tmp_path: Path) -> None:
    """Another store, under another name and with another ETag, goes on with the same bytes."""
    world = one_file()
    async with FakeCivitai(world) as fake:
        ending = Ending(fake, SIZE // 2).refuse_by(*REFUSALS["R2 says 403"])
        hosts = Counter[str]()

        def moved(request: object) -> bool:
            hosts[request.headers["host"].split(":")[0]] += 1  # type: ignore[attr-defined]  # as above
            fake._context.storage = fake.storage_url.replace("127.0.0.1", "localhost")
            return False

        # Looked at before the others: it never is due, but sees every request.
        fake.faults._planted.insert(0, Planted(Fault(origin="storage", where=moved)))
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        assert ending.cut.served == 1
        assert report.exit_code == 0
        assert hosts["127.0.0.1"] >= 1
        assert hosts["localhost"] >= 1
        assert_exact(fake, world, tmp_path, ends=1)


async def test_a_clean_run_asks_once_for_each_file(tmp_path: Path) -> None:
    """200 small files: 200 links, with eight at work at once."""
    files = tuple(FakeFile(name=f"{number}.pt", size=300) for number in range(20))
    world = World()
    for number in range(1, 11):
        world.model(number, versions=(FakeVersion(files=files, images=()),))
    things = wanted(*(str(number) for number in range(1, 11)))
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, things, settings=FILES_ONLY)
        resolves = fake.account.resolves()
    assert report.exit_code == 0
    assert len(resolves) == 200
    assert sum(resolves.values()) / len(resolves) <= 1.02


# --- several connections for one file


REF = FileRef(ModelId(1), VersionId(2), FileId(3), "a.pt", "a.pt")


async def fetch_part(link, fetcher, into: bytearray, start: int, stop: int, used: list) -> None:
    """One connection's share of a file, as any of them would fetch it."""
    at, renew, seen = start, False, None
    while at < stop:
        seen = await link(renew, seen=seen)
        used.append(seen)
        async with fetcher.open(seen, offset=at) as body:
            renew = body.answer.status not in (200, 206)
            if renew:
                continue
            try:
                async for chunk in body.chunks():
                    part = chunk[: stop - at]
                    into[at : at + len(part)] = part
                    at += len(part)
                    if at == stop:
                        break
            except ConnectionLost:
                continue


@pytest.mark.parametrize("percent", [10, 40, 90])
@pytest.mark.parametrize(("ends", "engine"), [(1, "curl"), (2, "aiohttp")])
async def test_eight_connections_renew_a_link_once(percent: int, ends: int, engine: str) -> None:
    """Eight share a link that ends under all of them: each end is one question, the file exact."""
    world = one_file()
    truth, body = world.truth.files()[0], bytearray(SIZE)
    clock, used = SystemClock(), []
    async with FakeCivitai(world) as fake, AsyncExitStack() as stack:
        share = SIZE // 8
        # A link after the first has less to bring: it ends at the same part of what is left.
        Ending(fake, share * percent // 200, links=ends, users=8).refuse_by(403, "<Error/>")
        engine_of_api = await stack.enter_async_context(open_engine("t"))
        api = ApiClient(
            engine_of_api,
            base_url=fake.base_url,
            token=None,
            pacer=LanePacer(Rates(), clock),
            clock=clock,
        )
        fetcher = await stack.enter_async_context(
            open_fetcher(user_agent="t", guard=lambda _: True, limit=0, clock=clock, engine=engine)
        )
        ref = FileRef(
            ModelId(truth.model_id),
            VersionId(truth.version_id),
            FileId(truth.file_id),
            truth.name,
            "a",
        )
        link = FileLink(
            "file:1", ref, SimpleNamespace(links=api, clock=clock, signed={}, asking={})
        )
        async with anyio.create_task_group() as group:
            for number in range(8):
                part = (number * share, SIZE if number == 7 else (number + 1) * share)
                group.start_soon(fetch_part, link, fetcher, body, *part, used)
        fake.faults.assert_all_served()
        assert list(fake.account.resolves().values()) == [1 + ends]
    assert len(set(map(id, used))) == 1 + ends
    assert truth.sha256.lower() == hashlib.sha256(body).hexdigest()


class Service:
    """A resolver whose answers the test gives."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = anyio.Event()
        self.error: Exception | None = None
        self.lifetime: float | None = None
        self.now = 1000.0

    async def resolve(self, path: str) -> SignedUrl:
        del path
        self.asked += 1
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        ends = None if self.lifetime is None else self.now + self.lifetime
        return SignedUrl(f"https://storage/{self.asked}", expires_at=ends)

    def link(self) -> FileLink:
        clock = SimpleNamespace(now=lambda: self.now)
        return FileLink("k", REF, SimpleNamespace(links=self, clock=clock, signed={}, asking={}))


async def settle() -> None:
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


async def ask(link: FileLink, into: list, *, renew: bool = False, seen=None) -> None:
    try:
        into.append(await link(renew, seen=seen))
    except Throttled as error:
        into.append(error)


async def test_all_who_wait_get_the_one_answer() -> None:
    """Eight who need a link at once, and eight who find it wanting at once: two questions."""
    service, first, second = Service(), [], []
    link = service.link()
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask, link, first)
        await settle()
        service.answer.set()
    service.answer = anyio.Event()
    async with anyio.create_task_group() as group:
        for old in first:
            group.start_soon(lambda old=old: ask(link, second, renew=True, seen=old))
        await settle()
        service.answer.set()
    assert service.asked == 2
    assert len(set(map(id, first))) == len(set(map(id, second))) == 1
    assert first[0] is not second[0]


async def test_who_comes_late_with_an_old_link_gets_the_new_one() -> None:
    """One who hears only now that the first link has ended does not ask a third time."""
    service, got = Service(), []
    service.answer.set()
    link = service.link()
    old = await link(False)
    new = await link(True, seen=old)
    await ask(link, got, renew=True, seen=old)
    assert got == [new]
    assert await link(False) is new
    assert await link(True, seen=new) is not new
    assert service.asked == 3


async def test_a_refusal_is_told_to_all_who_wait_and_asked_for_once() -> None:
    """When the service refuses a new link, eight hear of it by one question; later ones ask."""
    service, heard = Service(), []
    service.error = Throttled("slow down", status=429)
    link = service.link()
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask, link, heard)
        await settle()
        service.answer.set()
    assert heard == [service.error] * 8
    assert service.asked == 1
    service.error = None
    assert isinstance(await link(False), SignedUrl)
    assert service.asked == 2


@pytest.mark.parametrize("waiting", [1, 7])
async def test_who_asked_may_leave_without_stranding_the_others(waiting: int) -> None:
    """The first is cancelled while it asks: one of the others asks again, and all have the link."""
    service, got = Service(), []
    link = service.link()
    async with anyio.create_task_group() as group:
        first = anyio.CancelScope()

        async def leave() -> None:
            with first:
                await link(False)

        group.start_soon(leave)
        await settle()
        for _ in range(waiting):
            group.start_soon(ask, link, got)
        await settle()
        first.cancel()
        await settle()
        assert service.asked == 2
        service.answer.set()
    assert len(got) == waiting
    assert len(set(map(id, got))) == 1
    assert service.asked == 2


async def test_who_waits_may_leave_and_nothing_happens() -> None:
    """One of those who wait is cancelled: the question goes on, for the others."""
    service, got = Service(), []
    link = service.link()
    async with anyio.create_task_group() as group:
        group.start_soon(ask, link, got)
        await settle()
        with anyio.move_on_after(0):
            await link(False)
        service.answer.set()
    assert len(got) == service.asked == 1


async def test_a_link_about_to_end_is_not_begun_with() -> None:
    """With less than a minute left, and after a suspend, a new link is asked for beforehand."""
    service = Service()
    service.lifetime = 3600.0
    service.answer.set()
    link = service.link()
    old = await link(False)
    service.now += 3600.0 - EXPIRY_MARGIN
    assert await link(False) is old
    service.now += 1.0
    new = await link(False)
    assert new is not old
    service.now += 86_400.0
    assert await link(False) is not new
    assert service.asked == 3


async def test_links_shorter_than_the_margin_are_shared_all_the_same() -> None:
    """Where links last half a minute, eight who saw the last one end still ask once together."""
    service = Service()
    service.lifetime = EXPIRY_MARGIN / 2
    service.answer.set()
    link = service.link()
    old = await link(False)
    new = await link(True, seen=old)
    for _ in range(7):
        assert await link(True, seen=old) is new
    assert service.asked == 2
