"""What disappears from the service: kept, marked, and found again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from archives import run, tree, wanted

from civitai_dl._gone import find_gone
from civitai_dl.documents import gone_path, read_gone
from civitai_dl.domain.entities import ModelId, Tombstones
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World


def two_versions() -> World:
    """Three models of ann; model 2 has two versions, the newer one with two files."""
    world = World().creator("ann").model(1, creator="ann")
    newer = FakeVersion(
        "newer",
        files=(FakeFile(name="big.safetensors"), FakeFile(name="small.safetensors")),
        description="<p>The newer one</p>",
    )
    older = FakeVersion("older", files=(FakeFile(name="old.safetensors"),))
    return world.model(2, creator="ann", name="Dream", versions=(newer, older)).model(
        3, creator="ann"
    )


def stones_of(output: Path, model_id: int = 2) -> Tombstones | None:
    path = output / gone_path(ModelId(model_id))
    return read_gone(path.read_bytes()) if path.is_file() else None


def page_of(output: Path, model_id: int = 2) -> str:
    return (output / f"model_0/{model_id}/description.html").read_text("utf-8")


def kept_files(output: Path) -> dict[str, str]:
    """What is stored of models, without what is written of them anew."""
    written = (".json", ".html", ".info")
    return {
        path: digest
        for path, digest in tree(output).items()
        if path.startswith("model_") and not path.endswith(written)
    }


@pytest.mark.parametrize("targets", [("model:2",), ("user:ann",), ("model:1", "model:2")])
async def test_a_version_that_disappears_is_kept_and_marked(
    tmp_path: Path, targets: tuple[str, ...]
) -> None:
    """Its files stay, its JSON lies in gone.json, the page shows it as gone, the run tells it."""
    world = two_versions()
    newer, older = world.models[1].versions
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted(*targets))
        before = kept_files(tmp_path)
        listed = json.loads((tmp_path / "model_0/2/model.json").read_bytes())
        assert stones_of(tmp_path) is None
        world.remove_version(newer.id)
        report = await run(fake, tmp_path, wanted(*targets))
        fake.account.clear()
        again = await run(fake, tmp_path, wanted(*targets))
        asked = fake.account.count(origin="api", path_prefix="/api/v1/model-versions")
    assert before == kept_files(tmp_path)
    assert list(tmp_path.glob(f"model_0/2/{newer.id}-*/big.civitai.info"))
    stones = stones_of(tmp_path)
    assert stones is not None
    (stone,) = stones.versions
    (raw,) = (one for one in listed["modelVersions"] if one["id"] == newer.id)
    assert (newer.id, raw) == (stone.id, stone.raw)
    assert stone.gone_since is not None
    assert stones.gone_since is None
    page = page_of(tmp_path)
    assert f'id="v{newer.id}"' in page
    assert f'id="v{older.id}"' in page
    assert "The newer one" in page
    assert 1 == page.count("gone from the service since")
    assert (0, 0, ()) == (report.exit_code, again.exit_code, report.failures)
    assert [notice for notice in report.notices if f"version {newer.id} (newer) is gone" in notice]
    assert not [notice for notice in again.notices if "gone" in notice]
    assert 0 == asked


async def test_a_version_that_comes_back_is_marked_no_more(tmp_path: Path) -> None:
    """Shown again: gone.json goes, the page shows it as any other, and the run tells it."""
    world = two_versions()
    model = world.models[1]
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:2"))
        page = page_of(tmp_path)
        world.remove_version(model.versions[0].id)
        await run(fake, tmp_path, wanted("model:2"))
        assert find_gone(tmp_path)
        world.change_model(2, lambda _: model)
        report = await run(fake, tmp_path, wanted("model:2"))
    assert page == page_of(tmp_path)
    assert [notice for notice in report.notices if "is back at the service" in notice]
    assert not (tmp_path / gone_path(ModelId(2))).exists()
    assert [] == find_gone(tmp_path)
    assert [] == list((tmp_path / ".civitai-dl/gone").iterdir())


async def test_a_file_that_disappears_from_its_version_is_kept_and_marked(tmp_path: Path) -> None:
    """One of two files is replaced by nothing: its JSON is kept, and the page tells of it."""
    world = two_versions()
    lost, stays = world.models[1].versions[0].files
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:2"))
        world.remove_file(lost.id)
        world.change_file(stays.id, lambda file: replace(file, primary=True))
        report = await run(fake, tmp_path, wanted("model:2"))
    stones = stones_of(tmp_path)
    assert stones is not None
    assert [lost.id] == [stone.id for stone in stones.files]
    assert stones.files[0].gone_since is not None
    assert "big.safetensors" in page_of(tmp_path)
    assert "verified; gone from the service since" in page_of(tmp_path)
    assert [notice for notice in report.notices if "big.safetensors" in notice]
    assert list(tmp_path.glob("model_0/2/*/big.safetensors"))


async def test_what_an_archived_model_hides_is_not_gone(tmp_path: Path) -> None:
    """Archived: its files are shown no more. Their JSON is kept, and nothing is called gone."""
    world = two_versions()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:2"))
        world.change_model(2, lambda model: replace(model, mode="Archived"))
        report = await run(fake, tmp_path, wanted("model:2"))
        stones = stones_of(tmp_path)
        assert stones is not None
        assert 3 == len(stones.files)
        assert {None} == {stone.gone_since for stone in stones.files}
        assert [] == find_gone(tmp_path)
        assert not [notice for notice in report.notices if "gone" in notice]
        page = page_of(tmp_path)
        assert 3 == page.count("verified; not shown by the service since")
        world.change_model(2, lambda model: replace(model, mode=None))
        await run(fake, tmp_path, wanted("model:2"))
    assert stones_of(tmp_path) is None


async def test_a_version_that_is_only_not_shown_is_not_gone(tmp_path: Path) -> None:
    """Its model shows it no more, the service still has it: its JSON is kept, it is not gone."""
    world = two_versions()
    newer = world.models[1].versions[0]
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:2"))
        world.change_version(newer.id, lambda version: replace(version, lagging=True))
        report = await run(fake, tmp_path, wanted("model:2"))
        stones = stones_of(tmp_path)
        assert stones is not None
        assert [(newer.id, None)] == [(stone.id, stone.gone_since) for stone in stones.versions]
        assert not [notice for notice in report.notices if "gone" in notice]
        assert "not shown by the service since" in page_of(tmp_path)
        world.remove_version(newer.id)
        world.change_model(2, lambda model: replace(model, name="Renamed"))
        await run(fake, tmp_path, wanted("model:2"))
    stones = stones_of(tmp_path)
    assert stones is not None
    assert stones.versions[0].gone_since is not None


async def test_a_list_that_leaves_a_version_out_proves_nothing(tmp_path: Path) -> None:
    """Lists show less than the model's own answer: what they leave out is not lost, nor gone."""
    world = two_versions()
    newer = world.models[1].versions[0]
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1", "model:2"))
        before = tree(tmp_path)
        world.change_version(newer.id, lambda version: replace(version, availability="Private"))
        answer = fake_answer_without(newer.id)
        fake.faults.add(answer)
        await run(fake, tmp_path, wanted("model:1", "model:2"))
    document = json.loads((tmp_path / "model_0/2/model.json").read_bytes())
    assert newer.id in [version["id"] for version in document["modelVersions"]]
    assert stones_of(tmp_path) is None
    assert {path for path in before if path.startswith("model_")} <= tree(tmp_path).keys()


