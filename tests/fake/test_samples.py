"""Real answers are served as they were captured, and can be archived."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from civitai_dl.testing import sample_lists, world_from_samples

SAMPLES = Path(
    os.environ.get("CIVITAI_DL_SAMPLES") or Path(__file__).parents[2].parent / "shared" / "samples"
)
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
OURS = {"url", "downloadUrl", "sizeKB", "image", "size", "nextPage"}
"""Keys whose values are the fake's own: addresses, sizes; digests keep their lengths."""


def load(name):
    return json.loads((SAMPLES / name).read_text("utf-8"))


def leaves(data, key=""):
    """Every value that is no object or list, with its key."""
    if isinstance(data, dict):
        return [leaf for name, value in data.items() for leaf in leaves(value, name)]
    if isinstance(data, list):
        return [leaf for value in data for leaf in leaves(value, key)]
    return [(key, data)]


def differences(real, served, path="$"):
    """Where two JSON values differ, apart from what must be the fake's own."""
    key = path.rpartition(".")[2]
    if key in OURS:
        return [] if type(real) is type(served) else [path]
    if key == "hashes":
        same = [(name, len(value)) for name, value in real.items()]
        return [] if same == [(name, len(value)) for name, value in served.items()] else [path]
    if isinstance(real, dict) and isinstance(served, dict):
        if list(real) != list(served):
            return [f"{path}: {real.keys() ^ served.keys()}"]
        return [d for name in real for d in differences(real[name], served[name], f"{path}.{name}")]
    if isinstance(real, list) and isinstance(served, list) and len(real) == len(served):
        pairs = enumerate(zip(real, served, strict=True))
        return [d for n, (a, b) in pairs for d in differences(a, b, f"{path}[{n}]")]
    if isinstance(real, str) and "<" in real and isinstance(served, str):
        return []  # a description, whose CDN addresses are moved
    return [] if real == served else [path]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("model_by_id_2026-08.json", "models/2833924"),
        ("model_by_id_2025_multi_version_same_filename.json", "models/11821"),
        ("model_by_id_multi_version_2023.json", "models/215485"),
        ("model_version_by_id_2023.json", "model-versions/242807"),
        ("model_version_by_id_2025.json", "model-versions/1805971"),
    ],
)
async def test_answers_by_id_keep_their_shape(serve, name, path):
    """By id: every key in its place, unknown ones too, and every fact but sizes and addresses."""
    ask = await serve(world_from_samples(SAMPLES))
    status, served = await ask.get(path)
    assert status == 200
    assert differences(load(name), served) == []


async def test_the_answer_by_hash_keeps_its_shape(serve):
    """By hash, asked with the digest of the small body."""
    ask = await serve(world_from_samples(SAMPLES))
    (file,) = [f for f in ask.fake.world.truth.files() if f.version_id == 1050496]
    _, served = await ask.get(f"model-versions/by-hash/{file.sha256}")
    assert differences(load("model_version_by_hash_2024.json"), served) == []


@pytest.mark.parametrize(
    "name",
    [
        "models_list_item_2026-08.json",
        "models_list_page.json",
        "models_list_page_2025_user_filter.json",
    ],
)
async def test_list_items_keep_their_shape(serve, name):
    """Each item of a captured list page comes back from the list."""
    ask = await serve(world_from_samples(SAMPLES))
    for real in load(name)["items"]:
        _, page = await ask.get("models", ids=real["id"], nsfw="true")
        assert differences(real, page["items"][0]) == []


@pytest.mark.parametrize("name", ["images_page_2024_cursor.json", "image_item_2025-09.json"])
async def test_image_items_keep_their_shape(serve, name):
    """Each captured item of /images comes back from its user's feed."""
    ask = await serve(world_from_samples(SAMPLES))
    sample = load(name)
    for real in sample.get("items", [sample]):
        _, page = await ask.get("images", username=real["username"], withMeta="true")
        assert differences(real, page["items"][0]) == []


async def test_versions_of_a_list_keep_their_files(serve):
    """Every file of the versions with several files is known by id, names repeated and all."""
    ask = await serve(world_from_samples(SAMPLES))
    for real in load("model_version_multifile_from_list.json"):
        _, served = await ask.get(f"model-versions/{real['id']}")
        names = [(file["id"], file["name"], file["type"]) for file in real["files"]]
        assert [(f["id"], f["name"], f["type"]) for f in served["files"]] == names


async def test_everything_in_the_samples_can_be_had(serve):
    """Files and images of all captured models come byte for byte, by id and by listed URL."""
    ask = await serve(world_from_samples(SAMPLES))
    truth = ask.fake.world.truth
    true = {file.file_id: file for file in truth.files()}
    assert len(truth.models()) >= 10
    for model in truth.models():
        _, answer = await ask.get(f"models/{model.id}")
        for version in answer["modelVersions"]:
            for file in version["files"]:
                body = await ask.file(version["id"], file)
                assert hashlib.sha256(body).hexdigest().upper() == true[file["id"]].sha256
                assert file["hashes"]["SHA256"] == true[file["id"]].sha256
                assert round(file["sizeKB"] * 1024) == len(body)
                async with ask.session.get(file["downloadUrl"], headers=ask.headers) as listed:
                    assert await listed.read() == body
            for image, expected in zip(
                version["images"], truth.previews(model.id)[version["id"]], strict=True
            ):
                body = await ask.image(image["url"], image["type"])
                assert hashlib.sha256(body).hexdigest().upper() == expected.sha256


async def test_no_address_leads_outside(serve):
    """No captured answer still has an address of the real API or CDN that would be fetched."""
    ask = await serve(world_from_samples(SAMPLES))
    for model in ask.fake.world.models:
        for path in (f"models/{model.id}", f"models?ids={model.id}&nsfw=true"):
            _, answer = await ask.get(path)
            assert "https://image.civitai.com" not in json.dumps(answer)
            addresses = [value for key, value in leaves(answer) if key.endswith(("url", "Url"))]
            assert addresses
            assert all(address.startswith("http://127.0.0.1:") for address in addresses)


def test_lists_name_everything_in_many_forms():
    """users.txt and models.txt hold every user and model in the forms that people paste."""
    world = world_from_samples(SAMPLES)
    users, models = sample_lists(world)
    assert users.count("https://civitai.com/user/") == len(world.creators)
    lines = [line for line in models.splitlines() if not line.startswith("#")]
    assert len(lines) == len(world.models)
    for form in (
        "?modelVersionId=",
        "civitai.red",
        "/model-versions/",
        "/api/download/",
        "urn:air:",
    ):
        assert any(form in line for line in lines)


def test_no_samples_make_an_empty_world(tmp_path):
    """A folder without captures is an empty world, not an error."""
    assert world_from_samples(tmp_path).models == ()
