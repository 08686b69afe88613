"""What is told of models and images, from answers of all kinds."""

from __future__ import annotations

from civitai_dl.domain.library import Resource, ScanView
from civitai_dl.sources import (
    model_facts,
    read_generation,
    read_model,
    read_picture,
    read_scans,
)


def test_a_flat_and_a_wrapped_meta_tell_the_same() -> None:
    """The database wraps what the search feed sends plainly."""
    meta = {"prompt": "a cat", "negativePrompt": "blur", "steps": 20, "cfgScale": 4.5}
    flat, wrapped = {"meta": meta}, {"meta": {"id": 7, "meta": meta}}
    made = read_generation(flat)
    assert made == read_generation(wrapped)
    assert ("a cat", "blur") == (made.prompt, made.negative)
    assert (("steps", "20"), ("cfgScale", "4.5")) == made.parameters


def test_meta_may_be_anything() -> None:
    """Authors write into it what they like."""
    for meta in (None, [], "text", {"meta": None}, {"prompt": ["no", "text"]}, {"prompt": None}):
        assert "" == read_generation({"meta": meta}).prompt
    shown = read_generation({"meta": {"a": True, "b": None, "c": {}, "d": "x" * 2000}}).parameters
    assert [("a", "yes"), ("d", "x" * 500 + " ...")] == list(shown)


def test_resources_of_both_generations_are_told() -> None:
    """Those of the site by version, those of other programs by name."""
    made = read_generation(
        {
            "meta": {
                "civitaiResources": [
                    {"type": "lora", "weight": 0.6, "modelVersionId": 258687},
                    {"type": "checkpoint", "modelVersionName": "v2"},
                    {"type": "lora"},
                ],
                "resources": [{"name": "ink", "type": "lora", "weight": "0.5"}, {"type": "model"}],
            }
        }
    )
    assert (
        Resource("version 258687", "lora", 258687, 0.6),
        Resource("v2", "checkpoint"),
        Resource("ink", "lora", None, 0.5),
    ) == made.resources


def test_a_workflow_is_kept_as_text() -> None:
    """It comes as text or as an object."""
    assert "{}" == read_generation({"meta": {"comfy": "{}"}}).workflow
    assert '{"prompt": 1}' == read_generation({"meta": {"comfy": {"prompt": 1}}}).workflow


def test_facts_of_a_picture() -> None:
    """Its author, rating, size and day; what is missing is empty."""
    facts = read_picture(
        {
            "username": "ann",
            "browsingLevel": 8,
            "width": 832,
            "height": "1216",
            "createdAt": "2024-05-01T10:00:00.000Z",
            "meta": {"prompt": "a cat"},
        }
    )
    assert ("ann", 8, 832, 1216, 1714557600.0, "a cat") == (
        facts.creator,
        facts.level,
        facts.width,
        facts.height,
        facts.created,
        facts.prompt,
    )
    assert (None, 0, 0, None, "") == (
        (empty := read_picture({})).creator,
        empty.level,
        empty.width,
        empty.created,
        empty.prompt,
    )


MODEL = {
    "id": 5,
    "name": "Ink",
    "type": "LORA",
    "nsfw": True,
    "nsfwLevel": 9,
    "tags": ["style", " style ", ""],
    "creator": {"username": "ann"},
    "stats": {"downloadCount": 12},
    "modelVersions": [
        {
            "id": 51,
            "baseModel": "SDXL 1.0",
            "publishedAt": "2024-05-01T10:00:00Z",
            "trainedWords": ["ink", "wash"],
            "images": [
                {
                    "url": "https://image.civitai.com/x/11111111-2222-3333-4444-555555555555/1.jpeg",
                    "nsfwLevel": 4,
                }
            ],
            "files": [
                {"id": 7, "pickleScanResult": "Success", "virusScanResult": "Danger"},
                {"id": 8},
                {"pickleScanResult": "Success"},
            ],
        },
        {"id": 52, "baseModel": "SDXL 1.0", "trainedWords": ["ink"]},
    ],
}


def test_facts_of_a_model() -> None:
    """Base models, tags and words once each; previews by their original."""
    facts = model_facts(read_model(MODEL))
    assert (("SDXL 1.0",), ("style",), ("ink", "wash")) == (
        facts.base_models,
        facts.tags,
        facts.words,
    )
    assert (9, True, 2, 12, 1714557600.0) == (
        facts.level,
        facts.nsfw,
        facts.versions,
        facts.downloads,
        facts.published,
    )
    assert {"11111111-2222-3333-4444-555555555555": 4} == {
        name: one.level for name, one in facts.previews.items()
    }


def test_one_answer_of_a_scanner_is_good() -> None:
    """Whatever is not a success is shown as what it is."""
    assert {
        7: (ScanView("Pickle", "Success", good=True), ScanView("Virus", "Danger", good=False)),
        8: (),
    } == read_scans(read_model(MODEL))
