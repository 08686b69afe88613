"""An archive's files in the folders of applications, and out of them again."""

from __future__ import annotations

import errno
import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from applications import (
    TOPS,
    application,
    archived,
    choice,
    linked,
    model_world,
    names,
    snapshot,
    unlinked,
    weights,
)

from civitai_dl.adapters.storage import LinkRecord, System
from civitai_dl.domain.placing import KINDS, Layout, NoPlace, Way
from civitai_dl.errors import Busy, StorageDenied, StorageError, UsageError
from civitai_dl.linking import Keep, LinkOrder, Obstacle, Progress, link, unlink
from civitai_dl.testing import FakeFile, FakeModel, FakeVersion, World

LAYOUTS = pytest.mark.parametrize("layout", list(Layout), ids=lambda layout: layout.value)

PLACES = {
    Layout.A1111: {
        "embeddings/word.pt",
        "models/ControlNet/pose.pth",
        "models/ESRGAN/up.pth",
        "models/Lora/dora.safetensors",
        "models/Lora/locon.safetensors",
        "models/Lora/style.safetensors",
        "models/Stable-diffusion/mix.safetensors",
        "models/Stable-diffusion/mix.yaml",
        "models/VAE/mix.vae.safetensors",
        "models/hypernetworks/hyper.pt",
    },
    Layout.FORGE: {
        "embeddings/word.pt",
        "models/ControlNet/pose.pth",
        "models/ESRGAN/up.pth",
        "models/Lora/dora.safetensors",
        "models/Lora/locon.safetensors",
        "models/Lora/style.safetensors",
        "models/Stable-diffusion/mix.safetensors",
        "models/Stable-diffusion/mix.yaml",
        "models/Stable-diffusion/unet.safetensors",
        "models/VAE/mix.vae.safetensors",
        "models/hypernetworks/hyper.pt",
        "models/text_encoder/t5.safetensors",
    },
    Layout.COMFYUI: {
        "models/checkpoints/mix.safetensors",
        "models/configs/mix.yaml",
        "models/controlnet/pose.pth",
        "models/diffusion_models/unet.safetensors",
        "models/embeddings/word.pt",
        "models/hypernetworks/hyper.pt",
        "models/loras/dora.safetensors",
        "models/loras/locon.safetensors",
        "models/loras/style.safetensors",
        "models/text_encoders/t5.safetensors",
        "models/upscale_models/up.pth",
        "models/vae/mix.vae.safetensors",
    },
    Layout.SWARMUI: {
        "Models/Embeddings/word.pt",
        "Models/Lora/dora.safetensors",
        "Models/Lora/locon.safetensors",
        "Models/Lora/style.safetensors",
        "Models/Stable-Diffusion/mix.safetensors",
        "Models/VAE/mix.vae.safetensors",
        "Models/clip/t5.safetensors",
        "Models/controlnet/pose.pth",
        "Models/diffusion_models/unet.safetensors",
        "Models/upscale_models/up.pth",
    },
    Layout.STABILITYMATRIX: {
        "Models/ControlNet/pose.pth",
        "Models/DiffusionModels/unet.safetensors",
        "Models/ESRGAN/up.pth",
        "Models/Embeddings/word.pt",
        "Models/Hypernetwork/hyper.pt",
        "Models/Lora/dora.safetensors",
        "Models/Lora/style.safetensors",
        "Models/LyCORIS/locon.safetensors",
        "Models/StableDiffusion/mix.safetensors",
        "Models/StableDiffusion/mix.yaml",
        "Models/TextEncoders/t5.safetensors",
        "Models/VAE/mix.vae.safetensors",
    },
}


def library() -> World:
    """A model of each usual type, and a checkpoint with a file of each usual type."""
    world = World().creator("ann")
    files = (
        FakeFile("mix.safetensors"),
        FakeFile("mix.vae.safetensors", 7000, kind="VAE", extent="full"),
        FakeFile("unet.safetensors", 8000, kind="UNet", precision="int8"),
        FakeFile("t5.safetensors", 9000, kind="Text Encoder", precision="fp8"),
        FakeFile("mix.yaml", 600, kind="Config", format="Other", container="raw"),
        FakeFile("data.zip", 900, kind="Training Data", format="Other"),
    )
    models = [
        ("Checkpoint", files),
        ("LORA", (FakeFile("style.safetensors"),)),
        ("LoCon", (FakeFile("locon.safetensors"),)),
        ("DoRA", (FakeFile("dora.safetensors"),)),
        ("TextualInversion", (FakeFile("word.pt", format="PickleTensor"),)),
        ("Controlnet", (FakeFile("pose.pth", format="PickleTensor"),)),
        ("Upscaler", (FakeFile("up.pth", format="PickleTensor"),)),
        ("Hypernetwork", (FakeFile("hyper.pt", format="PickleTensor"),)),
        ("Wildcards", (FakeFile("words.zip", format="Other", kind="Archive"),)),
        ("MotionModule", (FakeFile("motion.safetensors"),)),
    ]
    for number, (kind, found) in enumerate(models, 1):
        world.model(number, creator="ann", kind=kind, versions=[FakeVersion(files=found)])
    return world


