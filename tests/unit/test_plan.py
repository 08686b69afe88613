"""From what a page told to the tasks that fetch it, and where their things lie."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    MODEL_BATCH,
    gallery_stem,
    gallery_task,
    listed_image_task,
    model_folder,
    model_task,
    name_key,
    picture_key,
    plan_model,
    stretch_task,
    user_folder,
    version_gallery_task,
)
from civitai_dl.domain.entities import (
    Digests,
    DressRef,
    File,
    FileRef,
    GalleryQuery,
    GalleryRef,
    Image,
    ImageRef,
    Kind,
    Lane,
    Media,
    Model,
    ModelRef,
    Placed,
    Reason,
    Role,
    Selection,
    Slice,
    Unavailable,
    Version,
)

UUID = "0a1b2c3d-1111-2222-3333-444455556666"
CDN = f"https://image.civitai.com/key/{UUID}"
SHA = "ab" * 32
NOWHERE = Placed({}, {})
ALL = Selection()


def version(number=20, name="v1", **facts):
    return Version(id=number, model_id=5, name=name, **facts)


def file(number, name="a.safetensors", **facts):
    return File(id=number, version_id=20, name=name, **facts)


def model(*versions, **facts):
    return Model(id=5, name="Dream", versions=versions, **facts)


def plan(thing, *, ref=None, selection=ALL, placed=NOWHERE, pictures=(), **facts):
    return plan_model(thing, ref or ModelRef(5), selection, placed, pictures, **facts)


def keys(planned):
    return [found.task.key for found in planned]


def destinations(planned):
    """The places of the files of a plan, by version and file id."""
    subjects = (found.task.subject for found in planned)
    return {
        (ref.version_id, ref.file_id): ref.destination
        for ref in subjects
        if isinstance(ref, FileRef)
    }


def placed_of(planned):
    """What the catalog tells of a plan that was carried out."""
    folders, files = {}, {}
    for (version_id, file_id), path in destinations(planned).items():
        folders[version_id] = path.split("/")[2]
        files[file_id] = path
    return Placed(folders, files)


# --- pages


def test_models_travel_together_and_before_creators():
    """A hundred models are asked for by one request."""
    task = model_task(5)
    assert ("model:5", MODEL_BATCH, 10) == (task.key, task.batch, task.priority)
    assert (Kind.MODEL, Lane.MODEL_PAGES, Role.PAGE) == (task.kind, task.lane, task.role)
    assert ModelRef(5) == task.subject
    assert (task.model_id, task.label) == (5, "model 5")


def test_a_model_that_lists_hide_travels_alone():
    """A model that list answers do not show is asked for by itself."""
    task = model_task(5, single=True)
    assert (ModelRef(5, single=True), None) == (task.subject, task.batch)


def test_one_version_of_a_model_is_another_task_than_the_model():
    """A link with ?modelVersionId= and the model's own link are two wishes."""
    task = model_task(5, 20)
    assert (task.key, task.label) == ("model:5/version:20", "model 5, version 20")
    assert ModelRef(5, 20) == task.subject


@pytest.mark.parametrize(
    ("query", "key", "folder", "role", "limit"),
    [
        (
            GalleryQuery(model_id=5),
            "gallery:model:5",
            "model_0/5/gallery",
            Role.GALLERY,
            30,
        ),
        (
            GalleryQuery(username="Ann"),
            "gallery:user:ann",
            "users/Ann/images",
            Role.USER_IMAGE,
            None,
        ),
        (GalleryQuery(post_id=9), "gallery:post:9", None, Role.USER_IMAGE, None),
        (GalleryQuery(image_id=8), "gallery:image:8", None, Role.USER_IMAGE, None),
        (GalleryQuery(version_id=20), "gallery:version:20", None, Role.GALLERY, 30),
    ],
)
def test_a_gallery_limit_is_about_galleries_only(query, key, folder, role, limit):
    """--gallery-limit cuts the galleries of models, and neither creators nor posts."""
    task = gallery_task(query, Selection(gallery_limit=30, levels=5))
    assert (key, role, Lane.IMAGE_PAGES) == (task.key, task.role, task.lane)
    ref = task.subject
    assert isinstance(ref, GalleryRef)
    # What is asked for by its number is listed whole, and chosen from afterwards.
    named = query.post_id is not None or query.image_id is not None
    assert (folder, limit) == (ref.folder, ref.limit)
    assert Slice(levels=31 if named else 5) == ref.part
    assert task.model_id == query.model_id