def fake_answer_without(version_id: int) -> Fault:
    """A list in which one version is missing."""

    def alter(request: object, ask: object) -> object:
        true = ask(request)  # type: ignore[operator]  # a handler
        page = json.loads(true.read(0, true.length))
        for item in page["items"]:
            item["modelVersions"] = [v for v in item["modelVersions"] if v["id"] != version_id]
        return replace(true, body=json.dumps(page).encode())

    return Fault(origin="api", path=r"/api/v1/models\?", alter=alter, every=True)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("target", ["model:2", "user:ann"])
async def test_a_model_that_disappears_is_marked_and_comes_back(
    tmp_path: Path, target: str
) -> None:
    """Named by itself, or missing from its creator's list: kept, marked on its page; then back."""
    world = two_versions()
    model = world.models[1]
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted(target))
        before, page = kept_files(tmp_path), page_of(tmp_path)
        world.remove_model(2)
        report = await run(fake, tmp_path, wanted(target))
        stones = stones_of(tmp_path)
        assert stones is not None
        assert stones.gone_since is not None
        assert "gone from the service since" in page_of(tmp_path)
        assert ["gone"] == [trace.why for trace in report.unavailable]
        assert 0 == report.exit_code
        fake.account.clear()
        again = await run(fake, tmp_path, wanted(target))
        assert ["gone"] == [trace.why for trace in again.unavailable]
        if target == "user:ann":
            assert 0 == fake.account.count(origin="api", path_prefix="/api/v1/models/2")
        (gone,) = find_gone(tmp_path)
        assert (2, "Dream", stones.gone_since) == (gone.model_id, gone.name, gone.gone_since)
        world.restore_model(model)
        back = await run(fake, tmp_path, wanted(target))
    assert before == kept_files(tmp_path)
    assert page == page_of(tmp_path)
    assert [notice for notice in back.notices if "is back at the service" in notice]
    assert [] == find_gone(tmp_path)


