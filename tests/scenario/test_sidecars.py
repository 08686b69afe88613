"""Sidecars in the dialects that people use, read by each program's own rules."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, tree, wanted
from readers import (
    a1111_card,
    a1111_preview,
    a1111_save,
    civitai_helper_info,
    lora_manager_metadata,
    stability_matrix_info,
)

from civitai_dl._redress import RedressReport, redress
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import LocalStorage
from civitai_dl.config import Settings
from civitai_dl.domain.entities import Dialect, Kind, Notice, Selection, TaskSettled
from civitai_dl.errors import StorageDenied, StorageError, StorageFull
from civitai_dl.ports import Reporter
from civitai_dl.testing import (
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    World,
)

ALL = replace(FAST, sidecars=tuple(Dialect))


def world_of_one(**parts: object) -> World:
    """Model 1: a LoRA with two files of different stems and an archive of training data."""
    files = (
        FakeFile(name="雪 style.safetensors", size=9_000),
        FakeFile(name="雪 style-small.safetensors", size=7_000),
        FakeFile(name="training.zip", kind="Training Data", size=5_000),
    )
    version = FakeVersion(
        "v1.0",
        files=files,
        base_model="SDXL 1.0",
        trained_words=("yuki style,", "snow  field", "yuki style"),
        description="<p>First one</p>",
        images=(FakeImage("mp4"), FakeImage("webp", level=4)),
    )
    model = FakeModel(
        1,
        name="Snow",
        creator="ann",
        description="<p>For <b>snow</b> &amp; ice</p><ul><li>one</li><li>two</li></ul>",
        tags=("style", "winter"),
        versions=(replace(version, **parts),),
    )
    return World().creator("ann").model(model)


def weights(folder: Path, name: str = "雪 style.safetensors") -> Path:
    (path,) = folder.glob(f"model_*/*/*/{name}")
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Ear:
    """Hears which models are dressed, and what the person is told."""

    def __init__(self) -> None:
        self.dressed = 0
        self.notices: list[str] = []

    def emit(self, event: object) -> None:
        if isinstance(event, Notice):
            self.notices.append(event.text)
        if isinstance(event, TaskSettled) and event.task.kind is Kind.DRESS:
            self.dressed += 1


async def archived(
    service: World | FakeCivitai,
    folder: Path,
    settings: Settings = ALL,
    reporter: Reporter | None = None,
) -> None:
    """One run over model 1. A service that several runs ask has one address for all of them."""
    if isinstance(service, World):
        async with FakeCivitai(service) as fake:
            return await archived(fake, folder, settings, reporter)
    report = await run(service, folder, wanted("model:1"), settings=settings, reporter=reporter)
    assert 0 == report.exit_code
    return None


# --- each program reads them


async def test_a1111_shows_what_the_service_says(tmp_path: Path) -> None:
    """Description without markup, trigger words as activation text, family, and a real image."""
    await archived(world_of_one(), tmp_path)
    card = a1111_card(weights(tmp_path))
    assert "For snow & ice\none\ntwo" == card.description
    assert ("SDXL", "yuki style, snow field") == (card.sd_version, card.activation_text)
    assert (0.0, "", "") == (card.preferred_weight, card.negative_text, card.notes)
    assert card.preview is not None
    assert (".webp", b"WEBP") == (card.preview.suffix, card.preview.read_bytes()[8:12])


async def test_lora_manager_knows_the_file(tmp_path: Path) -> None:
    """All that it requires, the place in the archive, the preview beside it, and the version."""
    await archived(world_of_one(), tmp_path)
    file = weights(tmp_path)
    found = lora_manager_metadata(file)
    assert ("雪 style", "Snow", "SDXL 1.0") == (found.file_name, found.model_name, found.base_model)
    written = json.loads(file.with_name("雪 style.metadata.json").read_text("utf-8"))
    assert file.resolve().as_posix() == written["file_path"] == found.file_path
    assert (9_000, digest(file)) == (found.size, found.sha256)
    assert file.stat().st_mtime == found.modified
    preview = file.with_name("雪 style.preview.webp")
    assert (preview.resolve().as_posix(), 4) == (written["preview_url"], found.preview_nsfw_level)
    assert (["style", "winter"], "{}") == (found.tags, found.usage_tips)
    assert "civitai_api" == found.metadata_source
    assert 1 == found.civitai["modelId"]
    assert ["yuki style,", "snow  field", "yuki style"] == found.civitai["trainedWords"]
    assert "ann" == found.civitai["creator"]["username"]
    assert "LORA" == found.civitai["model"]["type"]
    assert 3 == len(found.civitai["files"])
    assert {} == found.unknown


async def test_stability_matrix_connects_the_file(tmp_path: Path) -> None:
    """Model, version, file and digests, in the types that its strict reader wants."""
    await archived(world_of_one(), tmp_path)
    file = weights(tmp_path)
    found = stability_matrix_info(file)
    assert (1, "Snow", "LORA") == (found["ModelId"], found["ModelName"], found["ModelType"])
    assert ("v1.0", "SDXL 1.0", "ann") == (
        found["VersionName"],
        found["BaseModel"],
        found["AuthorUsername"],
    )
    assert "雪 style.safetensors" == found["RemoteFileName"]
    assert {"fp": "fp16", "size": "pruned", "format": "SafeTensor"} == found["FileMetadata"]
    assert digest(file).upper() == found["Hashes"]["SHA256"]
    assert len(found["Hashes"]["BLAKE3"]) == 64
    assert (0, False) == (found["Source"], found["Nsfw"])
    assert found["Stats"]["downloadCount"] >= 0


async def test_civitai_helper_knows_the_version(tmp_path: Path) -> None:
    """The version with the licence and description of its model inside."""
    await archived(world_of_one(), tmp_path)
    found = civitai_helper_info(weights(tmp_path))
    assert 1 == found["modelId"]
    assert {"allowNoCredit", "allowCommercialUse", "tags"} <= set(found["model"])


async def test_each_model_file_has_its_own_and_other_files_have_none(tmp_path: Path) -> None:
    """Two stems, two of each; nobody looks for a card beside an archive of training data."""
    await archived(world_of_one(), tmp_path)
    small = weights(tmp_path, "雪 style-small.safetensors")
    assert (7_000, digest(small)) == (
        lora_manager_metadata(small).size,
        lora_manager_metadata(small).sha256,
    )
    assert "雪 style-small.safetensors" == stability_matrix_info(small)["RemoteFileName"]
    names = {path.name for path in small.parent.iterdir() if path.name.startswith("training")}
    assert {"training.zip", "training.civitai.info", "training.preview.webp"} == names


async def test_files_of_one_stem_share_a_sidecar_about_the_primary_one(tmp_path: Path) -> None:
    """One name, two extensions: the programs find one document for both."""
    pickle = FakeFile(name="x.ckpt", size=5_000, format="PickleTensor")
    safe = FakeFile(name="x.safetensors", size=6_000, primary=True)
    # Both, also the pickle that has a twin, so that there are two of one stem.
    both = replace(ALL, selection=Selection(allow_unsafe=True))
    await archived(world_of_one(files=(pickle, safe)), tmp_path, both)
    assert 6_000 == lora_manager_metadata(weights(tmp_path, "x.ckpt")).size


async def test_a_film_is_shown_where_there_is_no_still(tmp_path: Path) -> None:
    """LoRA Manager plays it under its true name; for A1111 nothing is called an image."""
    await archived(world_of_one(images=(FakeImage("mp4", level=8),)), tmp_path)
    file = weights(tmp_path)
    found = lora_manager_metadata(file)
    assert file.with_name("雪 style.preview.mp4").resolve().as_posix() == found.preview_url
    assert 8 == found.preview_nsfw_level
    assert a1111_preview(file) is None


@pytest.mark.parametrize(
    ("kind", "file_kind", "sub_type"),
    [
        ("Checkpoint", "Model", "checkpoint"),
        ("Checkpoint", "Diffusion Model", "diffusion_model"),
        ("TextualInversion", "Model", "embedding"),
        ("LoCon", "Model", ""),
    ],
)
async def test_kinds_are_told_to_lora_manager(
    tmp_path: Path, kind: str, file_kind: str, sub_type: str
) -> None:
    """Checkpoints, diffusion models and embeddings are told apart; a LoRA has usage tips."""
    world = world_of_one(files=(FakeFile(name="a.safetensors", kind=file_kind),))
    world.change_model(1, lambda model: replace(model, kind=kind))
    await archived(world, tmp_path)
    found = lora_manager_metadata(weights(tmp_path, "a.safetensors"))
    written = json.loads(weights(tmp_path, "a.metadata.json").read_text("utf-8"))
    assert sub_type == found.sub_type == written.get("model_type", "")
    assert ("usage_tips" in written) == (kind == "LoCon")


# --- what others put there stays


async def test_notes_of_the_user_survive(tmp_path: Path) -> None:
    """What was put into each sidecar is there after the model has changed, word for word."""
    world = world_of_one()
    await archived(world, tmp_path)
    file = weights(tmp_path)
    a1111_save(file, notes="雪 works at 0.6", preferred_weight=0.6, activation_text="mine")
    a1111_save(file, description="my words", sd_version="SD1", own="kept")
    manager = file.with_name("雪 style.metadata.json")
    mine = json.loads(manager.read_text("utf-8"))
    mine |= {"favorite": True, "notes": "good", "usage_tips": '{"strength": 0.6}', "later": [1.5]}
    mine |= {"tags": ["my tag"], "modified": 1.25, "preview_nsfw_level": 1, "model_name": "Mine"}
    mine["civitai"] |= {"trainedWords": ["mine"], "customImages": [{"id": "a"}]}
    manager.write_text(json.dumps(mine), "utf-8")
    matrix = file.with_name("雪 style.cm-info.json")
    theirs = json.loads(matrix.read_text("utf-8"))
    theirs |= {"UserTitle": "T", "InferenceDefaults": {"Steps": 9}, "ModelName": "M"}
    matrix.write_text(json.dumps(theirs), "utf-8")

    world.change_model(1, lambda model: replace(model, description="<p>New</p>", tags=("new",)))
    await archived(world, tmp_path)

    card = a1111_card(file)
    assert ("雪 works at 0.6", 0.6, "mine") == (
        card.notes,
        card.preferred_weight,
        card.activation_text,
    )
    assert ("my words", "SD1") == (card.description, card.sd_version)
    assert "kept" == json.loads(file.with_name("雪 style.json").read_text("utf-8"))["own"]
    found = lora_manager_metadata(file)
    assert (True, "good", '{"strength": 0.6}') == (found.favorite, found.notes, found.usage_tips)
    assert (["my tag"], 1.25, "Mine") == (found.tags, found.modified, found.model_name)
    assert (["mine"], [{"id": "a"}]) == (
        found.civitai["trainedWords"],
        found.civitai["customImages"],
    )
    assert "<p>New</p>" == found.civitai["model"]["description"]
    assert {"later": [1.5]} == found.unknown
    info = stability_matrix_info(file)
    assert ("T", {"Steps": 9}, "M") == (
        info["UserTitle"],
        info["InferenceDefaults"],
        info["ModelName"],
    )
    assert theirs["ImportedAt"] == info["ImportedAt"]


async def test_a_sidecar_of_another_program_is_added_to(tmp_path: Path) -> None:
    """What lies there before the first run is kept, and what it lacks is filled in."""
    world = world_of_one()
    await archived(world, tmp_path, FAST)
    file = weights(tmp_path)
    own = {"sd version": "Unknown", "notes": "mine", "description": "", "preferred weight": 0.8}
    file.with_name("雪 style.json").write_text(json.dumps(own), "utf-8-sig")
    await archived(world, tmp_path)
    card = a1111_card(file)
    assert ("mine", 0.8) == (card.notes, card.preferred_weight)
    assert ("SDXL", "For snow & ice\none\ntwo") == (card.sd_version, card.description)


@pytest.mark.parametrize(
    "content", [b'{"notes": "half', b"[1, 2]", b"", b'{"notes": "\x83\x6d"}', b"[" * 100_000]
)
async def test_what_is_no_json_object_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """It is the user's: never written over, told of once for each writing, and no other is hurt."""
    first, second = Ear(), Ear()
    async with FakeCivitai(world_of_one()) as fake:
        await archived(fake, tmp_path, FAST)
        paths = [
            weights(tmp_path).with_name(f"雪 style{ending}")
            for ending in (".json", ".metadata.json", ".cm-info.json")
        ]
        for path in paths:
            path.write_bytes(content)
        await archived(fake, tmp_path, reporter=first)
        assert [content] * 3 == [path.read_bytes() for path in paths]
        await archived(fake, tmp_path, reporter=second)
        assert (0, []) == (second.dressed, second.notices)
        paths[0].unlink()
        await archived(fake, tmp_path)
    told = [text for text in first.notices if "left as it is" in text]
    assert 3 == len(told)
    assert any(text.startswith("model_0/1/") and "雪 style.json" in text for text in told)
    small = weights(tmp_path, "雪 style-small.safetensors")
    assert "Snow" == lora_manager_metadata(small).model_name
    assert "SDXL" == a1111_card(weights(tmp_path)).sd_version