def test_the_gallery_of_a_version_lies_with_its_model():
    """Images of one version are kept where those of the whole model would be."""
    task = version_gallery_task(5, 20, Selection(gallery_limit=30, levels=1))
    expected = GalleryRef(
        GalleryQuery(version_id=20), "model_0/5/gallery", part=Slice(levels=1), limit=30
    )
    assert expected == task.subject
    assert ("gallery:version:20", Role.GALLERY) == (task.key, task.role)


def test_a_slice_is_a_task_of_its_own():
    """A listing that is split keeps one task for each rating and medium."""
    ref = GalleryRef(GalleryQuery(username="ann"), "f", part=Slice(4, Media.VIDEO))
    task = stretch_task(ref, Role.USER_IMAGE, whole=False)
    assert (task.key, task.label) == ("gallery:user:ann/4-video", "images of user ann/4-video")
    assert stretch_task(ref, Role.USER_IMAGE).key == "gallery:user:ann"


# --- a model


def test_a_model_consists_of_files_previews_pictures_gallery_and_two_things_to_write():
    """Everything of a model is planned, in the order in which a person would want it."""
    whole = model(
        version(files=(file(1), file(2, "b.zip")), previews=(Image(f"{CDN}/width=450/77.jpeg"),))
    )
    assert keys(plan(whole, pictures=["https://x.org/a.png"])) == [
        "file:20:1",
        "file:20:2",
        f"image:{UUID}@model_0/5/20-v1/previews/77",
        "image:https://x.org/a.png@model_0/5/description_files/a-png-d50b0f6719",
        "gallery:model:5",
        "page:5",
        "sidecars:5",
    ]


def test_of_the_files_only_those_with_these_digests_are_planned():
    """Whoever takes in what is there already wants no other file; all else of the model is."""
    files = (file(1, digests=Digests(SHA)), file(2, digests=Digests("cd" * 32)), file(3))
    model = Model(id=5, name="Dream", versions=(version(files=files),))
    ref, chosen = ModelRef(5), Selection(gallery=False)
    planned = plan_model(model, ref, chosen, NOWHERE, [], only={SHA})
    assert ["file:20:1", "page:5", "sidecars:5"] == [one.task.key for one in planned]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(images=False), ["file:20:1", "page:5", "sidecars:5"]),
        (
            Selection(files=False),
            [
                f"image:{UUID}@model_0/5/20-v1/previews/77",
                "gallery:model:5",
                "page:5",
                "sidecars:5",
            ],
        ),
        (
            Selection(gallery=False),
            ["file:20:1", f"image:{UUID}@model_0/5/20-v1/previews/77", "page:5", "sidecars:5"],
        ),
    ],
)
def test_only_what_is_selected_is_planned(selection, expected):
    """--only models plans no image, --only images no file, --no-gallery no gallery."""
    whole = model(version(files=(file(1),), previews=(Image(f"{CDN}/77.jpeg"),)))
    assert expected == keys(plan(whole, selection=selection))


def test_a_model_named_in_a_list_has_its_gallery_already():
    """The gallery of a model is not planned twice."""
    assert keys(plan(model(version()), gallery=False)) == ["page:5", "sidecars:5"]


def test_one_version_is_planned_without_the_others_and_without_the_models_gallery():
    """A link to a version brings that version's files and previews only."""
    whole = model(version(20, files=(file(1),)), version(21, files=(file(2),)))
    assert keys(plan(whole, ref=ModelRef(5, 21))) == ["file:21:2", "page:5", "sidecars:5"]


