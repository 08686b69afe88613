"""What a selection takes of a model, and in which words it leaves the rest out."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain import decisions
from civitai_dl.domain.decisions import (
    LeftOut,
    Taken,
    Unsafe,
    choose,
    format_of,
    in_words,
    judge_file,
    judge_image,
    judge_model,
    judge_safety,
    judge_target,
    left_out_keys,
    plan_model,
)
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorTarget,
    File,
    FileId,
    Image,
    Media,
    Model,
    ModelId,
    ModelRef,
    ModelTarget,
    Part,
    Placed,
    Reason,
    Selection,
    Unavailable,
    Version,
    VersionId,
    VersionTarget,
)
from civitai_dl.domain.messages import JAPANESE
from selections import BASE_MODELS, FILE_TYPES, FORMATS, PRECISIONS, TAGS, TYPES, USERS, filters

NOWHERE = Placed({}, {})


def moment(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=timezone.utc)


def file(number: int = 1, name: str = "a.safetensors", **facts: object) -> File:
    return File(FileId(number), VersionId(20), name, **facts)  # type: ignore[arg-type]  # by name


def version(number: int, *files: File, **facts: object) -> Version:
    named = {"name": f"v{number}", "files": files, **facts}
    return Version(VersionId(number), ModelId(5), **named)  # type: ignore[arg-type]  # by name


def model(*versions: Version, **facts: object) -> Model:
    named = {"name": "Dream", "kind": "Checkpoint", "versions": versions, **facts}
    return Model(ModelId(5), **named)  # type: ignore[arg-type]  # by name


def words(verdict: object) -> str:
    assert isinstance(verdict, (LeftOut, Unsafe)), verdict
    return in_words(verdict)


def taken(choice: decisions.Choice) -> list[int]:
    return [int(number) for number in choice.versions if choice.takes(number)]


# --- models


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Selection(), ""),
        (Selection(types=("checkpoint", "VAE")), ""),
        (Selection(types=("LORA", "VAE")), "its type is Checkpoint, --types asks for LORA, VAE"),
        (Selection(exclude_users=("ANN",)), "its creator ann is excluded"),
        (Selection(exclude_users=("anna", "an")), ""),
        (Selection(exclude_models=(9, 5, 1)), "model 5 is excluded"),
        (Selection(exclude_models=(9, 4)), ""),
        (Selection(exclude_tags=("Style",)), "its tag style is excluded"),
        (Selection(exclude_tags=("sty",)), ""),
    ],
)
def test_a_model_is_left_out_for_what_it_is(wish, said):
    """Types, users, models and tags are compared whole, in any case, and named in the reason."""
    found = judge_model(model(creator=CreatorName("ann"), tags=("line", "style")), wish)
    assert said == ("" if isinstance(found, Taken) else words(found))


@pytest.mark.parametrize(
    ("target", "excluded"),
    [
        (CreatorTarget(CreatorName("Ann")), True),
        (CreatorTarget(CreatorName("Ann"), Part.IMAGES), True),
        (CreatorTarget(CreatorName("bob")), False),
        (ModelTarget(ModelId(5)), True),
        (ModelTarget(ModelId(5), VersionId(2)), True),
        (ModelTarget(ModelId(6)), False),
        (VersionTarget(VersionId(5)), False),
    ],
)
def test_an_exclusion_goes_before_what_is_asked_for(target, excluded):
    """What is named in a list and excluded by its name is not fetched."""
    wish = Selection(exclude_users=("ann",), exclude_models=(5,))
    assert isinstance(judge_target(target, wish), LeftOut) == excluded


# --- versions


THREE = model(
    version(30, base_model="SDXL 1.0", published_at=moment(2024, 6)),
    version(20, base_model="SD 1.5", published_at=moment(2024, 7)),
    version(10, base_model="SD 1.5", published_at=moment(2024, 1)),
    version(5, base_model=None, published_at=None),
)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Selection(), [30, 20, 10, 5]),
        (Selection(versions=1), [20]),
        (Selection(versions=3), [30, 20, 10]),
        (Selection(versions=9), [30, 20, 10, 5]),
        (Selection(versions=1, per_base_model=True), [30, 20, 5]),
        (Selection(base_models=("sd 1.5",)), [20, 10, 5]),
        (Selection(since=date(2024, 6, 1)), [30, 20, 5]),
        (Selection(since=date(2024, 6, 2)), [20, 5]),
        (Selection(types=("LORA",)), []),
        # Each filter by itself: the newest is the newest of the model, whatever else is asked.
        (Selection(versions=1, base_models=("SDXL 1.0",)), []),
        (Selection(versions=1, per_base_model=True, base_models=("SDXL 1.0",)), [30, 5]),
    ],
)
def test_versions_are_chosen_by_date_by_base_model_and_by_day(wish, expected):
    """The newest are those published last; what has no date or base model passes filters by it."""
    assert expected == taken(choose(THREE, wish))


def test_the_newest_of_equal_dates_are_those_the_service_shows_first():
    """An order that dates do not give is the service's own."""
    same = model(*(version(number, published_at=moment(2024)) for number in (3, 9, 1)))
    assert [3, 9] == taken(choose(same, Selection(versions=2)))


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Selection(versions=1, since=date(2025, 1, 1)), [10]),
        (Selection(base_models=("SDXL 1.0",)), []),
        (Selection(types=("LORA",)), []),
    ],
)
def test_a_version_that_is_named_is_no_question_of_which_version(wish, expected):
    """`version:10` beats --versions and --since; all other filters hold for it, too."""
    assert expected == taken(choose(THREE, wish, only=VersionId(10)))


