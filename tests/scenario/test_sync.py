"""Keeping an archive current: what a sync sees, asks, keeps and tells."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, tree, wanted
from syncing import DAY, START, Still, keep, sync_once, told

from civitai_dl._following import follow, read_followed, unfollow
from civitai_dl._memory import remember_selection
from civitai_dl._rebuild import rebuild
from civitai_dl._sync import Manner
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.domain.entities import Selection, TaskSettled
from civitai_dl.errors import UsageError
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeModel, FakeVersion, World

LONG_AGO = datetime(2025, 1, 1, tzinfo=timezone.utc)


def two_people() -> World:
    """Two models of ann, one of bob with two versions, some images of bob."""
    world = World().creator("ann").creator("bob")
    world.model(1, creator="ann").model(2, creator="ann", name="Dream")
    world.model(3, creator="bob", versions=2)
    return world.images(3, username="bob")


async def test_nothing_new_is_told_and_asks_little(tmp_path: Path) -> None:
    """The second sync stores nothing and asks once for each list, gallery and user."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "user:ann", "user:bob")
    async with FakeCivitai(world) as fake:
        first = await sync_once(fake, tmp_path, clock)
        before = tree(tmp_path)
        fake.account.clear()
        clock.pass_by(DAY)
        second = await sync_once(fake, tmp_path, clock)
        asked = [(seen.path, seen.param("sort")) for seen in fake.account.of(origin="api")]
    assert {("new_model", 1, ""), ("new_model", 2, ""), ("new_model", 3, "")} == set(told(first))
    assert (0, False) == (second.exit_code, bool(second.news))
    assert before == tree(tmp_path)
    lists = [path for path, _ in asked if path == "/api/v1/models"]
    images = [path for path, _ in asked if path == "/api/v1/images"]
    assert (4, 5, 10) == (len(lists), len(images), len(asked))
    followed = await read_followed(str(tmp_path))
    assert followed is not None
    for one in followed:
        assert one.synced_at is not None
        assert one.full_at is not None
        assert one.synced_at - one.full_at >= DAY
        assert one.complete


async def test_what_is_new_is_fetched_and_told(tmp_path: Path) -> None:
    """A model, a version, a file, other bytes, a preview, gallery and user images."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "user:ann", "model:3", "user:bob")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        old = world.models[1].versions[0]
        world.model(9, creator="ann", name="Ninth")
        world.add_version(1, FakeVersion("v2", files=(FakeFile(name="second.safetensors"),)))
        extra = FakeFile(id=777, name="extra.safetensors", primary=False)
        world.change_version(old.id, lambda found: replace(found, files=(*found.files, extra)))
        world.change_file(
            world.models[2].versions[0].files[0].id, lambda found: replace(found, revision=1)
        )
        late = max(image.created_at for image in world.posts) + timedelta(days=300)
        world.image(FakeImage(version_ids=(old.id,), username="zoe", created_at=late))
        world.image(FakeImage(username="bob", created_at=late))
        report = await sync_once(fake, tmp_path, clock)
        truth = {file.sha256.upper() for file in world.truth.files()}
    changes = told(report)
    assert ("new_model", 9, "") in changes
    assert ("new_version", 1, "v2") in changes
    assert ("new_file", 2, "extra.safetensors") in changes
    assert ["file_replaced"] == [kind for kind, number, _ in changes if number == 3]
    assert truth <= set(tree(tmp_path).values())
    assert {"bob": 1} == {name: n for name, n in report.news.of_users.items() if name == "bob"}
    assert 1 <= report.news.of_models[2]
    assert 4 == len(report.news.files)


async def test_other_words_are_kept_with_their_day(tmp_path: Path) -> None:
    """The page and the JSON before a change stay beside the new ones, twice a day, too."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "model:2")
    folder = tmp_path / "model_0/2"
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        first = (folder / "description.html").read_bytes(), (folder / "model.json").read_bytes()
        world.change_model(2, lambda model: replace(model, description="<p>Second</p>"))
        report = await sync_once(fake, tmp_path, clock)
        world.change_model(2, lambda model: replace(model, name="Nightmare", tags=("dark",)))
        again = await sync_once(fake, tmp_path, clock)
        silent = await sync_once(fake, tmp_path, clock)
    day = datetime.fromtimestamp(START, timezone.utc).date().isoformat()
    (change,) = report.news.changes
    assert ("text", "description") == (change.kind.value, change.what)
    assert f"model_0/2/description.{day}.html" == change.kept
    assert first == (
        (folder / f"description.{day}.html").read_bytes(),
        (folder / f"model.{day}.json").read_bytes(),
    )
    assert b"<p>Second</p>" in (folder / f"description.{day}.2.html").read_bytes()
    assert [("renamed", 2, "Dream"), ("text", 2, "tags")] == told(again)
    assert "Second" in (folder / f"model.{day}.2.json").read_text("utf-8")
    assert not silent.news
    assert 2 == len(list(folder.glob("description.*.html")))