def test_a_page_is_written_after_the_images_it_shows_and_sidecars_after_all_else():
    """What is written of a model waits for what it speaks of."""
    planned = plan(
        model(version(files=(file(1),), previews=(Image(f"{CDN}/77.jpeg"),))),
        pictures=["https://x.org/a.png"],
    )
    tasks = [found.task for found in planned]
    assert [(task.group, task.waits_for) for task in tasks] == [
        ("dress:5/files", None),
        ("dress:5/images", None),
        ("dress:5/images", None),
        (None, None),
        ("dress:5/page", "dress:5/images"),
        (None, "dress:5"),
    ]
    assert [DressRef(5), DressRef(5, sidecars=True)] == [task.subject for task in tasks[-2:]]


# --- files


def test_a_file_task_carries_all_that_its_transfer_needs():
    """A file is planned with its place, digests, size and the service's own link."""
    listed = "https://civitai.com/api/download/models/20?type=VAE"
    digests = Digests(sha256=SHA)
    one = file(1, digests=digests, size_hint=1000, listed_url=listed)
    task = plan(model(version(name="A/B", files=(one,))))[0].task
    assert (
        FileRef(
            5,
            20,
            1,
            "a.safetensors",
            "model_0/5/20-A_B/a.safetensors",
            digests,
            1000,
            "/api/download/models/20?type=VAE",
        )
        == task.subject
    )
    assert (f"sha256:{SHA}", Lane.FILES, Role.FILE) == (task.source, task.lane, task.role)
    assert task.label == "a.safetensors (model 5, version 20, file 1)"


def test_files_without_a_sha256_are_sources_of_their_own():
    """Two files without digests are never taken for one."""
    planned = plan(model(version(files=(file(1), file(2)))))
    assert [found.task.source for found in planned[:2]] == ["file:1", "file:2"]


def test_a_listed_link_that_says_nothing_new_is_left_out():
    """A link that already asks by the file's id is no second way to it."""
    listed = "https://civitai.com/api/download/models/20?fileId=1"
    ref = plan(model(version(files=(file(1, listed_url=listed),))))[0].task.subject
    assert isinstance(ref, FileRef)
    assert ref.listed_path is None


@pytest.mark.parametrize(("mode", "withdrawn"), [(None, False), ("TakenDown", True)])
def test_files_of_a_model_that_was_taken_down_are_tried_and_may_be_missing(mode, withdrawn):
    """A 404 on a file is no surprise when the service has taken the model down."""
    found = plan(model(version(files=(file(1),)), mode=mode))[0]
    assert isinstance(found.task.subject, FileRef)
    assert (withdrawn, None) == (found.task.subject.withdrawn, found.verdict)


def test_an_archived_model_is_told_to_have_no_files():
    """Each version of an archived model is reported as unavailable, with the reason."""
    planned = plan(model(version(20), version(21, "v2"), mode="Archived"))
    assert keys(planned)[:2] == ["files:20", "files:21"]
    for found in planned[:2]:
        assert isinstance(found.verdict, Unavailable)
        assert found.verdict.reason is Reason.ARCHIVED
    assert planned[1].task.label == "files of Dream (model 5, version 21)"
    assert destinations(planned) == {(20, 0): "model_0/5/20-v1", (21, 0): "model_0/5/21-v2"}


def test_an_archived_model_that_lists_files_after_all_is_tried():
    """Files that are listed are asked for, whatever the model's mode says."""
    planned = plan(model(version(files=(file(1),)), mode="Archived"))
    assert keys(planned)[0] == "file:20:1"
    assert planned[0].verdict is None


# --- where files lie


def test_files_of_one_name_are_all_kept():
    """Full and pruned files of one name lie side by side, the lowest id under the plain name."""
    files = (file(3), file(2, "A.SAFETENSORS"), file(1))
    assert destinations(plan(model(version(files=files)))) == {
        (20, 1): "model_0/5/20-v1/a.safetensors",
        (20, 2): "model_0/5/20-v1/A-2.SAFETENSORS",
        (20, 3): "model_0/5/20-v1/a-3.safetensors",
    }


def test_a_file_cannot_take_the_name_of_the_folder_of_previews():
    """A file called Previews gets another name, because the layout uses that one."""
    found = destinations(plan(model(version(files=(file(9, "Previews"),)))))
    assert found == {(20, 9): "model_0/5/20-v1/Previews-9"}