@LAYOUTS
async def test_every_type_goes_to_its_folder(tmp_path: Path, layout: Layout) -> None:
    """Weights are hard links of the archive's; a second time changes nothing; unlink restores."""
    archive = await archived(library(), tmp_path)
    root = application(tmp_path, layout)
    before, source = snapshot(root, times=False), snapshot(archive)
    report = await linked(archive, root, layout)
    assert 0 == report.exit_code
    assert PLACES[layout] == set(weights(root))
    by_path = {done.path: done for done in report.done}
    for name in weights(root):
        assert (root / name).samefile(archive / by_path[name].source)
    placed = snapshot(root)
    again = await linked(archive, root, None)
    assert ([], len(report.done)) == (again.done, again.there)
    assert placed == snapshot(root)
    assert set(weights(root)) == {one.path for one in report.done if not one.beside}
    taken = await unlinked(root)
    assert (len(report.done), []) == (len(taken.removed), taken.kept)
    assert before == snapshot(root, times=False)
    assert source == snapshot(archive)


@LAYOUTS
async def test_every_type_of_model_has_a_verdict(tmp_path: Path, layout: Layout) -> None:
    """Each stored file is placed or told to be without a place, with its type; none is lost."""
    world = World().creator("ann")
    for number, kind in enumerate([*KINDS, "CLIP", "ComfyWorkflows", "Hologram"], 1):
        file = FakeFile(f"{number}.safetensors")
        world.model(number, creator="ann", kind=kind, versions=[FakeVersion(files=[file])])
    archive = await archived(world, tmp_path)
    report = await linked(archive, application(tmp_path, layout), layout)
    placed = [done for done in report.done if not done.beside]
    assert len(world.models) == len(placed) + len(report.unplaced)
    told = {one.kind for one in report.unplaced}
    assert {"MotionModule", "Poses", "Wildcards", "Workflows", "Other", "Hologram"} <= told
    assert 0 == report.exit_code


async def test_applications_never_write_into_the_archive(tmp_path: Path) -> None:
    """Previews and sidecars are copies; edited ones are the user's, and stay."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    beside = next(archive.rglob("a.safetensors")).parent
    for suffix in (".json", ".metadata.json", ".cm-info.json"):
        (beside / f"a{suffix}").write_text("{}")
    source = snapshot(archive)
    root = application(tmp_path)
    await linked(archive, root)
    folder = root / "models/Lora"
    edited = ["a.json", "a.civitai.info", "a.preview.png"]
    for name in ("a.metadata.json", "a.cm-info.json", *edited):
        assert not (folder / name).samefile(beside / name)
    for name in edited:
        with (folder / name).open("a") as target:
            target.write(" ")
    assert source == snapshot(archive)
    report = await linked(archive, root)
    assert ([], 3) == (report.done, report.kept)
    taken = await unlinked(root)
    assert sorted(f"models/Lora/{name}" for name in edited) == sorted(
        record.path for record, _ in taken.kept
    )
    assert sorted(f"models/Lora/{name}" for name in edited) == names(root)
    assert (root / "models/Lora").is_dir()
    assert not (root / ".civitai-dl-links").exists()


async def test_a_sidecar_that_changed_in_the_archive_is_renewed(tmp_path: Path) -> None:
    """A copy that nobody edited follows the archive; one that goes from the archive is stale."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    info = next(archive.rglob("a.civitai.info"))
    info.write_text('{"new": true}')
    report = await linked(archive, root)
    assert [("models/Lora/a.civitai.info", True)] == [
        (done.path, done.replaced) for done in report.done
    ]
    assert '{"new": true}' == (root / "models/Lora/a.civitai.info").read_text()
    info.unlink()
    assert 1 == (await linked(archive, root)).stale
    assert ["models/Lora/a.civitai.info"] == [
        record.path for record in (await linked(archive, root, prune=True)).pruned
    ]


async def test_what_the_user_has_is_never_touched(tmp_path: Path) -> None:
    """Another file under the name: ours gets the version's id. The same bytes: they count."""
    files = (FakeFile("a.safetensors"), FakeFile("b.safetensors", 7000, extent="full"))
    archive = await archived(model_world(*files), tmp_path)
    root = application(tmp_path)
    folder = root / "models/Lora"
    folder.mkdir()
    (folder / "A.safetensors").write_bytes(b"mine")
    shutil.copy(next(archive.rglob("b.safetensors")), folder / "b.safetensors")
    (folder / "b.preview.png").write_bytes(b"mine, too")
    before = snapshot(root, times=False)
    report = await linked(archive, root)
    version = next(archive.rglob("a.safetensors")).parent.name.split("-")[0]
    placed = {done.path for done in report.done if not done.beside}
    assert {f"models/Lora/a-{version}.safetensors"} == placed
    assert (1, 1, 0) == (report.same, report.kept, report.exit_code)
    assert (folder / f"a-{version}.preview.png").is_file()
    assert before.items() <= snapshot(root, times=False).items()
    placed_tree = snapshot(root)
    again = await linked(archive, root)
    assert ([], 1) == (again.done, again.same)
    assert placed_tree == snapshot(root)
    await unlinked(root)
    assert before == snapshot(root, times=False)


