"""Sixty models, three users, 1,500 images, and every way in which the service is known to hurt."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from archives import assert_exact_media, run, stored_files, tree, wanted_of

from civitai_dl.domain.entities import RunReport
from civitai_dl.testing import (
    GOOD_KEY,
    FakeCivitai,
    FakeOptions,
    World,
    trait_lists,
    trait_world,
)
from civitai_dl.testing._service import Seen

pytestmark = pytest.mark.xdist_group("trait world")

# A cap far below what a creator has, so that the listing is cut off as real ones are at 50,000.
CAP = 400

REASONS = {
    "early access": "early_access",
    "no permission": "no_permission",
    "downloads disabled": "downloads_disabled",
    "archived": "archived",
    "wrong SHA256 listed": "corrupt",
}


@dataclass(frozen=True)
class Archived:
    world: World
    output: Path
    first: RunReport
    seen: list[Seen]
    leaks: list[Seen]
    resolves: Counter[int]
    again: RunReport
    seen_again: list[Seen]
    tree: dict[str, str]
    tree_again: dict[str, str]


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Archived:
    folder = tmp_path_factory.mktemp("traits")
    output = folder / "archive"
    world = trait_world()

    async def both() -> Archived:
        async with FakeCivitai(world, options=FakeOptions(search_cap=CAP)) as fake:
            things = wanted_of(*trait_lists(world), folder)
            first = await run(fake, output, things)
            seen = list(fake.account.of())
            leaks, resolves = fake.account.leaks(GOOD_KEY), fake.account.resolves()
            before = tree(output)
            fake.account.clear()
            again = await run(fake, output, things)
            seen_again = list(fake.account.of())
            return Archived(
                world=world,
                output=output,
                first=first,
                seen=seen,
                leaks=leaks,
                resolves=resolves,
                again=again,
                seen_again=seen_again,
                tree=before,
                tree_again=tree(output),
            )

    return anyio.run(both)


def test_every_file_that_can_be_had_is_there(archived: Archived) -> None:
    """Every obtainable file of every version lies under its own path with its exact bytes."""
    lines = stored_files(archived.output)
    paths = set()
    for file in archived.world.truth.files(key=GOOD_KEY):
        if file.obtainable:
            path = str(lines[file.version_id, file.file_id]["path"])
            assert file.sha256.upper() == archived.tree[path], file
            paths.add(path.lower())
    obtainable = [file for file in archived.world.truth.files(key=GOOD_KEY) if file.obtainable]
    assert len(obtainable) == len(paths), "two files share a path on a caseless disk"


def test_what_cannot_be_had_is_told_with_its_reason(archived: Archived) -> None:
    """Early access, archived, disabled, forbidden and wrongly listed files are told apart."""
    told = {
        trace.key: trace.why for trace in (*archived.first.unavailable, *archived.first.failures)
    }
    for file in archived.world.truth.files(key=GOOD_KEY):
        if file.obtainable:
            continue
        key = f"file:{file.version_id}:{file.file_id}"
        if file.reason == "archived":
            key = f"files:{file.version_id}"
        assert REASONS[file.reason] == told.get(key), file


def test_galleries_are_exact(archived: Archived) -> None:
    """The gallery of every model holds exactly its images, with true bytes and true extensions."""
    for model in archived.world.truth.models():
        folder = f"model_{model.id // 1000}/{model.id}/gallery"
        assert_exact_media(archived.output, folder, archived.world.truth.gallery(model.id))


def test_images_of_creators_are_exact(archived: Archived) -> None:
    """Every image of every creator is there although the search is cut off after 400 hits."""
    for creator in archived.world.creators:
        expected = archived.world.truth.user_images(creator.username)
        assert len(expected) > CAP
        assert_exact_media(archived.output, f"users/{creator.username}/images", expected)


def test_previews_are_exact(archived: Archived) -> None:
    """Every version has the preview images that its model's page shows."""
    truth = archived.world.truth
    for version_id, images in truth.previews().items():
        folders = list(archived.output.glob(f"model_*/*/{version_id}-*/previews"))
        obtainable = [image for image in images if image.obtainable]
        if not obtainable:
            continue
        assert len(folders) == 1, version_id
        found = {digest for path, digest in archived.tree.items() if f"/{version_id}-" in path}
        assert {image.sha256.upper() for image in obtainable} <= found, version_id