async def test_a_folder_in_its_place_is_left_as_it_is(tmp_path: Path) -> None:
    """Whatever it is, it is somebody's; the run does not fail over it."""
    world = world_of_one()
    await archived(world, tmp_path, FAST)
    place = weights(tmp_path).with_name("雪 style.json")
    place.mkdir()
    ear = Ear()
    await archived(world, tmp_path, reporter=ear)
    assert place.is_dir()
    assert 1 == sum("left as it is" in text for text in ear.notices)


async def test_a_change_by_hand_costs_one_writing_at_most(tmp_path: Path) -> None:
    """The run after an edit takes it in, byte for byte; the one after that has nothing to do."""
    second, third = Ear(), Ear()
    async with FakeCivitai(world_of_one()) as fake:
        await archived(fake, tmp_path)
        file = weights(tmp_path)
        a1111_save(file, notes="mine", preferred_weight=1.0)
        edited = file.with_name("雪 style.json").read_bytes()
        await archived(fake, tmp_path, reporter=second)
        await archived(fake, tmp_path, reporter=third)
    assert edited == file.with_name("雪 style.json").read_bytes()
    assert 0 == third.dressed


async def test_a_file_that_lies_in_the_place_of_a_sidecar_is_never_touched(tmp_path: Path) -> None:
    """A version may have a file of that very name, stored or still to come."""
    config = FakeFile(name="雪 style.json", kind="Config", container="raw", size=2_000)
    soon = FakeFile(name="b.metadata.json", kind="Config", container="raw", transient_404s=99)
    files = (
        FakeFile(name="雪 style.safetensors"),
        config,
        FakeFile(name="b.safetensors"),
        soon,
    )
    world = world_of_one(files=files)
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=ALL)
    assert 2_000 == weights(tmp_path, "雪 style.json").stat().st_size
    file = weights(tmp_path, "b.safetensors")
    assert "SDXL" == a1111_card(file).sd_version
    assert not file.with_name("b.metadata.json").exists()