def test_versions_of_one_name_have_folders_of_their_own():
    """Two versions called v1, each with a file of one name, do not meet."""
    whole = model(version(20, files=(file(1),)), version(21, files=(file(2),)))
    assert sorted(destinations(plan(whole)).values()) == [
        "model_0/5/20-v1/a.safetensors",
        "model_0/5/21-v1/a.safetensors",
    ]


def test_a_renamed_version_stays_in_its_folder():
    """A version that the creator renamed keeps its folder, and new files join the old ones."""
    before = plan(model(version(files=(file(1),))))
    renamed = model(version(name="final", files=(file(1, "renamed.safetensors"), file(2))))
    assert destinations(plan(renamed, placed=placed_of(before))) == {
        (20, 1): "model_0/5/20-v1/a.safetensors",
        (20, 2): "model_0/5/20-v1/a-2.safetensors",
    }


def test_a_file_that_appears_with_a_lower_id_takes_nobodys_name():
    """A file that became public later does not push another one out of its place."""
    before = plan(model(version(files=(file(7),))))
    assert destinations(
        plan(model(version(files=(file(3), file(7)))), placed=placed_of(before))
    ) == {
        (20, 7): "model_0/5/20-v1/a.safetensors",
        (20, 3): "model_0/5/20-v1/a-3.safetensors",
    }


def test_a_file_linked_to_two_versions_has_a_place_in_each():
    """A VAE that two versions share, under one file id, lies with both of them, run after run."""
    vae = file(99, "vae.safetensors")
    whole = model(version(20, files=(file(1), vae)), version(21, files=(file(2), vae)))
    first = plan(whole)
    expected = {
        (20, 1): "model_0/5/20-v1/a.safetensors",
        (20, 99): "model_0/5/20-v1/vae.safetensors",
        (21, 2): "model_0/5/21-v1/a.safetensors",
        (21, 99): "model_0/5/21-v1/vae.safetensors",
    }
    assert expected == destinations(first)
    assert expected == destinations(plan(whole, placed=placed_of(first)))


names = st.text(max_size=30) | st.sampled_from(
    ["..", ".", "", "a", "A", "a.", "CON", "../../etc/passwd", "a/b", "a\\b", "previews", "é", "é"]
)


@given(
    versions=st.lists(st.tuples(names, st.lists(names, max_size=5)), min_size=1, max_size=3),
    data=st.data(),
)
def test_places_are_unique_safe_and_the_same_from_run_to_run(versions, data):
    """Whatever a creator writes, no two files meet, none leaves its model, and none ever moves."""

    def built(rename):
        return model(
            *(
                version(
                    100 + at,
                    data.draw(names) if rename else name,
                    files=tuple(
                        file(10 * at + number, data.draw(names) if rename else wish)
                        for number, wish in enumerate(files, 1)
                    ),
                )
                for at, (name, files) in enumerate(versions)
            )
        )

    first = plan(built(rename=False))
    places = destinations(first)
    keys_of = ["/".join(name_key(part) for part in path.split("/")) for path in places.values()]
    assert len(set(keys_of)) == len(places)
    for path in places.values():
        parts = PurePosixPath(path).parts
        assert parts[:2] == ("model_0", "5")
        assert len(parts) == 4
        assert not {"..", "."} & set(parts)
        assert "\\" not in path
    again = destinations(plan(built(rename=True), placed=placed_of(first)))
    assert places == again


# --- images


def test_previews_of_one_original_are_one_task():
    """Two sizes of one preview are fetched once."""
    previews = (Image(f"{CDN}/width=450/77.jpeg"), Image(f"{CDN}/width=96/77.jpeg"))
    planned = plan(model(version(previews=previews)))
    assert len([found for found in planned if found.task.role is Role.PREVIEW]) == 1


def test_a_preview_of_two_versions_lies_with_both_and_is_one_source():
    """A picture that two versions show is fetched once and linked into the other's folder."""
    preview = (Image(f"{CDN}/77.jpeg"),)
    planned = plan(model(version(20, previews=preview), version(21, previews=preview)))
    first, second = (found.task for found in planned if found.task.role is Role.PREVIEW)
    assert first.source == second.source == f"uuid:{UUID}"
    assert ImageRef(f"{CDN}/77.jpeg", "model_0/5/20-v1/previews/77") == first.subject
    assert ImageRef(f"{CDN}/77.jpeg", "model_0/5/21-v1/previews/77") == second.subject
    assert first.label == "preview 77 (model 5, version 20)"