async def test_a_name_that_cannot_be_had_is_a_conflict(tmp_path: Path) -> None:
    """All names taken by other files: told, exit status 1, nothing is overwritten."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    path = next(archive.rglob("a.safetensors"))
    info = json.loads((path.parent / "a.civitai.info").read_text())
    version, file = info["id"], info["files"][0]["id"]
    root = application(tmp_path)
    folder = root / "models/Lora"
    folder.mkdir()
    (folder / "a.safetensors").mkdir()
    (folder / f"a-{version}.safetensors").write_bytes(b"mine")
    (folder / f"a-{version}-{file}.safetensors").symlink_to("nowhere")
    before = snapshot(root)
    report = await linked(archive, root)
    assert [Obstacle.TAKEN] == [one.why for one in report.conflicts]
    assert (1, []) == (report.exit_code, report.done)
    assert before == snapshot(root)


async def test_weights_that_somebody_changed_are_theirs(tmp_path: Path) -> None:
    """A placed file that was replaced is a conflict, is kept, and outlives unlink."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root, choice=choice(sidecars=False))
    path = root / "models/Lora/a.safetensors"
    path.unlink()
    path.write_bytes(b"merged")
    report = await linked(archive, root, choice=choice(sidecars=False))
    assert [Obstacle.CHANGED] == [one.why for one in report.conflicts]
    taken = await unlinked(root)
    assert ["models/Lora/a.safetensors"] == [record.path for record, _ in taken.kept]
    assert b"merged" == path.read_bytes()


async def test_a_link_that_somebody_removed_is_placed_again(tmp_path: Path) -> None:
    """What is missing is placed; nothing else."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    (root / "models/Lora/a.safetensors").unlink()
    report = await linked(archive, root)
    assert ["models/Lora/a.safetensors"] == [done.path for done in report.done]


async def test_same_names_become_distinct_and_stay(tmp_path: Path) -> None:
    """`model.safetensors` of each version: the oldest is plain, the others carry their ids."""
    world = World().creator("ann")
    for number in (1, 2):
        name = "Model.safetensors" if number == 1 else "model.safetensors"
        versions = [FakeVersion(f"v{n}", files=[FakeFile(name, 6000 + n)]) for n in (2, 1)]
        world.model(number, creator="ann", versions=versions)
    archive = await archived(world, tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    placed = weights(root)
    assert 4 == len(placed) == len({name.lower() for name in placed})
    assert 1 == sum("-" not in name.rpartition("/")[2] for name in placed)
    where = {name: (root / name).stat().st_ino for name in placed}
    new = FakeVersion("v3", files=[FakeFile("model.safetensors", 6666)])
    archive = await archived(world.add_version(2, new), tmp_path)
    report = await linked(archive, root)
    assert 1 == sum(not done.beside for done in report.done)
    assert where.items() <= {name: (root / name).stat().st_ino for name in weights(root)}.items()


async def test_the_same_bytes_under_the_same_name_are_placed_once(tmp_path: Path) -> None:
    """Two versions with one file: an application would only show it twice."""
    file = FakeFile("same.safetensors", content=42)
    archive = await archived(model_world(file, versions=2), tmp_path)
    root = application(tmp_path)
    report = await linked(archive, root)
    assert ["models/Lora/same.safetensors"] == weights(root)
    assert 0 == report.exit_code
    assert [] == (await linked(archive, root)).done


async def test_a_config_takes_the_name_of_its_checkpoint(tmp_path: Path) -> None:
    """A1111 looks for the yaml beside the weights, under their stem; without them it has none."""
    files = (
        FakeFile("mix.safetensors"),
        FakeFile("other_name.yaml", 600, kind="Config", format="Other", container="raw"),
        FakeFile("third.yaml", 700, kind="Config", format="Other", container="raw"),
    )
    archive = await archived(model_world(*files, kind="Checkpoint"), tmp_path)
    root = application(tmp_path)
    folder = root / "models/Stable-diffusion"
    folder.mkdir()
    (folder / "mix.safetensors").write_bytes(b"mine")
    report = await linked(archive, root)
    one, other = sorted(Path(name) for name in weights(root) if "mix-" in name)
    assert {".safetensors", ".yaml"} == {one.suffix, other.suffix}
    assert one.stem == other.stem
    assert [NoPlace.LONE_CONFIG] == [one.why for one in report.unplaced]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [("UNet", "unet", "diffusion_models"), ("TextEncoder", "clip", "text_encoders")],
)
async def test_a_folder_with_the_old_name_is_used(
    tmp_path: Path, kind: str, old: str, new: str
) -> None:
    """ComfyUI reads both; what lies in the old one stays there when the new one appears."""
    archive = await archived(model_world(FakeFile("a.safetensors"), kind=kind), tmp_path)
    root = application(tmp_path, Layout.COMFYUI)
    (root / "models" / old).mkdir()
    await linked(archive, root, Layout.COMFYUI)
    assert [f"models/{old}/a.safetensors"] == weights(root)
    assert not (root / "models" / new).exists()
    (root / "models" / new).mkdir()
    report = await linked(archive, root, Layout.COMFYUI)
    assert ([], 0) == (report.done, report.stale)


async def test_a_folder_may_be_named(tmp_path: Path) -> None:
    """--folder: below the application, or anywhere else but in the archive."""
    archive = await archived(library(), tmp_path)
    root = application(tmp_path)
    elsewhere = tmp_path / "elsewhere" / "motion"
    folders = {"LORA": "models/Lora/civitai", "MotionModule": elsewhere.as_posix()}
    report = await linked(archive, root, folders=folders)
    assert (root / "models/Lora/civitai/style.safetensors").is_file()
    assert (elsewhere / "motion.safetensors").is_file()
    assert NoPlace.PACKED in {one.why for one in report.unplaced}
    assert [] == (await linked(archive, root, folders=folders)).done
    await unlinked(root)
    assert not (tmp_path / "elsewhere").exists()
    inside = {"LORA": (archive / "corner").as_posix()}
    with pytest.raises(UsageError, match="leads into the archive"):
        await linked(archive, root, folders=inside)


async def test_folders_that_are_links_are_followed(tmp_path: Path) -> None:
    """Many keep their models on another disk; two names of one folder are one folder."""
    world = library()
    archive = await archived(world, tmp_path)
    root = application(tmp_path, Layout.STABILITYMATRIX)
    real = tmp_path / "disk"
    real.mkdir()
    for name in ("Lora", "LyCORIS"):
        (root / "Models" / name).symlink_to(real)
    await linked(archive, root, Layout.STABILITYMATRIX)
    found = {path.name for path in real.iterdir() if path.suffix == ".safetensors"}
    assert {"style.safetensors", "locon.safetensors", "dora.safetensors"} == found
    await unlinked(root)
    assert [] == list(real.iterdir())
    assert (root / "Models/Lora").is_symlink()


async def test_a_folder_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """A disk that is not there: an error that names the folder, and nothing is placed."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    (root / "models/Lora").symlink_to(tmp_path / "not mounted")
    with pytest.raises(StorageDenied, match="this is no folder"):
        await linked(archive, root)


