"""The words of a selection: from flags, environment and file to a value, or to a clear error."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given

from civitai_dl._memory import recall_selection, remember_selection
from civitai_dl.cli._options import load_settings
from civitai_dl.config import KNOWN_WORDS
from civitai_dl.domain.entities import Media, Selection
from civitai_dl.errors import ConfigError
from civitai_dl.testing._service._words import FILE_FORMATS, FILE_KINDS
from civitai_dl.testing._service._words import MODEL_TYPES as SERVED
from selections import selections


@pytest.fixture(autouse=True)
def _no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


def read(*, environment: dict[str, str] | None = None, **flags: object) -> Selection:
    return load_settings(flags, environment or {}).selection


@pytest.mark.parametrize(
    ("flags", "facts"),
    [
        ({}, {}),
        ({"types": ("lora,checkpoint", "vae")}, {"types": ("LORA", "Checkpoint", "VAE")}),
        ({"base_models": ("SDXL 1.0, pony",)}, {"base_models": ("SDXL 1.0", "pony")}),
        ({"versions": "all"}, {}),
        ({"versions": "Latest"}, {"versions": 1}),
        ({"versions": "latest-per-base-model"}, {"versions": 1, "per_base_model": True}),
        ({"versions": "3"}, {"versions": 3}),
        ({"file_types": ("pruned model",)}, {"file_types": ("Pruned Model",)}),
        ({"formats": ("safetensor", "Core ML")}, {"formats": ("SafeTensor", "Core ML")}),
        ({"fp": ("FP16,nf4",)}, {"precisions": ("fp16", "nf4")}),
        ({"size": "pruned"}, {"size": "pruned"}),
        ({"max_file_size": "7G"}, {"max_file_size": 7 << 30}),
        ({"since": "2026-01-31"}, {"since": date(2026, 1, 31)}),
        ({"media": "video"}, {"media": Media.VIDEO}),
        ({"include_training_data": True}, {}),
        ({"include_training_data": False}, {"include_training_data": False}),
        ({"allow_unsafe": True}, {"allow_unsafe": True}),
    ],
)
def test_each_flag_is_read(flags, facts):
    """Lists by comma and by repetition, words in the service's own case."""
    assert Selection(**facts) == read(**flags)


def test_the_file_and_the_environment_hold_the_same_words(tmp_path: Path) -> None:
    """What a flag can say a file and a variable can, and the flag goes before them."""
    config = tmp_path / "config.toml"
    config.write_text(
        'types = ["LORA", "VAE"]\nformats = "SafeTensor,GGUF"\nversions = 2\n'
        "since = 2026-01-31\ninclude_training_data = false\nallow_unsafe = true\n"
    )
    found = read(config=str(config), environment={"CIVITAI_DL_BASE_MODELS": "Pony,SD 1.5"})
    assert found == Selection(
        types=("LORA", "VAE"),
        formats=("SafeTensor", "GGUF"),
        versions=2,
        since=date(2026, 1, 31),
        base_models=("Pony", "SD 1.5"),
        include_training_data=False,
        allow_unsafe=True,
    )
    given = read(config=str(config), types=("Poses",), include_training_data=True)
    assert ("Poses",) == given.types
    assert given.include_training_data


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"types": ("LORAs",)}, "'LORAs' looks like 'LORA'"),
        ({"types": ("Checkpiont,VAE",)}, "'Checkpiont' looks like 'Checkpoint'"),
        ({"types": (" , ",)}, "--types: names nothing"),
        ({"formats": ("safetensors",)}, "'safetensors' looks like 'SafeTensor'"),
        ({"file_types": ("Training-Data",)}, "looks like 'Training Data'"),
        ({"fp": ("fp_16",)}, "looks like 'fp16'"),
        ({"versions": "newest"}, "--versions: must be"),
        ({"versions": "0"}, "--versions: must be"),
        ({"versions": "-1"}, "--versions: must be"),
        ({"since": "31.01.2026"}, "this is no day"),
        ({"since": "2026-02-30"}, "this is no day"),
        ({"max_file_size": "big"}, "this is no size"),
        ({"max_file_size": "0"}, "more than 0"),
        ({"size": "small"}, "--size: must be full or pruned"),
        ({"media": "audio"}, "--media: must be image or video"),
    ],
)
def test_a_word_that_cannot_be_meant_is_refused_with_what_could_be(flags, told):
    """A slip of a known word, and a value that is none, are errors that name themselves."""
    with pytest.raises(ConfigError) as caught:
        read(**flags)
    assert told in caught.value.message


def test_a_word_that_is_new_is_asked_for_with_a_warning():
    """Types grow: an unknown word is no mistake, but it is told; `=` is for those that look so."""
    found = load_settings({"types": ("Hologram", "=LORAs")}, {})
    assert found.selection.types == ("Hologram", "LORAs")
    assert ["'Hologram'" in text or "'LORAs'" in text for text in found.warnings] == [True, True]
    assert load_settings({"types": ("lora",), "base_models": ("Anything",)}, {}).warnings == ()


def test_the_words_are_those_of_the_service():
    """Every word that the simulated service serves is one that a person may choose by."""
    assert set(KNOWN_WORDS["types"]) == set(SERVED)
    assert set(FILE_KINDS) <= set(KNOWN_WORDS["file_types"])
    assert set(FILE_FORMATS) <= set(KNOWN_WORDS["formats"])


# --- exclusions


def test_a_list_of_exclusions_has_users_models_and_tags(tmp_path: Path) -> None:
    """Short forms and links, comments and blank lines, several lists."""
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text(
        "\ufeff# no more of these\r\nuser:Ann\r\nmodel:5 # spam\r\n\r\ntag:photo realistic\r\n",
        encoding="utf-8",
    )
    two.write_text("https://civitai.com/user/bob\nhttps://civitai.com/models/7/name\n12\n@Ann\n")
    found = read(exclude=(str(one), str(two)))
    assert (("Ann", "bob"), (5, 7, 12), ("photo realistic",)) == (
        found.exclude_users,
        found.exclude_models,
        found.exclude_tags,
    )


def test_every_line_that_excludes_nothing_is_told(tmp_path: Path) -> None:
    """File, line and what is wrong, all at once; --skip-bad-lines does not let them pass."""
    path = tmp_path / "no.txt"
    path.write_text("user:ann\nversion:5\nhttps://example.org/x\ntag:\nimage:3\n")
    with pytest.raises(ConfigError) as caught:
        read(exclude=(str(path),), skip_bad_lines=True)
    lines = caught.value.message.splitlines()
    assert [line.split("no.txt:")[1].split(":")[0] for line in lines] == ["2", "3", "4", "5"]


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Before anything is requested."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read(exclude=(str(tmp_path / "nothing.txt"),))


# --- memory


@given(selections())
def test_a_selection_is_remembered_as_it_is(wish):
    """What a run wanted is wanted again, word for word."""
    assert wish == recall_selection(remember_selection(wish))


def test_the_memory_of_an_older_version_is_read_and_goes_on():
    """A wish without filters is the text that it always was, so that its jobs go on."""
    text = '{"files":true,"images":false,"gallery":true,"gallery_limit":20,"levels":5}'
    wish = Selection(images=False, gallery_limit=20, levels=5)
    assert recall_selection(text) == wish
    assert remember_selection(wish) == text