# --- which of them


async def test_nobody_who_does_not_ask_gets_other_sidecars(tmp_path: Path) -> None:
    """By default `.civitai.info` and the preview, as ever."""
    await archived(world_of_one(), tmp_path, FAST)
    names = sorted(path.name for path in weights(tmp_path).parent.glob("雪 style.*"))
    assert ["雪 style.civitai.info", "雪 style.preview.webp", "雪 style.safetensors"] == names


async def test_none_means_none(tmp_path: Path) -> None:
    """The page is written all the same."""
    await archived(world_of_one(), tmp_path, replace(FAST, sidecars=()))
    assert ["雪 style.safetensors"] == [
        path.name for path in weights(tmp_path).parent.glob("雪 style.*")
    ]
    assert (tmp_path / "model_0/1/description.html").is_file()


async def test_another_choice_is_written_for_models_that_are_as_they_were(tmp_path: Path) -> None:
    """A later run with another list adds what is new and leaves what is there."""
    async with FakeCivitai(world_of_one()) as fake:
        await archived(fake, tmp_path, FAST)
        before = tree(tmp_path)
        await archived(fake, tmp_path, replace(FAST, sidecars=(Dialect.LORA_MANAGER,)))
        after = tree(tmp_path)
    new = {Path(path).name for path in after.keys() - before.keys()}
    assert {"雪 style.metadata.json", "雪 style-small.metadata.json"} == new
    assert before.items() <= after.items()
    found = json.loads(weights(tmp_path, "雪 style.metadata.json").read_text("utf-8"))
    assert Path(found["preview_url"]).is_file()