def test_why_a_version_is_left_out_is_told_with_its_facts():
    """The sentence has what the version is, and what was asked for."""
    of = choose(THREE, Selection(versions=1, since=date(2024, 2, 1))).versions
    each = choose(THREE, Selection(versions=1, per_base_model=True)).versions
    assert words(of[VersionId(30)]) == "it is number 2 by date, --versions asks for the newest 1"
    assert words(of[VersionId(10)]) == (
        "it was published on 2024-01-01, --since asks for 2024-02-01 or later"
    )
    assert words(each[VersionId(10)]) == (
        "it is number 2 by date for SD 1.5, --versions asks for 1 of each"
    )


# --- files


@pytest.mark.parametrize(
    ("facts", "wish", "said"),
    [
        ({}, Selection(), ""),
        ({"kind": "VAE"}, Selection(file_types=("model", "vae")), ""),
        ({"kind": "VAE"}, Selection(file_types=("Model",)), "its file type is VAE, --file-types"),
        ({"kind": "Training Data"}, Selection(), ""),
        ({"kind": "training data"}, Selection(include_training_data=False), "it is training data"),
        ({"format": "GGUF"}, Selection(formats=("SafeTensor",)), "its format is GGUF, --formats"),
        ({"format": None}, Selection(formats=("SafeTensor",)), ""),
        ({"format": None, "name": "a.PT"}, Selection(formats=("SafeTensor",)), "its format is P"),
        ({"format": None, "name": "a.zip"}, Selection(formats=("Other",)), ""),
        ({"precision": "fp32"}, Selection(precisions=("fp16",)), "its precision is fp32, --fp"),
        ({"precision": "FP16"}, Selection(precisions=("fp16",)), ""),
        ({"precision": None}, Selection(precisions=("fp16",)), ""),
        ({"extent": "full"}, Selection(size="pruned"), "its size is full, --size asks for pruned"),
        ({"extent": None}, Selection(size="pruned"), ""),
        ({"kind": "Pruned Model"}, Selection(size="full"), "its size is pruned"),
        ({"size_hint": 100}, Selection(max_file_size=100), ""),
        ({"size_hint": 1001}, Selection(max_file_size=1000), "it has 1,001 bytes, --max-file-size"),
        ({"size_hint": None}, Selection(max_file_size=1), ""),
    ],
)
def test_a_file_is_left_out_for_what_is_known_of_it(facts, wish, said):
    """Each filter of files names what it found; what the service does not tell passes."""
    one = file(**facts)
    found = judge_file(one, version(20, one), wish)
    if said:
        assert words(found).startswith(said)
    else:
        assert isinstance(found, Taken)