@pytest.mark.parametrize("way", [Way.COPY, Way.SYMLINK])
async def test_weights_may_be_copies_or_symbolic_links(tmp_path: Path, way: Way) -> None:
    """By choice; a second time in another way changes nothing, and unlink knows them."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    before = snapshot(root, times=False)
    report = await linked(archive, root, mode=way)
    path = root / "models/Lora/a.safetensors"
    source = next(archive.rglob("a.safetensors"))
    assert [way] == [done.how for done in report.done if not done.beside]
    assert (way is Way.SYMLINK) == path.is_symlink() == path.samefile(source)
    assert source.read_bytes() == path.read_bytes()
    placed = snapshot(root)
    assert [] == (await linked(archive, root)).done
    assert placed == snapshot(root)
    await unlinked(root)
    assert before == snapshot(root, times=False)


class Sharing(System):
    """A file system that shares bytes between files, and has no hard links."""

    def link(self, existing: Path, new: Path) -> None:
        raise OSError(errno.EXDEV, "no hard links")

    def clone(self, existing: Path, new: Path) -> None:
        with new.open("xb") as target:
            target.write(existing.read_bytes())


@pytest.mark.parametrize("mode", [None, Way.REFLINK])
async def test_reflinks_are_made_where_there_are_no_hard_links(
    tmp_path: Path, mode: Way | None
) -> None:
    """Weights and what lies beside them; each is what was placed, and goes again."""
    archive = await archived(library(), tmp_path)
    root = application(tmp_path)
    before = snapshot(root, times=False)
    away = {"progress": Progress(), "stop": lambda: False, "system": Sharing()}
    report = await link(archive, LinkOrder(root, Layout.A1111, mode=mode), **away)
    assert {Way.REFLINK} == {done.how for done in report.done}
    assert PLACES[Layout.A1111] == set(weights(root))
    placed = snapshot(root)
    assert [] == (await linked(archive, root)).done
    assert placed == snapshot(root)
    await unlinked(root)
    assert before == snapshot(root, times=False)


async def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Between the look and the deed somebody else was faster: a conflict, and theirs stays."""

    class Rival(System):
        def link(self, existing: Path, new: Path) -> None:
            new.write_bytes(b"faster")
            super().link(existing, new)

    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    away = {"progress": Progress(), "stop": lambda: False, "system": Rival()}
    report = await link(archive, LinkOrder(root, Layout.A1111), **away)
    assert [Obstacle.APPEARED] == [one.why for one in report.conflicts]
    assert 1 == report.exit_code
    await unlinked(root)
    assert b"faster" == (root / "models/Lora/a.safetensors").read_bytes()


async def test_windows_may_refuse_symbolic_links(tmp_path: Path) -> None:
    """Where a user may not make them, the error says what to do."""

    class Windows(System):
        def symlink(self, target: str, new: Path) -> None:
            error = OSError(errno.EINVAL, "a privilege is not held")
            error.winerror = 1314
            raise error

    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    away = {"progress": Progress(), "stop": lambda: False, "system": Windows()}
    with pytest.raises(StorageError, match="does not let") as refused:
        await link(archive, LinkOrder(root, Layout.A1111, mode=Way.SYMLINK), **away)
    assert "--mode copy" in refused.value.hint