async def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    """With every dialect a run over the same model writes nothing, and dresses nothing."""
    async with FakeCivitai(world_of_one()) as fake:
        await archived(fake, tmp_path)
        before, ear = tree(tmp_path), Ear()
        await archived(fake, tmp_path, reporter=ear)
    assert (before, 0) == (tree(tmp_path), ear.dressed)


async def test_an_archive_gets_them_without_the_service(tmp_path: Path) -> None:
    """What the archive holds is enough, and it is what a run with that choice would write."""
    world = world_of_one()
    await archived(world, tmp_path / "a", FAST)
    settings = replace(ALL, output=str(tmp_path / "a"), token=None)
    report = RedressReport()
    await redress(settings, report, reporter=NullReporter(), stop=anyio.Event(), given={"sidecars"})
    assert (0, 1, 0, 0) == (report.exit_code, report.models, report.left, report.untold)
    before, ear = tree(tmp_path / "a"), Ear()
    assert "SDXL" == a1111_card(weights(tmp_path / "a")).sd_version
    await redress(settings, RedressReport(), reporter=ear, stop=anyio.Event(), given={"sidecars"})
    assert before == tree(tmp_path / "a")


async def test_what_is_remembered_counts_where_nothing_is_given(tmp_path: Path) -> None:
    """On demand the forms of the last run are written again."""
    await archived(world_of_one(), tmp_path)
    sidecar = weights(tmp_path).with_name("雪 style.cm-info.json")
    sidecar.unlink()
    settings = replace(FAST, output=str(tmp_path))
    await redress(settings, RedressReport(), reporter=NullReporter(), stop=anyio.Event())
    assert "Snow" == stability_matrix_info(weights(tmp_path))["ModelName"]


