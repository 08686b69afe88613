"""An archive that was downloaded, looked at over HTTP and as files."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import anyio
import pytest
from archives import FAST, run, wanted, wanted_of

from civitai_dl._browse import exhibition, export, serve
from civitai_dl.config import Settings
from civitai_dl.domain.library import ModelOrder, ModelQuery, Standing
from civitai_dl.domain.messages import Language
from civitai_dl.errors import UsageError
from civitai_dl.testing import (
    FakeCivitai,
    FakeFile,
    FakeVersion,
    World,
    demo_lists,
    demo_world,
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, downloaded once."""
    folder = tmp_path_factory.mktemp("shown")
    world = demo_world()

    async def download() -> None:
        async with FakeCivitai(world) as fake:
            users, models = demo_lists(world)
            report = await run(fake, folder / "archive", wanted_of(users, models, folder))
            assert not report.failures

    anyio.run(download)
    return folder / "archive"


@dataclass
class Visitor:
    """Somebody at the pages."""

    session: aiohttp.ClientSession
    base: str

    async def get(self, path: str, **more: object) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self.session.get(f"{self.base}{path}", **more) as answer:  # type: ignore[arg-type]  # headers
            return answer.status, (await answer.read()).decode("utf-8", "replace"), answer

    async def page(self, path: str) -> str:
        status, text, _ = await self.get(path)
        assert 200 == status, path
        return text


@asynccontextmanager
async def visiting(folder: Path, settings: Settings = FAST) -> AsyncIterator[Visitor]:
    address: list[str] = []
    ready = anyio.Event()

    def heard(url: str) -> None:
        address.append(url.rstrip("/"))
        ready.set()

    async def work(task_status: object = None) -> None:
        del task_status
        await serve(folder, settings, port=None, ready=heard)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await ready.wait()
        async with aiohttp.ClientSession() as session:
            visitor = Visitor(session, address[0])
            while "reading the archive" in (text := await visitor.page("/")) or "9 " not in text:
                await anyio.lowlevel.checkpoint()
            yield visitor
        group.cancel_scope.cancel()


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder, but for what browsing itself keeps."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != ".civitai-dl" and "thumbs" not in path.parts
    }


async def test_everything_that_pages_lead_to_is_there(shown: Path) -> None:
    """Every link, picture, video and script of every page; and the archive is as it was."""
    before = tree(shown)
    found = re.compile(r'(?:href|src|data-src|data-full)="(/[^"]*)"')
    async with visiting(shown) as visitor:
        known, waiting = {"/"}, ["/"]
        while waiting:
            path = waiting.pop()
            status, text, answer = await visitor.get(path.replace("&amp;", "&"))
            assert 200 == status, path
            assert "nosniff" == answer.headers["X-Content-Type-Options"]
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            if answer.content_type == "text/html":
                fresh = set(found.findall(text)) - known
                known |= fresh
                waiting += sorted(fresh)
    assert 9 == len([path for path in known if re.fullmatch(r"/models/\d+", path)])
    assert len([path for path in known if path.startswith("/thumbs/")]) > 40
    assert before == tree(shown)


async def test_a_model_page_tells_what_is_known(shown: Path) -> None:
    """Versions, verified files, trigger words, prompts, descriptions without scripts."""
    async with visiting(shown) as visitor:
        page = await visitor.page("/models/101001")
        assert "Aurora Watercolor" in page
        assert "v3.0" in page
        assert 'class="mark verified"' in page
        assert 'data-copy="aurora watercolor"' in page
        assert "description_files/" in page
        images = await visitor.page("/images?q=%E6%B0%B4%E5%BD%A9")
        row = re.search(r'href="(/images/\d+)"', images)
        assert row is not None
        assert "水彩" in await visitor.page(row[1])


async def test_a_search_finds_models_and_the_images_behind_it(shown: Path) -> None:
    """Both are told on one page."""
    async with visiting(shown) as visitor:
        page = await visitor.page("/?q=watercolor")
        assert "Aurora Watercolor" in page
        assert "/images?q=watercolor" in page
        assert "Nothing fits this choice." in await visitor.page("/?q=nothingofthiskind")


async def test_pages_speak_the_language_that_is_asked_for(shown: Path) -> None:
    """By the browser's wish, by the address, and as it was chosen before."""
    async with visiting(shown) as visitor:
        _, text, _ = await visitor.get("/", headers={"Accept-Language": "ja,en;q=0.5"})
        assert 'lang="ja"' in text
        _, text, answer = await visitor.get("/?lang=ja")
        assert "アーカイブ" in text
        assert "civitai-dl-lang" in answer.cookies


async def test_strangers_are_refused(shown: Path) -> None:
    """A name that was made to lead here, a method that would change something, paths elsewhere."""
    async with visiting(shown) as visitor:
        status, text, _ = await visitor.get("/", headers={"Host": "evil.example:8410"})
        assert (421, False) == (status, "Aurora" in text)
        async with visitor.session.post(f"{visitor.base}/") as answer:
            assert 405 == answer.status
        for path in (
            "/media/1-0000000000000000/x.png",
            "/static/x/..%2f_server.py",
            "/models/101001/description_files/..%2fmodel.json",
            "/models/999999",
            "/images/999999",
            "/creators/nobody",
            "/nothing",
        ):
            assert 404 == (await visitor.get(path))[0], path