async def test_words_that_went_and_came_back_otherwise_are_kept(tmp_path: Path) -> None:
    """A version that is back with another description: the one it went with stays beside."""
    world = two_people()
    gone = FakeVersion("v9", id=99, description="<p>First</p>")
    world.add_version(2, gone)
    whole = next(model for model in world.models if model.id == 2)
    clock = Still()
    await keep(tmp_path, "model:2")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.remove_version(99)
        await sync_once(fake, tmp_path, clock)
        world.change_model(2, lambda _: whole)
        world.change_version(99, lambda found: replace(found, description="<p>Second</p>"))
        report = await sync_once(fake, tmp_path, clock)
    assert [("text", 2, "description"), ("back_version", 2, "v9")] == told(report)
    (copy,) = (tmp_path / "model_0/2").glob("gone.2*.json")
    assert "<p>First</p>" in copy.read_text("utf-8")
    assert not (tmp_path / "model_0/2/gone.json").exists()


async def test_counters_are_no_change(tmp_path: Path) -> None:
    """Downloads and likes are written down, without a copy and without a word."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "model:2")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.change_model(2, lambda model: replace(model, stats={"downloadCount": 99_999}))
        report = await sync_once(fake, tmp_path, clock)
    assert not report.news
    stats = json.loads((tmp_path / "model_0/2/model.json").read_bytes())["stats"]
    assert {"downloadCount": 99_999} == stats
    assert [] == list((tmp_path / "model_0/2").glob("model.2*.json"))


@pytest.mark.parametrize("target", ["user:bob", "model:3"])
async def test_what_is_gone_and_back_is_told_once(tmp_path: Path, target: str) -> None:
    """A model, then a version: each told when it goes and when it is back, and not in between."""
    world = two_people()
    model = world.models[2]
    clock = Still()
    await keep(tmp_path, target)
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        kept = tree(tmp_path)
        world.remove_model(3)
        gone = await sync_once(fake, tmp_path, clock)
        fake.account.clear()
        still = await sync_once(fake, tmp_path, clock)
        singly = fake.account.count(origin="api", path_prefix="/api/v1/models/")
        world.restore_model(model)
        back = await sync_once(fake, tmp_path, clock)
        world.remove_version(model.versions[0].id)
        less = await sync_once(fake, tmp_path, clock)
        world.change_model(3, lambda _: model)
        more = await sync_once(fake, tmp_path, clock)
    assert [("gone_model", 3, "")] == told(gone)
    assert ([], 0, 0) == (told(still), still.exit_code, singly)
    assert [("back_model", 3, "")] == told(back)
    assert [("gone_version", 3, model.versions[0].name)] == told(less)
    assert [("back_version", 3, model.versions[0].name)] == told(more)
    assert kept.keys() <= tree(tmp_path).keys()


@pytest.mark.parametrize("pg", [True, False])
async def test_a_flagged_model_is_followed_though_lists_hide_it(
    tmp_path: Path, *, pg: bool
) -> None:
    """Flagged `minor`: new, changed, gone and back, in a user's list and by itself."""
    world = two_people()
    levels = (1,) if pg else (1, 4)
    shown = tuple(FakeImage(level=level) for level in levels)
    flagged = FakeModel(
        id=50, name="Flagged", creator="ann", minor=True, versions=(FakeVersion(images=shown),)
    )
    clock = Still()
    await keep(tmp_path, "user:ann")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.model(flagged)
        new = await sync_once(fake, tmp_path, clock)
        whole = next(model for model in world.models if model.id == 50)
        world.change_model(50, lambda model: replace(model, description="<p>Other</p>"))
        fake.account.clear()
        other = await sync_once(fake, tmp_path, clock)
        asked = fake.account.count(origin="api", path_prefix="/api/v1/models")
        world.remove_model(50)
        gone = await sync_once(fake, tmp_path, clock)
        world.restore_model(whole)
        back = await sync_once(fake, tmp_path, clock)
    assert [("new_model", 50, "")] == told(new)
    assert [("text", 50, "description")] == told(other)
    # The two lists of the user, the two of all that these leave out; one more where PG is not all.
    assert (4 if pg else 5) == asked
    assert [("gone_model", 50, "")] == told(gone)
    assert [("back_model", 50, ""), ("text", 50, "description")] == told(back)