SAFE = file(1, "a.safetensors", format="SafeTensor", precision="fp16", extent="pruned")
PICKLE = file(2, "a.ckpt", format="PickleTensor", precision="fp16", extent="pruned")


@pytest.mark.parametrize(
    ("pickle", "twin", "safe"),
    [
        (PICKLE, SAFE, False),
        (replace(PICKLE, format=None), replace(SAFE, format=None), False),
        (replace(PICKLE, format="Other"), SAFE, False),
        (PICKLE, replace(SAFE, precision="fp32"), True),
        (PICKLE, replace(SAFE, extent="full"), True),
        (PICKLE, replace(SAFE, kind="VAE"), True),
        (PICKLE, replace(SAFE, format="GGUF"), True),
        (PICKLE, replace(SAFE, dangers=("virus",)), True),
        (replace(PICKLE, name="a.zip", format="Other"), SAFE, True),
        (replace(PICKLE, dangers=("pickle",)), replace(SAFE, kind="VAE"), False),
        (replace(SAFE, dangers=("virus", "pickle")), SAFE, False),
    ],
)
def test_a_file_is_unsafe_by_a_scan_or_by_a_twin_that_is_safe(pickle, twin, safe):
    """A pickle is left out only where the same is there as SafeTensor that no scan objects to."""
    found = judge_safety(pickle, version(20, pickle, twin))
    assert isinstance(found, Taken) == safe
    both = version(20, pickle, twin)
    assert isinstance(judge_file(pickle, both, Selection(allow_unsafe=True)), Taken)


def test_what_makes_a_file_unsafe_is_told():
    """The scan, or the twin, is named."""
    assert words(judge_safety(PICKLE, version(20, PICKLE, SAFE))) == (
        "it is a pickle, which may run code when loaded; "
        "a.safetensors (file 1) has the same as SafeTensor"
    )
    bad = replace(SAFE, dangers=("pickle", "virus"))
    assert words(judge_safety(bad, version(20, bad))) == (
        "the pickle, virus scan of the service found danger in it"
    )


def test_an_unsafe_file_is_planned_as_what_cannot_be_had():
    """It stands in unavailable.txt with its reason and what to do, and is not transferred."""
    whole = model(version(20, SAFE, PICKLE))
    planned = plan_model(whole, ModelRef(ModelId(5)), Selection(gallery=False), NOWHERE, [])
    by_key = {one.task.key: one.verdict for one in planned}
    assert by_key["file:20:1"] is None
    verdict = by_key["file:20:2"]
    assert isinstance(verdict, Unavailable)
    assert verdict.reason is Reason.UNSAFE
    assert verdict.detail.endswith("; --allow-unsafe fetches it")


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("a.safetensors", None, "SafeTensor"),
        ("a.ckpt", None, "PickleTensor"),
        ("a.ckpt", "Diffusers", "Diffusers"),
        ("A.GGUF", None, "GGUF"),
        ("a", None, "Other"),
    ],
)
def test_a_format_that_is_not_told_is_that_of_the_name(name, told, expected):
    """Old answers tell no format; the extension does."""
    assert expected == format_of(file(1, name, format=told))


# --- images


@pytest.mark.parametrize(
    ("image", "wish", "said"),
    [
        (Image("u", level=4), Selection(), ""),
        (Image("u", level=0), Selection(levels=1), ""),
        (
            Image("u", level=8),
            Selection(levels=3),
            "its rating is X, --browsing-level asks for PG, PG-13",
        ),
        (
            Image("u", media=Media.VIDEO),
            Selection(media=Media.IMAGE),
            "its medium is video, --media asks for image",
        ),
        (Image("u", media=Media.VIDEO), Selection(media=Media.VIDEO), ""),
        (
            Image("u", creator=CreatorName("Bob")),
            Selection(exclude_users=("bob",)),
            "its author Bob is excluded",
        ),
    ],
)
def test_an_image_is_left_out_by_rating_medium_and_author(image, wish, said):
    """An image whose rating is not told is taken."""
    found = judge_image(image, wish)
    assert said == (words(found) if isinstance(found, LeftOut) else "")