async def test_an_edited_copy_of_weights_is_kept(tmp_path: Path) -> None:
    """Its digest tells, also when the application's folder was moved to another place."""
    files = (FakeFile("a.safetensors"), FakeFile("b.safetensors", 7000, extent="full"))
    archive = await archived(model_world(*files), tmp_path)
    root = application(tmp_path)
    await linked(archive, root, mode=Way.COPY)
    moved = tmp_path / "moved"
    shutil.copytree(root, moved)
    path = moved / "models/Lora/a.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    taken = await unlinked(moved)
    assert ["models/Lora/a.safetensors"] == [record.path for record, _ in taken.kept]
    assert ["models/Lora/a.safetensors"] == names(moved)


async def test_a_copy_of_damaged_bytes_is_not_placed(tmp_path: Path) -> None:
    """What is copied is digested: rot, and a file that was cut off, are told."""
    files = (FakeFile("a.safetensors"), FakeFile("b.safetensors", 7000, extent="full"))
    archive = await archived(model_world(*files), tmp_path)
    rotten = next(archive.rglob("a.safetensors"))
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"?")
    cut = next(archive.rglob("b.safetensors"))
    cut.write_bytes(b"short")
    root = application(tmp_path)
    report = await linked(archive, root, mode=Way.COPY, choice=choice(sidecars=False))
    assert {Obstacle.DAMAGED} == {one.why for one in report.conflicts}
    assert (1, []) == (report.exit_code, names(root))
    assert not (root / ".civitai-dl-links").exists()


async def test_a_file_that_was_healed_is_placed_anew(tmp_path: Path) -> None:
    """After `verify` the archive has another file: the old hard link leads to the damaged one."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    source = next(archive.rglob("a.safetensors"))
    data = source.read_bytes()
    source.rename(tmp_path / "damaged")
    source.write_bytes(data)
    report = await linked(archive, root)
    assert [True] == [done.replaced for done in report.done]
    assert source.samefile(root / "models/Lora/a.safetensors")
    assert [] == (await linked(archive, root)).done


async def test_the_last_copy_is_never_removed(tmp_path: Path) -> None:
    """The archive was deleted: the weights live on in the application, and unlink keeps them."""
    files = (FakeFile("a.safetensors"), FakeFile("b.safetensors", 7000, extent="full"))
    archive = await archived(model_world(*files), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    next(archive.rglob("a.safetensors")).unlink()
    report = await linked(archive, root)
    assert [Obstacle.DAMAGED] == [one.why for one in report.conflicts]
    taken = await unlinked(root)
    assert [("models/Lora/a.safetensors", Keep.LAST)] == [
        (record.path, why) for record, why in taken.kept
    ]
    assert ["models/Lora/a.safetensors"] == names(root)


async def test_copies_that_were_moved_are_read_once(tmp_path: Path) -> None:
    """An application's folder on another disk: what lies there is known again, then by its time."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root, mode=Way.COPY)
    moved = tmp_path / "moved"
    shutil.copytree(root, moved)
    read = Progress()
    order = LinkOrder(moved, mode=Way.COPY)
    report = await link(archive, order, progress=read, stop=lambda: False)
    assert ([], 3) == (report.done, report.there)
    assert read.bytes > 6000
    placed, read = snapshot(moved), Progress()
    await link(archive, order, progress=read, stop=lambda: False)
    assert (0, placed) == (read.bytes, snapshot(moved))
    await unlinked(moved)
    assert [] == names(moved)


async def test_somebodys_own_files_are_read_once(tmp_path: Path) -> None:
    """Gigabytes of the user's own weights are digested once, and again only when they changed."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    (root / "models/Lora").mkdir()
    path = root / "models/Lora/a.safetensors"
    shutil.copy(next(archive.rglob("a.safetensors")), path)
    order, reads = LinkOrder(root, Layout.A1111), []
    for number in range(4):
        if number == 2:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        read = Progress()
        report = await link(archive, order, progress=read, stop=lambda: False)
        reads.append((report.same, read.bytes >= 6000))
    assert [(1, True), (1, False), (0, True), (0, False)] == reads
    await unlinked(root)
    assert ["models/Lora/a.safetensors"] == names(root)


async def test_a_moved_archive_is_known_again(tmp_path: Path) -> None:
    """Hard links stay what they are; symbolic links are led to the new place."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    hard, soft = application(tmp_path), application(tmp_path, name="soft")
    await linked(archive, hard)
    await linked(archive, soft, mode=Way.SYMLINK)
    archive = archive.rename(tmp_path / "moved")
    assert [] == (await linked(archive, hard)).done
    assert 3 == (await linked(archive, hard, choice=choice("model:7"))).stale
    assert [True] == [done.replaced for done in (await linked(archive, soft)).done]
    assert (soft / "models/Lora/a.safetensors").samefile(next(archive.rglob("a.safetensors")))
    await unlinked(soft)
    assert [] == names(soft)