async def test_a_model_that_no_list_shows_is_asked_for_by_itself(tmp_path: Path) -> None:
    """Flagged, and nowhere PG: known by its number only; changed, gone and back are seen."""
    world = two_people()
    shown = (FakeImage(level=4),)
    world.model(FakeModel(id=50, creator="ann", minor=True, versions=(FakeVersion(images=shown),)))
    whole = next(model for model in world.models if model.id == 50)
    clock = Still()
    await keep(tmp_path, "model:50", "model:1")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.change_model(50, lambda model: replace(model, description="<p>Other</p>"))
        other = await sync_once(fake, tmp_path, clock)
        world.remove_model(50)
        gone = await sync_once(fake, tmp_path, clock)
        still = await sync_once(fake, tmp_path, clock)
        world.restore_model(whole)
        back = await sync_once(fake, tmp_path, clock)
    assert [("text", 50, "description")] == told(other)
    assert ([("gone_model", 50, "")], []) == (told(gone), told(still))
    assert [("back_model", 50, ""), ("text", 50, "description")] == told(back)


async def test_a_long_list_is_known_by_its_newest_page(tmp_path: Path) -> None:
    """250 models of a user: one new costs two pages of lists, 120 new ones are all found."""
    world = World().creator("ann")
    for number in range(1, 251):
        when = LONG_AGO + timedelta(days=number)
        world.model(plain(number, when))
    clock = Still()
    settings = replace(FAST, selection=Selection(gallery=False))
    await keep(tmp_path, "https://civitai.com/user/ann/models")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock, settings=settings)
        fake.account.clear()
        world.model(plain(251, LONG_AGO + timedelta(days=251)))
        one = await sync_once(fake, tmp_path, clock, settings=settings)
        asked = fake.account.count(origin="api", path_prefix="/api/v1/models")
        for number in range(252, 372):
            world.model(plain(number, LONG_AGO + timedelta(days=number)))
        many = await sync_once(fake, tmp_path, clock, settings=settings)
        fake.account.clear()
        none = await sync_once(fake, tmp_path, clock, settings=settings)
        later = fake.account.count(origin="api", path_prefix="/api/v1/models")
    assert [("new_model", 251, "")] == told(one)
    # The newest page of either list, and the other 151 by their numbers.
    assert 4 == asked
    assert set(range(252, 372)) == {number for _, number, _ in told(many)}
    assert not none.news
    assert 2 + 3 == later


def plain(number: int, when: datetime) -> FakeModel:
    version = FakeVersion(files=(FakeFile(size=64),), images=(), published_at=when)
    return FakeModel(id=number, creator="ann", versions=(version,))