async def test_trouble_with_one_model_is_no_trouble_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the disk does not let us write is told of and counted; a full disk ends it."""
    async with FakeCivitai(world_of_one().model(2, creator="ann")) as fake:
        await run(fake, tmp_path, wanted("model:1", "model:2"))
    errors: list[StorageError] = [StorageDenied("not allowed"), StorageFull("no space left")]
    save = LocalStorage.save

    async def refuse(storage: LocalStorage, documents: list[tuple[str, bytes]]) -> None:
        if documents[0][0].startswith("model_0/1/"):
            raise errors[0]
        await save(storage, documents)

    monkeypatch.setattr(LocalStorage, "save", refuse)
    settings, ear, report = replace(ALL, output=str(tmp_path)), Ear(), RedressReport()
    given = {"sidecars"}
    await redress(settings, report, reporter=ear, stop=anyio.Event(), given=given)
    assert (1, 1, 1) == (report.models, report.failed, report.exit_code)
    assert ["model 1: not allowed"] == ear.notices
    del errors[0]
    with pytest.raises(StorageFull):
        await redress(settings, RedressReport(), reporter=ear, stop=anyio.Event(), given=given)


async def test_models_that_cannot_be_told_of_are_counted(tmp_path: Path) -> None:
    """A model.json that is gone, or edited to something else: what lies there stays as it is."""
    world = world_of_one().model(2, creator="ann").model(3, creator="ann")
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1", "model:2", "model:3"))
    (tmp_path / "model_0/2/model.json").unlink()
    (tmp_path / "model_0/3/model.json").write_text("{", "utf-8")
    report = RedressReport()
    settings = replace(FAST, output=str(tmp_path))
    await redress(settings, report, reporter=NullReporter(), stop=anyio.Event())
    assert (1, 2, 0) == (report.models, report.untold, report.exit_code)
    stopped, stop = RedressReport(), anyio.Event()
    stop.set()
    await redress(settings, stopped, reporter=NullReporter(), stop=stop)
    assert (0, 130) == (stopped.models, stopped.exit_code)