async def test_the_newest_takes_the_place_of_the_others(tmp_path: Path) -> None:
    """--newest leaves what was placed before, and says so; --prune removes it."""
    versions = [FakeVersion(f"v{n}", files=[FakeFile(f"v{n}.safetensors")]) for n in (2, 1)]
    archive = await archived(World().model(1, creator="ann", versions=versions), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    newest = choice(newest=True, sidecars=False)
    before = snapshot(root)
    kept = await linked(archive, root, choice=newest)
    foretold = await linked(archive, root, choice=newest, prune=True, dry_run=True)
    assert ([], kept.stale) == (kept.done, len(foretold.pruned))
    assert before == snapshot(root)
    pruned = await linked(archive, root, choice=newest, prune=True)
    assert kept.stale == len(pruned.pruned) > 0
    assert 1 == len(names(root))
    assert 0 == (await linked(archive, root, choice=newest, prune=True)).stale


@pytest.mark.parametrize("prune", [False, True])
async def test_a_name_is_free_when_its_file_is_about_to_go(tmp_path: Path, *, prune: bool) -> None:
    """A new version with the old one's file name: it takes its place only with --prune."""
    world = model_world(FakeFile("a.safetensors"))
    archive = await archived(world, tmp_path)
    root = application(tmp_path)
    newest = choice(newest=True)
    await linked(archive, root, choice=newest)
    world.add_version(1, FakeVersion("new", files=[FakeFile("a.safetensors", 7000)]))
    archive = await archived(world, tmp_path)
    report = await linked(archive, root, choice=newest, prune=prune)
    (placed,) = (done for done in report.done if not done.beside)
    assert 7000 == (root / placed.path).stat().st_size
    assert (prune, prune) == (placed.path == "models/Lora/a.safetensors", placed.replaced)
    assert (1 if prune else 2) == len(weights(root))
    assert [] == (await linked(archive, root, choice=newest, prune=prune)).done
    await unlinked(root)
    assert [] == names(root)


async def test_two_commands_at_once_do_the_work_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one was faster between the look and the lock: it is looked at again."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    lock, faster = LinkRecord.lock, []

    def lock_later(record: LinkRecord) -> object:
        if not faster:
            faster.append(None)
            faster[0] = anyio.from_thread.run(linked, archive, root)
        return lock(record)

    monkeypatch.setattr(LinkRecord, "lock", lock_later)
    report = await linked(archive, root)
    assert (3, 0, 3) == (len(faster[0].done), len(report.done), report.there)
    assert 0 == report.exit_code


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (choice("model:1"), {"a", "b"}),
        (choice("https://civitai.com/user/ANN/models"), {"a", "b"}),
        (choice("user:bob"), {"c"}),
        (choice("https://civitai.com/user/bob/images"), set()),
        (choice(kinds=frozenset({"vae"})), {"c"}),
        (choice(base_models=frozenset({"pony"})), {"c"}),
        (choice("model:1", kinds=frozenset({"vae"})), set()),
    ],
)
async def test_a_choice_restricts_what_is_placed(
    tmp_path: Path, chosen: object, expected: set[str]
) -> None:
    """Targets, types of models, base models, and all of them together."""
    world = World().creator("ann").creator("bob")
    first = [FakeVersion(n, files=[FakeFile(f"{n}.safetensors")]) for n in ("a", "b")]
    world.model(1, creator="ann", versions=first)
    other = FakeVersion("c", files=[FakeFile("c.safetensors")], base_model="Pony")
    world.model(FakeModel(2, creator="bob", kind="VAE", versions=[other]))
    archive = await archived(world, tmp_path, "user:ann", "user:bob")
    root = application(tmp_path)
    await linked(archive, root, choice=chosen)
    assert expected == {Path(name).stem for name in weights(root)}


async def test_a_version_and_a_digest_name_files(tmp_path: Path) -> None:
    """As targets, like in a download."""
    versions = [FakeVersion(n, files=[FakeFile(f"{n}.safetensors")]) for n in ("a", "b")]
    archive = await archived(World().model(1, creator="ann", versions=versions), tmp_path)
    info = json.loads(next(archive.rglob("b.civitai.info")).read_text())
    digest = info["files"][0]["hashes"]["SHA256"]
    for number, target in enumerate((f"version:{info['id']}", f"hash:{digest}")):
        root = application(tmp_path, name=f"app-{number}")
        await linked(archive, root, choice=choice(target))
        assert ["models/Lora/b.safetensors"] == weights(root)


async def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """Neither of link nor of unlink; it tells what would be done."""
    archive = await archived(library(), tmp_path)
    root = application(tmp_path)
    before, source = snapshot(root), snapshot(archive)
    foretold = await linked(archive, root, dry_run=True)
    assert (before, source) == (snapshot(root), snapshot(archive))
    done = await linked(archive, root)
    told = {one.path for one in foretold.done}
    assert (told, 0) == ({one.path for one in done.done}, foretold.elsewhere)
    placed = snapshot(root)
    taken = await unlinked(root, dry_run=True)
    assert placed == snapshot(root)
    assert told == {record.path for record in taken.removed}