async def test_early_access_that_has_fallen_due_is_fetched(tmp_path: Path) -> None:
    """Not before its day, and then by the next sync."""
    world = World().creator("ann").model(1, creator="ann")
    soon = datetime.fromtimestamp(START, timezone.utc) + timedelta(days=5)
    early = FakeFile(name="early.safetensors")
    world.add_version(1, FakeVersion("early", files=(early,), early_access_until=soon))
    version = world.models[0].versions[0].id
    clock = Still()
    await keep(tmp_path, "model:1")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        fake.account.clear()
        clock.pass_by(4 * DAY)
        before = await sync_once(fake, tmp_path, clock)
        assert 0 == fake.account.count(origin="api", path_prefix="/api/download")
        world.change_version(version, lambda found: replace(found, early_access_until=None))
        clock.pass_by(2 * DAY)
        after = await sync_once(fake, tmp_path, clock)
    assert [] == before.news.files
    assert ["early.safetensors"] == [file.name for file in after.news.files]


async def test_a_full_look_reads_a_long_list_to_its_end(tmp_path: Path) -> None:
    """A model with an old date in a list of 150: unseen by a brief look, seen by a full one."""
    world = World().creator("ann")
    for number in range(1, 151):
        world.model(plain(number, LONG_AGO + timedelta(days=number)))
    clock = Still()
    settings = replace(FAST, selection=Selection(gallery=False))
    await keep(tmp_path, "user:ann")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock, settings=settings)
        world.model(plain(500, LONG_AGO))
        brief = await sync_once(fake, tmp_path, clock, settings=settings)
        full = await sync_once(fake, tmp_path, clock, settings=settings, manner=Manner(full=True))
    assert not brief.news
    assert [("new_model", 500, "")] == told(full)


async def test_a_full_look_sees_what_appeared_late(tmp_path: Path) -> None:
    """An image of an old number on a later page: unseen by a brief look, seen by a full one."""
    world = World().creator("ann").model(1, creator="ann", versions=(FakeVersion(id=10),))
    for number in range(1000, 1500):
        world.image(FakeImage(id=number, version_ids=(10,), username="bob"))
    clock = Still()
    await keep(tmp_path, "model:1")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.image(FakeImage(id=500, version_ids=(10,), username="bob"))
        brief = await sync_once(fake, tmp_path, clock)
        full = await sync_once(fake, tmp_path, clock, manner=Manner(full=True))
        fake.account.clear()
        again = await sync_once(fake, tmp_path, clock)
        pages = fake.account.count(origin="api", path_prefix="/api/v1/images")
    assert (0, 1, 0) == (brief.news.images, full.news.images, again.news.images)
    assert 1 == pages


