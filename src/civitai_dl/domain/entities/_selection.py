"""Which part of everything is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ._gallery import ALL_LEVELS, Media

_WORDS = (
    "types",
    "base_models",
    "file_types",
    "formats",
    "precisions",
    "exclude_users",
    "exclude_tags",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What to fetch of each target: everything, but for what one of these leaves out.

    gallery_limit: newest N images per gallery, None for all. levels: bit mask of ratings.
    media: images or videos only. types, base_models, file_types, formats, precisions: the words of
    the service that are wanted, whatever their case; empty for all. versions: the newest N of each
    model, None for all; with per_base_model the newest N of each of its base models. since: only
    versions published on that day (UTC) or later. size: `full` or `pruned`. max_file_size: bytes.
    exclude_users, exclude_models, exclude_tags: nothing of these. include_training_data: files of
    type Training Data, too. allow_unsafe: also files that are held for unsafe.

    Lists are kept in order and without repetition, so that equal wishes are equal values. Which
    thing a selection leaves out, and why, is told by `domain.decisions` (judge_model and others).
    """

    files: bool = True
    images: bool = True
    gallery: bool = True
    gallery_limit: int | None = None
    levels: int = ALL_LEVELS
    media: Media | None = None
    types: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    versions: int | None = None
    per_base_model: bool = False
    since: date | None = None
    file_types: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    size: str | None = None
    max_file_size: int | None = None
    exclude_users: tuple[str, ...] = ()
    exclude_models: tuple[int, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    include_training_data: bool = True
    allow_unsafe: bool = False

    def __post_init__(self) -> None:
        """Bring the lists into the one form that they are compared and remembered in."""
        for name in _WORDS:
            object.__setattr__(self, name, _in_order(getattr(self, name)))
        object.__setattr__(self, "exclude_models", tuple(sorted(set(self.exclude_models))))

    @property
    def galleries(self) -> bool:
        """Whether model galleries are asked for."""
        return self.images and self.gallery

    @property
    def user_images(self) -> bool:
        """Whether the images of a creator are asked for.

        `--no-gallery` means that the Image API is not asked at all, so it covers these too.
        """
        return self.images and self.gallery

    @property
    def excludes(self) -> bool:
        """Whether anything is excluded by its name."""
        return bool(self.exclude_users or self.exclude_models or self.exclude_tags)

    @property
    def chooses_versions(self) -> bool:
        """Whether some versions of a model may be wanted and others not."""
        return bool(self.base_models) or self.versions is not None or self.since is not None

    @property
    def chooses_models(self) -> bool:
        """Whether only the page of a model tells if anything of it is wanted."""
        return bool(self.types) or self.excludes or self.chooses_versions


def _in_order(words: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for word in words:
        found.setdefault(word.casefold(), word)
    return tuple(found[folded] for folded in sorted(found))