async def test_a_model_that_nobody_can_read_is_told(tmp_path: Path) -> None:
    """Without model.json nobody knows its type."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    next(archive.rglob("model.json")).write_text("[")
    report = await linked(archive, application(tmp_path))
    assert [NoPlace.UNKNOWN_MODEL] == [one.why for one in report.unplaced]


async def test_a_file_that_the_service_lists_no_more_is_placed(tmp_path: Path) -> None:
    """An archived model has no files in its JSON; what is stored is judged by its name."""
    world = model_world(FakeFile("a.safetensors"))
    archive = await archived(world, tmp_path)
    path = next(archive.rglob("model.json"))
    model = json.loads(path.read_text())
    for version in model["modelVersions"]:
        version["files"] = []
    path.write_text(json.dumps(model))
    root = application(tmp_path)
    await linked(archive, root)
    assert ["models/Lora/a.safetensors"] == weights(root)


async def test_a_lost_record_claims_nothing(tmp_path: Path) -> None:
    """Without the record what lies there counts as there, and nobody removes it."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    shutil.rmtree(root / ".civitai-dl-links")
    before = snapshot(root)
    report = await linked(archive, root)
    assert ([], 1, 2) == (report.done, report.same, report.kept)
    assert before == snapshot(root)
    with pytest.raises(UsageError, match="nothing was placed here"):
        await unlinked(root)


async def test_a_record_with_bad_lines_is_told(tmp_path: Path) -> None:
    """A line that cannot be read tells of nothing: its file stays, all else is taken back."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    record = root / ".civitai-dl-links/record.jsonl"
    lines = record.read_text().splitlines()
    bad = [line for line in lines if "a.civitai.info" in line]
    kept = [line for line in lines if line not in bad]
    record.write_text("\n".join([*kept, bad[-1][:40]]))
    report = await linked(archive, root)
    assert (1, 1) == (report.unread, report.kept)
    taken = await unlinked(root)
    assert 1 == taken.unread
    assert ["models/Lora/a.civitai.info"] == names(root)


async def test_a_torn_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    """After a power cut in the middle of a line the record goes on in a new one."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root, choice=choice(sidecars=False))
    record = root / ".civitai-dl-links/record.jsonl"
    with record.open("a") as target:
        target.write('{"is":"placed","record"')
    await linked(archive, root)
    taken = await unlinked(root)
    assert ([], 1) == (names(root), taken.unread)


async def test_the_record_does_not_grow_for_ever(tmp_path: Path) -> None:
    """What later lines have changed is left out when it is most of it."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    sizes = []
    for _ in range(12):
        await linked(archive, root)
        sizes.append((root / ".civitai-dl-links/record.jsonl").stat().st_size)
        for name in names(root):
            (root / name).unlink()
    assert max(sizes) < 4 * sizes[0]
    await linked(archive, root)
    await unlinked(root)
    assert [] == names(root)


async def test_it_can_be_stopped_and_goes_on(tmp_path: Path) -> None:
    """Ctrl-C between two files: what is placed is known; the same command does the rest."""
    archive = await archived(library(), tmp_path)
    asked = 0

    async def stopped_after(most: int, where: Path) -> bool:
        nonlocal asked
        asked = 0

        def stop() -> bool:
            nonlocal asked
            asked += 1
            return asked > most

        order = LinkOrder(where, Layout.A1111, mode=Way.COPY)
        report = await link(archive, order, progress=Progress(), stop=stop)
        assert report.exit_code == (130 if report.interrupted else 0)
        return report.interrupted

    assert not await stopped_after(10**6, application(tmp_path, name="other"))
    in_all = asked
    for share in (0.1, 0.4, 0.6, 0.8, 0.95):
        root = application(tmp_path, name=f"app-{share}")
        before = snapshot(root, times=False)
        assert await stopped_after(int(in_all * share), root)
        half = snapshot(root, times=False)
        await linked(archive, root)
        assert PLACES[Layout.A1111] == set(weights(root))
        assert [name for name in half if half[name] != snapshot(root, times=False)[name]] == [
            name for name in half if name == ".civitai-dl-links/record.jsonl"
        ]
        taken = await unlink(root, dry_run=False, progress=Progress(), stop=lambda: True)
        assert (True, 130) == (taken.interrupted, taken.exit_code)
        await unlinked(root)
        assert before == snapshot(root, times=False)


class Killed(BaseException):
    """The end of a process, as far as the disk can tell."""


class Dying(System):
    """A system on which a program dies at its n-th call, before or after it; none is done later."""

    def __init__(self, call: int, *, after: bool) -> None:
        self.left, self.after = call, after

    def __getattribute__(self, name: str) -> object:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found

        def work(*words: object) -> object:
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not self.after):
                raise Killed
            result = found(*words)
            if self.left == 0:
                raise Killed
            return result

        return work


@pytest.mark.parametrize("mode", [None, Way.COPY, Way.SYMLINK])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_kill_at_any_call_leaves_nothing_unknown(
    tmp_path: Path, mode: Way | None, *, after: bool
) -> None:
    """After each call to the disk: the same command goes on, and unlink, killed too, restores."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    before, source = snapshot(root, times=False), snapshot(archive)
    order = LinkOrder(root, Layout.A1111, mode=mode)
    away = {"progress": Progress(), "stop": lambda: False}
    calls = 0
    for calls in range(1, 500):
        try:
            await link(archive, order, **away, system=Dying(calls, after=after))
        except Killed:
            pass
        else:
            break
        if calls % 2:
            await linked(archive, root, mode=mode)
            assert 3 == len(names(root))
        with suppress(Killed, UsageError):
            await unlink(root, dry_run=False, **away, system=Dying(1 + calls % 9, after=after))
        try:
            assert [] == (await unlinked(root)).kept
        except UsageError:
            # Nothing was begun, or the one that was killed had done its work.
            assert not (root / ".civitai-dl-links").exists()
        assert before == snapshot(root, times=False)
        assert source == snapshot(archive)
    assert 20 < calls < 100