async def test_a_user_who_is_gone_is_believed_to_be(tmp_path: Path) -> None:
    """Doubted when it is new; later one question, and the models that stay are followed."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "https://civitai.com/user/ann/models")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.remove_creator("ann")
        first = await sync_once(fake, tmp_path, clock)
        fake.account.clear()
        world.change_model(2, lambda model: replace(model, name="Alone"))
        second = await sync_once(fake, tmp_path, clock)
        asked = [seen for seen in fake.account.of(origin="api") if seen.param("username")]
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert ["gone:creator:ann"] == [trace.key for trace in first.runs[0].unavailable]
    assert ("renamed", 2, "Dream") in told(second)
    assert 1 == len(asked)


async def test_a_full_look_finds_what_lists_hide(tmp_path: Path) -> None:
    """Gone, and back with a tag that keeps it out of the lists: a full look asks for it itself."""
    world = two_people()
    world.model(
        FakeModel(id=50, creator="ann", versions=(FakeVersion(images=(FakeImage(level=4),)),))
    )
    whole = next(model for model in world.models if model.id == 50)
    clock = Still()
    await keep(tmp_path, "user:ann")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.remove_model(50)
        gone = await sync_once(fake, tmp_path, clock)
        fake.account.clear()
        still = await sync_once(fake, tmp_path, clock, manner=Manner(full=True))
        singly = fake.account.count(origin="api", path_prefix="/api/v1/models/50")
        world.restore_model(replace(whole, tags=("hidden-with-nsfw",)))
        brief = await sync_once(fake, tmp_path, clock)
        full = await sync_once(fake, tmp_path, clock, manner=Manner(full=True))
    assert [("gone_model", 50, "")] == told(gone)
    assert (0, 1) == (len(told(still)), singly)
    assert not brief.news
    assert ("back_model", 50, "") in told(full)


async def test_each_thing_is_looked_at_in_full_once_a_week(tmp_path: Path) -> None:
    """By daily syncs each of 40 models once in seven days, and not all on one day."""
    world = World().creator("ann")
    for number in range(1, 41):
        world.model(plain(number, LONG_AGO))
    clock = Still()
    settings = replace(FAST, selection=Selection(gallery=False))
    await keep(tmp_path, *(f"model:{number}" for number in range(1, 41)))
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock, manner=Manner(), settings=settings)
        days = []
        for _ in range(7):
            clock.pass_by(DAY)
            report = await sync_once(fake, tmp_path, clock, manner=Manner(), settings=settings)
            days.append(report.full)
    assert 40 == sum(days)
    assert max(days) <= 16


async def test_flags_of_add_hold_for_their_target(tmp_path: Path) -> None:
    """One model without its gallery, another with it, in one sync."""
    world = World().creator("ann")
    for number in (1, 2):
        world.model(number, creator="ann", versions=(FakeVersion(id=number * 10),))
        world.images(4, version_ids=(number * 10,), username="bob")
    await keep(tmp_path, "model:1", selection=remember_selection(Selection(gallery=False)))
    await keep(tmp_path, "model:2")
    async with FakeCivitai(world) as fake:
        report = await sync_once(fake, tmp_path, Still())
    assert 2 == len(report.runs)
    assert not (tmp_path / "model_0/1/gallery").exists()
    assert (tmp_path / "model_0/2/gallery").is_dir()


async def test_what_runs_were_asked_for_can_be_taken_over(tmp_path: Path) -> None:
    """`add --from-runs` on an archive that downloads made; what is taken off stays stored."""
    world = two_people()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("user:ann", "model:3"))
        with pytest.raises(UsageError, match="nothing is kept current"):
            await sync_once(fake, tmp_path, Still())
        added = await follow(
            str(tmp_path), [], None, from_runs=True, reporter=NullReporter(), clock=Still()
        )
        assert (2, 0) == (added.new, added.known)
        before = tree(tmp_path)
        assert [] == await unfollow(str(tmp_path), wanted("@ANN"), NullReporter())
        report = await sync_once(fake, tmp_path, Still())
    assert 1 == report.targets
    assert before == tree(tmp_path)


async def test_runs_of_a_watch_do_not_pile_up(tmp_path: Path) -> None:
    """Twenty syncs leave the rows of one: nothing in the state grows with their number."""
    import sqlite3

    world = two_people()
    clock = Still()
    await keep(tmp_path, "user:ann", "model:3")
    async with FakeCivitai(world) as fake:
        counts = []
        for _ in range(20):
            await sync_once(fake, tmp_path, clock)
            clock.pass_by(900)
            with sqlite3.connect(tmp_path / ".civitai-dl/state.db") as state:
                counts.append(
                    [
                        state.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                        for table in ("runs", "targets", "tasks", "edges")
                    ]
                )
    assert counts[0] == counts[-1]
    assert [1, 2] == counts[0][:2]


async def test_what_is_kept_current_survives_a_new_state(tmp_path: Path) -> None:
    """`doctor --rebuild` keeps the targets and how they are wanted; all is looked at in full."""
    clock = Still()
    few = remember_selection(Selection(gallery=False))
    await keep(tmp_path, "user:ann")
    await keep(tmp_path, "model:3", selection=few)
    async with FakeCivitai(two_people()) as fake:
        await sync_once(fake, tmp_path, clock)
        await rebuild(tmp_path, fake.base_url, lambda _: None)
        followed = await read_followed(str(tmp_path))
        assert followed is not None
        assert [("user:ann", None, None), ("model:3", few, None)] == [
            (one.text, one.selection, one.full_at) for one in followed
        ]
        fake.account.clear()
        report = await sync_once(fake, tmp_path, clock)
        assert 0 == fake.account.count(origin="storage")
    assert (2, 0) == (report.full, report.exit_code)


@pytest.mark.parametrize("stop_after", [1, 3, 8, 20])
async def test_a_sync_that_was_stopped_is_made_up_for(tmp_path: Path, stop_after: int) -> None:
    """Stopped in the middle, the next one brings all that is new, and each change is told once."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "user:ann", "user:bob", "model:3")
    stop = anyio.Event()

    class StopAfter:
        count = 0

        def emit(self, event: object) -> None:
            self.count += isinstance(event, TaskSettled)
            if self.count >= stop_after:
                stop.set()

    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        for number in (1, 2, 3):
            world.add_version(number, FakeVersion("new"))
        world.model(9, creator="bob", versions=3)
        world.images(5, username="ann")
        first = await sync_once(fake, tmp_path, clock, stop=stop, reporter=StopAfter())
        stopped = await read_followed(str(tmp_path))
        second = await sync_once(fake, tmp_path, clock)
        third = await sync_once(fake, tmp_path, clock)
    assert (130, 0, 0) == (first.exit_code, second.exit_code, third.exit_code)
    # What was not looked at to its end keeps the moment of the sync before.
    assert stopped is not None
    early = [one for one in stopped if one.synced_at is not None and one.synced_at < second.started]
    assert 3 == len(early)
    assert stop_after > 8 or any((one.synced_at or 0) < first.started for one in early)
    seen = sorted([*told(first), *told(second)])
    assert [("new_model", 9, ""), *(("new_version", n, "new") for n in (1, 2, 3))] == seen
    assert not third.news
    truth = {file.sha256.upper() for file in world.truth.files()}
    assert truth <= set(tree(tmp_path).values())