# --- plans


def keys(wish: Selection, whole: Model = THREE, *, ref: ModelRef | None = None) -> list[str]:
    planned = plan_model(whole, ref or ModelRef(ModelId(5)), wish, NOWHERE, ["https://x.org/a.png"])
    return [one.task.key for one in planned]


def test_of_a_model_of_which_nothing_is_wanted_nothing_is_planned():
    """No files, no previews, no images of its description, no gallery, no page."""
    assert keys(Selection(types=("LORA",))) == []
    assert (
        keys(Selection(since=date(2030, 1, 1)), model(version(1, published_at=moment(2024)))) == []
    )


def test_a_model_that_something_was_wanted_of_before_keeps_a_true_page():
    """What was stored is not removed, so its page is written again when the model changes."""
    before = Placed({30: "30-v30"}, {})
    planned = plan_model(THREE, ModelRef(ModelId(5)), Selection(types=("LORA",)), before, [])
    assert [one.task.key for one in planned] == ["page:5", "sidecars:5"]


def test_galleries_are_those_of_the_wanted_versions():
    """The gallery of the model when all its versions are wanted, else that of each wanted one."""
    assert [key for key in keys(Selection()) if key.startswith("gallery")] == ["gallery:model:5"]
    some = keys(Selection(versions=2))
    assert [key for key in some if key.startswith("gallery")] == [
        "gallery:version:30",
        "gallery:version:20",
    ]
    named = keys(Selection(types=("Checkpoint",)), ref=ModelRef(ModelId(5), VersionId(10)))
    assert [key for key in named if key.startswith("gallery")] == ["gallery:version:10"]


def test_what_is_left_out_is_known_by_its_keys():
    """What an earlier run with a wider wish may have stored below the page, and nothing else."""
    whole = model(
        version(20, SAFE, file(3, "t.zip", kind="Training Data")), version(10, file(4, "b.gguf"))
    )
    wish = Selection(versions=1, include_training_data=False)
    question = (whole, ModelRef(ModelId(5)), wish, NOWHERE, [])
    planned = plan_model(*question)
    assert set(left_out_keys(*question, planned)) == {
        "file:20:3",
        "file:10:4",
        "gallery:model:5",
        "gallery:version:10",
    }
    everything = (whole, ModelRef(ModelId(5)), Selection(), NOWHERE, [])
    assert left_out_keys(*everything, plan_model(*everything)) == ()


# --- any wish