async def test_the_models_of_a_creator_who_is_gone_are_asked_for(tmp_path: Path) -> None:
    """The user is unavailable; of the models those that are gone are marked, the others are not."""
    world = two_versions()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("https://civitai.com/user/ann/models"))
        before = kept_files(tmp_path)
        world.remove_model(2)
        world.remove_creator("ann")
        report = await run(fake, tmp_path, wanted("https://civitai.com/user/ann/models"))
    assert [("gone:creator:ann", "gone"), ("model:2", "gone")] == sorted(
        (trace.key, trace.why) for trace in report.unavailable
    )
    assert {"https://civitai.com/user/ann/models"} == {one.target for one in report.unavailable}
    assert (0, ()) == (report.exit_code, report.failures)
    assert before == kept_files(tmp_path)
    assert [2] == [gone.model_id for gone in find_gone(tmp_path)]


@pytest.mark.parametrize("form", ["model:2@", "version:"])
async def test_a_version_asked_for_that_disappears_is_gone(tmp_path: Path, form: str) -> None:
    """A version named by itself that the archive holds is unavailable, which is no failure."""
    world = two_versions()
    newer = world.models[1].versions[0]
    text = f"version:{newer.id}"
    if form == "model:2@":
        text = f"urn:air:sdxl:lora:civitai:2@{newer.id}"
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted(text))
        before = kept_files(tmp_path)
        world.remove_version(newer.id)
        report = await run(fake, tmp_path, wanted(text))
    assert ["gone"] == [trace.why for trace in report.unavailable]
    assert (0, ()) == (report.exit_code, report.failures)
    assert before == kept_files(tmp_path)
    (gone,) = find_gone(tmp_path)
    assert [newer.id] == [stone.id for stone in gone.versions]


@pytest.mark.parametrize("moment", ["before model.json", "before gone.json shrinks"])
async def test_a_crash_between_two_documents_loses_nothing(tmp_path: Path, moment: str) -> None:
    """Whichever of the two was written last, the next run ends as if there had been no crash."""
    world = two_versions()
    model = world.models[1]
    answer, gone = tmp_path / "model_0/2/model.json", tmp_path / gone_path(ModelId(2))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:2"))
        older = answer.read_bytes()
        world.remove_version(model.versions[0].id)
        await run(fake, tmp_path, wanted("model:2"))
        stone = gone.read_bytes()
        if moment == "before model.json":
            answer.write_bytes(older)
            assert [] == find_gone(tmp_path)
            await run(fake, tmp_path, wanted("model:2"))
            assert stone == gone.read_bytes()
        else:
            world.change_model(2, lambda _: model)
            await run(fake, tmp_path, wanted("model:2"))
            gone.write_bytes(stone)
            (tmp_path / ".civitai-dl/gone/2").write_bytes(b"{}\n")
            assert [] == find_gone(tmp_path)
            world.change_model(2, lambda model: replace(model, name="Renamed"))
            await run(fake, tmp_path, wanted("model:2"))
            assert not gone.exists()


async def test_a_damaged_tombstone_is_not_written_over(tmp_path: Path) -> None:
    """A gone.json that cannot be read stands in nobody's way, and is kept beside the new one."""
    world = two_versions()
    newer, older = world.models[1].versions
    async with FakeCivitai(world) as fake:
        world.add_version(2, FakeVersion("third"))
        await run(fake, tmp_path, wanted("model:2"))
        world.remove_version(newer.id)
        await run(fake, tmp_path, wanted("model:2"))
        (tmp_path / gone_path(ModelId(2))).write_bytes(b"damaged")
        world.remove_version(older.id)
        report = await run(fake, tmp_path, wanted("model:2"))
    stones = stones_of(tmp_path)
    assert stones is not None
    assert [older.id] == [stone.id for stone in stones.versions]
    assert b"damaged" == (tmp_path / "model_0/2/gone.unreadable.json").read_bytes()
    assert 0 == report.exit_code