async def test_open_transfers_do_not_hide_what_is_new(tmp_path: Path) -> None:
    """A file that has to wait for the quota: what is new since is seen at once all the same."""
    world = two_people()
    clock = Still()
    await keep(tmp_path, "user:ann")
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        world.add_version(1, FakeVersion("waits"))
        fake.options = replace(fake.options, quota=0)
        first = await sync_once(fake, tmp_path, clock, settings=replace(FAST, max_wait=1.0))
        world.model(9, creator="ann")
        second = await sync_once(fake, tmp_path, clock, settings=replace(FAST, max_wait=1.0))
        fake.options = replace(fake.options, quota=None)
        clock.pass_by(DAY)
        third = await sync_once(fake, tmp_path, clock)
    assert (1, [("new_version", 1, "waits")]) == (first.exit_code, told(first))
    assert [("new_model", 9, "")] == told(second)
    assert (0, 2) == (third.exit_code, len(third.news.files))


async def test_versions_and_digests_are_looked_up_once(tmp_path: Path) -> None:
    """A version named by itself: later syncs ask for its model, and see what changes."""
    world = two_people()
    version = world.models[2].versions[0]
    digest = world.truth.files()[0].sha256
    clock = Still()
    await keep(tmp_path, f"version:{version.id}", digest)
    async with FakeCivitai(world) as fake:
        await sync_once(fake, tmp_path, clock)
        fake.account.clear()
        file = FakeFile(id=777, name="extra.safetensors", primary=False)
        world.change_version(version.id, lambda found: replace(found, files=(*found.files, file)))
        report = await sync_once(fake, tmp_path, clock)
        looked_up = fake.account.count(origin="api", path_prefix="/api/v1/model-versions")
        lists = fake.account.count(origin="api", path_prefix="/api/v1/models")
    assert (0, 1) == (looked_up, lists)
    assert ["extra.safetensors"] == [file.name for file in report.news.files]
