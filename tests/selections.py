"""Random wishes for property tests: Selection values whose words occur in the worlds of the fake.

`selections()` gives any; `filters()` gives those that say nothing about roles (`--only models`,
`--no-gallery`, `--gallery-limit`), for tests that are about filters alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from civitai_dl.domain.entities import Media, Selection

TYPES = ("Checkpoint", "LORA", "TextualInversion", "VAE", "Workflows")
BASE_MODELS = ("SD 1.5", "SDXL 1.0", "Pony")
FILE_TYPES = ("Model", "Pruned Model", "VAE", "Config", "Training Data", "Archive")
FORMATS = ("SafeTensor", "PickleTensor", "GGUF", "Other")
PRECISIONS = ("fp16", "fp32", "bf16")
SIZES = ("full", "pruned")
USERS = ("ann", "bob", "Carla_9")
TAGS = ("style", "character", "photo realistic")
DAYS = tuple(date(2024, month, 1) for month in range(1, 13))


def _some(words: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Mostly none, so that a wish with many lists still leaves something."""
    chosen = st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True).map(tuple)
    return st.one_of(st.just(()), st.just(()), chosen)


def _maybe(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), st.none(), values)


def filters(*, models: tuple[int, ...] = (1, 2, 3)) -> st.SearchStrategy[Selection]:
    """Wishes for everything but what filters leave out. models: ids that may be excluded."""
    return st.builds(
        Selection,
        levels=st.one_of(st.just(31), st.integers(1, 31)),
        media=_maybe(st.sampled_from([Media.IMAGE, Media.VIDEO])),
        types=_some(TYPES),
        base_models=_some(BASE_MODELS),
        versions=_maybe(st.integers(1, 3)),
        per_base_model=st.booleans(),
        since=_maybe(st.sampled_from(DAYS)),
        file_types=_some(FILE_TYPES),
        formats=_some(FORMATS),
        precisions=_some(PRECISIONS),
        size=_maybe(st.sampled_from(SIZES)),
        max_file_size=_maybe(st.sampled_from([600, 5_000, 6_500, 1 << 20])),
        exclude_users=_some(USERS),
        exclude_models=_maybe(st.sampled_from(models)).map(
            lambda found: () if found is None else (found,)
        ),
        exclude_tags=_some(TAGS),
        include_training_data=st.booleans(),
        allow_unsafe=st.booleans(),
    )


def selections(*, models: tuple[int, ...] = (1, 2, 3)) -> st.SearchStrategy[Selection]:
    """Any wish, also without files, images or galleries, or with a limit on galleries."""

    def shaped(found: tuple[Selection, bool, bool, bool, object]) -> Selection:
        wish, files, images, gallery, limit = found
        return replace(
            wish,
            files=files or not images,
            images=images,
            gallery=gallery,
            gallery_limit=limit,
        )

    mostly = st.sampled_from([True, True, True, False])
    limits = _maybe(st.integers(1, 5))
    return st.tuples(filters(models=models), mostly, mostly, mostly, limits).map(shaped)