@pytest.mark.parametrize(
    ("url", "media"),
    [
        (f"{CDN}/a.MP4?x=1", Media.VIDEO),
        ("https://x.org/a.webm", Media.VIDEO),
        ("https://x.org/a.mov", Media.VIDEO),
        ("https://x.org/a.gif", Media.IMAGE),
        ("https://x.org/mp4", Media.IMAGE),
    ],
)
def test_pictures_of_a_description_are_planned_by_their_extension(url, media):
    """A film in a description is planned as a film."""
    found = plan(model(version()), pictures=[url, url])[0]
    assert isinstance(found.task.subject, ImageRef)
    assert media is found.task.subject.media
    assert found.task.key == picture_key(5, url)
    assert (Role.DESCRIPTION, 0) == (found.task.role, found.task.priority)


def test_a_picture_of_a_description_is_named_by_its_uuid():
    """Pictures of descriptions lie in one folder of the model, each under its own key."""
    url = f"{CDN}/width=525/{UUID}.jpeg"
    assert picture_key(5, url) == f"image:{UUID}@model_0/5/description_files/{UUID}"


def test_an_image_of_a_gallery_is_known_by_its_id_and_place():
    """The service has shown one image under several addresses, so its id is what it is known by."""
    ref = GalleryRef(GalleryQuery(model_id=5), "model_0/5/gallery")
    first = listed_image_task(Image(f"{CDN}/1.jpeg", id=12345), ref, Role.GALLERY)
    other = listed_image_task(Image("https://x.org/2.png", id=12345), ref, Role.GALLERY)
    assert first.key == other.key == "image:12345@model_0/5/gallery"
    assert isinstance(first.subject, ImageRef)
    assert first.subject.stem == "model_0/5/gallery/12/12345"
    assert (5, 5, None) == (first.model_id, first.priority, first.group)


@pytest.mark.parametrize(
    ("creator", "folder"), [("Bob", "users/Bob/images"), (None, "users/unknown/images")]
)
def test_an_image_of_a_post_goes_to_its_author(creator, folder):
    """Images that were asked for alone lie with whoever made them."""
    ref = GalleryRef(GalleryQuery(post_id=9), None)
    image = Image(f"{CDN}/1.jpeg", id=7, creator=creator)
    task = listed_image_task(image, ref, Role.USER_IMAGE)
    assert task.key == f"image:7@{folder}"
    assert isinstance(task.subject, ImageRef)
    assert task.subject.stem == f"{folder}/0/7"


# --- folders


@pytest.mark.parametrize(
    ("number", "folder"),
    [
        (1, "model_0/1"),
        (999, "model_0/999"),
        (1000, "model_1/1000"),
        (2147483647, "model_2147483/2147483647"),
    ],
)
def test_a_thousand_models_share_a_folder(number, folder):
    """No directory of models grows without end."""
    assert folder == model_folder(number)


def test_images_are_sharded_by_their_id():
    """A gallery of a million images is no single directory."""
    assert gallery_stem("g", Image(f"{CDN}/1.jpeg", id=98780806)) == "g/98780/98780806"
    assert gallery_stem("g", Image(f"{CDN}/98780806.jpeg")) == "g/0/98780806"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("ann", "users/ann/images"),
        ("..", "users/_-5ec1f7e700f37c3d/images"),
        ("a/../../b", "users/a_.._.._b-feddf1677abcb2f8/images"),
        ("NUL", "users/_NUL-99e6242759016035/images"),
        ("12345", "users/12345/images"),
    ],
)
def test_no_username_leaves_the_folder_of_users(name, folder):
    """A username is one portable name, whatever is in it."""
    assert folder == user_folder(name)


def test_what_was_planned_has_no_verdict_yet():
    """Tasks of a healthy model are to be done, all of them."""
    whole = model(version(files=(file(1),), previews=(Image(f"{CDN}/77.jpeg"),)))
    assert {None} == {found.verdict for found in plan(whole)}