async def test_a_video_can_be_asked_for_in_parts(shown: Path) -> None:
    """Else no browser could wind it."""
    async with visiting(shown) as visitor:
        page = await visitor.page("/images?media=video")
        film = re.search(r'data-full="([^"]+)"', page)
        assert film is not None
        status, _, answer = await visitor.get(film[1], headers={"Range": "bytes=10-19"})
        assert (206, "video/mp4", "10") == (
            status,
            answer.content_type,
            answer.headers["Content-Length"],
        )


async def test_where_there_is_no_archive_one_is_told(tmp_path: Path) -> None:
    """Nothing is made there."""
    with pytest.raises(UsageError, match="there is no archive here"):
        await serve(tmp_path, FAST, port=None, ready=lambda _: None)
    assert [] == list(tmp_path.iterdir())


async def test_what_the_service_has_no_more_is_marked_and_can_be_found(tmp_path: Path) -> None:
    """A version and a model that disappeared: among what is gone, with their files and dates."""
    world = World().creator("ann")
    two = (FakeVersion("newer", files=(FakeFile(name="new.safetensors"),)), FakeVersion("older"))
    world.model(1, creator="ann", name="Dream", versions=two)
    world.model(2, creator="ann", name="Lost").model(3, creator="ann", name="Here")
    things = [f"model:{number}" for number in (1, 2, 3)]
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted(*things))
        world.remove_version(world.models[0].versions[0].id)
        world.remove_model(2)
        await run(fake, tmp_path, wanted(*things))
    async with exhibition(tmp_path, FAST) as exhibit:
        await exhibit.library.read(exhibit.holdings)
        gone = await exhibit.library.models(
            ModelQuery(standing=Standing.GONE, order=ModelOrder.NAME)
        )
        assert ["Dream", "Lost"] == [card.name for card in gone.shown]
        assert [(1, Standing.COMPLETE), (0, Standing.GONE)] == [
            (card.gone_versions, card.standing) for card in gone.shown
        ]
        facets = await exhibit.library.facets()
        assert {Standing.COMPLETE: 2, Standing.GONE: 2} == facets.standings
        dream, lost = [await exhibit.view(card, "") for card in gone.shown]
    marks = {version.name: bool(version.gone_since) for version in dream.versions}
    assert {"newer": True, "older": False} == marks
    (file,) = next(version.files for version in dream.versions if version.name == "newer")
    assert ("new.safetensors", "verified") == (file.name, file.state)
    assert ("", True) == (dream.gone_since, bool(lost.gone_since))


# --- files


def exported(shown: Path, site: Path, language: Language = Language.EN) -> int:
    settings = Settings(language=language)
    done = anyio.run(lambda: export(shown, site, settings, hear=lambda _: None))
    assert 0 == done.missing
    return done.models


def test_every_link_of_a_site_leads_to_a_file(shown: Path, tmp_path: Path) -> None:
    """From the grid to the last image; no link leads out of the site or to a server."""
    site = tmp_path / "site"
    assert 9 == exported(shown, site)
    found = re.compile(r'(?:href|src|data-src|data-full)="([^"#]+)[^"]*"')
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 12
    for page in pages:
        text = page.read_text("utf-8")
        text = re.sub(r'<section class="prose.*?</section>', "", text, flags=re.DOTALL)
        for link in found.findall(text):
            assert not link.startswith(("http", "/")), (page, link)
            target = (page.parent / link.replace("&amp;", "&")).resolve()
            assert target.is_file(), (page, link)
            assert target.is_relative_to(site.resolve())


def test_a_site_takes_no_room_for_its_images(shown: Path, tmp_path: Path) -> None:
    """They are the archive's own files under another name, where the disk can do that."""
    site = tmp_path / "site"
    exported(shown, site)
    media = [path for path in (site / "media").rglob("*") if path.is_file()]
    assert len(media) > 40
    probe = tmp_path / "probe"
    try:
        os.link(next(shown.rglob("*.png")), probe)
    except OSError:
        pytest.skip("this disk has no links")
    assert all(path.stat().st_nlink > 1 for path in media)


def test_a_second_export_changes_nothing_and_removes_what_is_gone(
    shown: Path, tmp_path: Path
) -> None:
    """Times of files included; pages of an earlier export that are no more are gone."""
    site = tmp_path / "site"
    exported(shown, site)
    before = tree(site)
    (site / "models" / "7").mkdir()
    (site / "models" / "7" / "7777.html").write_text("old")
    exported(shown, site)
    assert before == tree(site)


def test_what_is_no_site_is_left_alone(shown: Path, tmp_path: Path) -> None:
    """A directory with other things in it, and the archive itself."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other things"):
        exported(shown, tmp_path)
    assert ["mine.txt"] == [path.name for path in tmp_path.iterdir()]
    with pytest.raises(UsageError, match="into its own archive"):
        exported(shown, shown / "site")
    assert not (shown / "site").exists()


def test_a_site_speaks_one_language(shown: Path, tmp_path: Path) -> None:
    """The one it was written in."""
    exported(shown, tmp_path / "site", Language.JA)
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert 'lang="ja"' in page
    assert "モデル" in page