async def test_only_one_works_in_a_folder(tmp_path: Path) -> None:
    """A second command is refused while the first is at work; one with nothing to do is not."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    await linked(archive, root)
    with LinkRecord(root).lock():
        assert [] == (await linked(archive, root)).done
        (root / "models/Lora/a.safetensors").unlink()
        with pytest.raises(Busy):
            await linked(archive, root)
        with pytest.raises(Busy):
            await unlinked(root)


async def test_two_archives_may_share_an_application(tmp_path: Path) -> None:
    """What both have counts as there; neither prunes the other's; unlink takes back both."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    world = model_world(FakeFile("a.safetensors"))
    one = await archived(world, tmp_path / "one")
    world.model(2, creator="ann", versions=[FakeVersion(files=[FakeFile("a.safetensors")])])
    two = await archived(world, tmp_path / "two")
    root = application(tmp_path)
    await linked(one, root)
    report = await linked(two, root, prune=True)
    assert (3, 0, 2) == (report.there, report.stale, len(weights(root)))
    placed = snapshot(root)
    assert [] == (await linked(one, root, prune=True)).done
    assert placed == snapshot(root)
    await unlinked(root)
    assert [] == names(root)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder, archive: archive, "must lie apart"),
        (lambda folder, archive: archive / "model_0", "must lie apart"),
        (lambda folder, archive: folder, "must lie apart"),
        (lambda folder, archive: folder / "missing", "this is no directory"),
        (lambda folder, archive: application(folder) / "models", "does not look like"),
    ],
)
async def test_a_wrong_folder_is_refused(tmp_path: Path, make: object, words: str) -> None:
    """The archive itself, within it, around it, nothing at all, or no application."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = make(tmp_path, archive)
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=words):
        await linked(archive, root)
    assert before == {**snapshot(tmp_path), **before}


async def test_a_folder_that_looks_odd_can_be_insisted_on(tmp_path: Path) -> None:
    """--force; the models' own folder is told to be that."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = tmp_path / "app"
    (root / "Lora").mkdir(parents=True)
    with pytest.raises(UsageError) as refused:
        await linked(archive, root)
    assert str(tmp_path) in refused.value.hint
    await linked(archive, root, force=True)
    assert ["models/Lora/a.safetensors"] == weights(root)


async def test_a_path_that_cannot_be_noted_is_refused(tmp_path: Path) -> None:
    """Bytes that are no text in any way cannot be written into the record."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    before = snapshot(root)
    with pytest.raises(UsageError, match="no UTF-8"):
        await linked(archive, root, folders={"LORA": "models/\udcff"})
    assert before == snapshot(root)


async def test_an_application_is_only_one(tmp_path: Path) -> None:
    """Another --layout for the same folder is refused until everything is taken back."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path)
    with pytest.raises(UsageError, match="--layout is missing"):
        await linked(archive, root, None)
    await linked(archive, root)
    with pytest.raises(UsageError, match="placed here for a1111"):
        await linked(archive, root, Layout.COMFYUI)
    await unlinked(root)
    await linked(archive, root, Layout.COMFYUI)
    assert ["models/loras/a.safetensors"] == weights(root)


async def test_there_must_be_an_archive_to_place_from(tmp_path: Path) -> None:
    """A directory without one is a mistake."""
    with pytest.raises(UsageError, match="there is no archive here"):
        await linked(tmp_path, application(tmp_path))


async def test_overrides_of_comfyui_are_mentioned(tmp_path: Path) -> None:
    """extra_model_paths.yaml is not read, and that is told."""
    archive = await archived(model_world(FakeFile("a.safetensors")), tmp_path)
    root = application(tmp_path, Layout.COMFYUI)
    assert not (await linked(archive, root, Layout.COMFYUI)).overrides
    (root / "extra_model_paths.yaml").write_text("")
    assert (await linked(archive, root, Layout.COMFYUI)).overrides


def test_the_layouts_have_their_tops() -> None:
    """Each application of the tests has the folder it is known by."""
    assert set(Layout) == set(TOPS)
    assert replace(LinkOrder(Path()), force=True).force