FILES = st.builds(
    File,
    id=st.integers(1, 40).map(FileId),
    version_id=st.just(VersionId(20)),
    name=st.sampled_from(["a.safetensors", "a.ckpt", "b.zip", "c.gguf", "d"]),
    kind=st.sampled_from(FILE_TYPES),
    size_hint=st.one_of(st.none(), st.integers(1, 1 << 21)),
    format=st.one_of(st.none(), st.sampled_from(FORMATS)),
    precision=st.one_of(st.none(), st.sampled_from(PRECISIONS)),
    extent=st.one_of(st.none(), st.sampled_from(["full", "pruned"])),
    dangers=st.sampled_from([(), (), (), ("pickle",), ("virus",)]),
)
DAYS = st.integers(0, 700).map(lambda days: moment(2023, 6) + timedelta(days=days))


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Models of up to four versions with up to four files and a preview each."""
    found = []
    for number in draw(st.lists(st.integers(1, 99), max_size=4, unique=True)):
        files = draw(st.lists(FILES, max_size=4, unique_by=lambda one: one.id))
        preview = Image(
            f"https://x.org/{number}.png",
            level=draw(st.sampled_from([0, 1, 2, 4, 8, 16])),
            media=draw(st.sampled_from(list(Media))),
        )
        found.append(
            version(
                number,
                *(replace(one, version_id=VersionId(number)) for one in files),
                base_model=draw(st.one_of(st.none(), st.sampled_from(BASE_MODELS))),
                published_at=draw(st.one_of(st.none(), DAYS)),
                previews=(preview,),
            )
        )
    return model(
        *found,
        kind=draw(st.sampled_from(TYPES)),
        creator=draw(st.one_of(st.none(), st.sampled_from(USERS).map(CreatorName))),
        tags=tuple(draw(st.lists(st.sampled_from(TAGS), max_size=2))),
    )


def fetched(whole: Model, wish: Selection) -> set[str]:
    """What a plan would transfer, galleries apart."""
    planned = plan_model(whole, ModelRef(whole.id), wish, NOWHERE, ["https://x.org/a.png"])
    wanted = (one.task.key for one in planned if one.verdict is None)
    return {key for key in wanted if key.startswith(("file:", "image:"))}


@given(models(), filters(models=(4, 5)), filters(models=(4, 5)), st.data())
def test_another_filter_never_adds_anything(whole, wish, other, data):
    """Whatever is chosen by, choosing by one thing more leaves out more, or the same."""
    chosen = [one.name for one in fields(Selection) if getattr(other, one.name) != one.default]
    free = [name for name in chosen if getattr(wish, name) == getattr(Selection(), name)]
    free = [name for name in free if name not in ("allow_unsafe", "per_base_model")]
    name = data.draw(st.sampled_from(free or ["media"]))
    narrower = replace(wish, **{name: getattr(other, name) if free else wish.media})
    assert fetched(whole, narrower) <= fetched(whole, wish)


@given(models(), filters(models=(4, 5)))
def test_what_is_wanted_and_what_is_left_out_are_all_there_is(whole, wish):
    """Nothing is forgotten: each thing of a model is planned or among what is left out."""
    question = (whole, ModelRef(whole.id), wish, NOWHERE, ["https://x.org/a.png"])
    planned = plan_model(*question)
    taken_keys = {one.task.key for one in planned}
    gone = set(left_out_keys(*question, planned))
    everything = plan_model(whole, ModelRef(whole.id), Selection(), NOWHERE, [question[4][0]])
    things = {one.task.key for one in everything if one.task.key.startswith(("file", "image"))}
    assert gone.isdisjoint(taken_keys)
    assert things <= taken_keys | gone


@given(models(), filters(models=(4, 5)))
def test_a_wish_that_allows_what_is_unsafe_takes_all_that_the_other_reports(whole, wish):
    """What stands as unsafe in the one is fetched by the other, and nothing else differs."""
    question = (whole, ModelRef(whole.id))
    careful = plan_model(*question, replace(wish, allow_unsafe=False), NOWHERE, [])
    bold = plan_model(*question, replace(wish, allow_unsafe=True), NOWHERE, [])
    assert [one.task for one in careful] == [one.task for one in bold]
    assert [one for one in bold if isinstance(one.verdict, Unavailable)] == []


# --- the value


@given(filters())
def test_equal_wishes_are_equal_values(wish):
    """The order of lists, repetitions and case of words make no other wish."""
    mixed = replace(
        wish,
        types=(*reversed(wish.types), *(word.upper() for word in wish.types)),
        exclude_models=wish.exclude_models * 2,
        exclude_tags=tuple(reversed(wish.exclude_tags)),
    )
    assert {word.casefold() for word in mixed.types} == {word.casefold() for word in wish.types}
    assert len(mixed.types) == len(wish.types)
    assert mixed.exclude_models == wish.exclude_models
    assert mixed.exclude_tags == wish.exclude_tags


def test_every_reason_has_a_translation():
    """Each sentence that a predicate can say is there in Japanese."""
    source = Path(decisions.__file__).with_name("_select.py").read_text("utf-8")
    said = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            if node.func.id in ("left_out", "unsafe") and isinstance(first, ast.Constant):
                said.add(first.value)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            said |= {node.value.value} if "reason" in ast.dump(node.targets[0]) else set()
    assert len(said) >= 17
    assert [sentence for sentence in said if sentence not in JAPANESE] == []