def test_prompts_are_kept(archived: Archived) -> None:
    """The JSON beside a gallery image holds its prompt as the service gave it."""
    with_meta = [
        image for image in archived.world.posts if image.meta and image.username == "ann_traits"
    ]
    image = next(image for image in with_meta if "prompt" in image.meta and image.level == 1)
    folder = archived.output / "users/ann_traits/images" / str(image.id // 1000)
    document = json.loads((folder / f"{image.id}.json").read_text("utf-8"))
    assert image.meta["prompt"] == document["meta"]["prompt"]


def test_models_are_listed_by_neither_list_alone(archived: Archived) -> None:
    """Models hidden by nsfw=true, by its absence, or by being archived are all in the archive."""
    for creator in archived.world.creators:
        for model_id in archived.world.truth.user_models(creator.username):
            folder = archived.output / f"model_{model_id // 1000}" / str(model_id)
            raw = json.loads((folder / "model.json").read_text("utf-8"))
            assert model_id == raw["id"]
            assert (folder / "description.html").is_file()


def test_a_count_that_differs_is_told(archived: Archived) -> None:
    """A creator for whom the service counts more models than it lists is reported."""
    assert any("the service counts" in notice for notice in archived.first.notices)


def test_no_request_uses_page(archived: Archived) -> None:
    """Listings are walked by cursor only; `page` repeats itself on the real service."""
    api = [seen for seen in archived.seen if seen.origin == "api"]
    assert api
    assert [seen for seen in api if seen.param("page") is not None] == []


def test_the_key_goes_to_the_api_only(archived: Archived) -> None:
    """Storage and CDN see no Authorization header, no cookie and no key in any place."""
    assert {"api", "storage", "cdn"} == {seen.origin for seen in archived.seen}
    assert archived.leaks == []


def test_the_program_names_itself(archived: Archived) -> None:
    """Every request carries the specified User-Agent and no browser's name."""
    agents = {seen.headers.get("user-agent", "") for seen in archived.seen}
    assert len(agents) == 1
    agent = agents.pop()
    assert agent.startswith("Civitai-DL/")
    assert "(+https://" in agent


def test_each_file_is_resolved_once(archived: Archived) -> None:
    """A link is asked for once per file; only the wrongly listed one is fetched three times."""
    wrong = {
        file.file_id
        for file in archived.world.truth.files(key=GOOD_KEY)
        if file.reason == "wrong SHA256 listed"
    }
    assert dict.fromkeys(wrong, 3) == {
        file_id: count for file_id, count in archived.resolves.items() if count != 1
    }


def test_one_image_is_transferred_once(archived: Archived) -> None:
    """An image in galleries, previews and a creator's list crosses the wire once."""
    served = Counter(
        seen.path.split("/")[2]
        for seen in archived.seen
        if seen.origin == "cdn" and seen.status == 200 and seen.path.count("/") >= 3
    )
    healthy = {image.uuid for image in archived.world.index.images.values() if not image.html}
    stills = {image.uuid for image in archived.world.index.images.values() if image.still_first}
    twice = {uuid: n for uuid, n in served.items() if n > 1 and uuid in healthy - stills}
    assert twice == {}


def test_wrong_bytes_are_set_aside_with_evidence(archived: Archived) -> None:
    """A file that fails its digest three times lies in corrupted/ beside its evidence."""
    folder = archived.output / "corrupted"
    evidence = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.evidence.json")]
    assert len(evidence) >= 1
    assert all(len(found["measured_sha256"]) == 3 for found in evidence)


def test_nothing_leaves_the_archive(archived: Archived) -> None:
    """No hostile name, `..`, device or slash from the service makes a path outside of it."""
    outside = [path for path in archived.output.parent.iterdir() if path != archived.output]
    assert {"users.txt", "models.txt"} == {path.name for path in outside}


def test_the_second_run_transfers_nothing(archived: Archived) -> None:
    """The same command again: no byte from storage, nothing new stored, and few API requests."""
    assert archived.again.stored == 0
    assert [seen for seen in archived.seen_again if seen.origin == "storage"] == []
    cdn = [seen for seen in archived.seen_again if seen.origin == "cdn"]
    html = {image.uuid for image in archived.world.index.images.values() if image.html}
    assert all(any(uuid in seen.path for uuid in html) for seen in cdn)
    api = [seen for seen in archived.seen if seen.origin == "api"]
    again = [seen for seen in archived.seen_again if seen.origin == "api"]
    assert len(again) < len(api) / 2


def test_the_second_run_changes_nothing(archived: Archived) -> None:
    """Running again leaves every file of the archive as it was."""
    kept = {path: digest for path, digest in archived.tree.items() if "/" in path}
    lists = {path for path in kept if path.startswith("lists/")}
    assert {path: digest for path, digest in kept.items() if path not in lists} == {
        path: archived.tree_again.get(path) for path in kept if path not in lists
    }
