"""Is this wanted? Models, versions, files and images under a selection; pure predicates.

Each asks one question, and they do not know of each other: what several of them leave out, each
alone leaves out as well, so that another filter never adds anything. A filter leaves out what is
known to be otherwise. What the service does not tell (a file without `fp`, a version without a
date) passes, for it may be what is wanted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timezone
from hashlib import sha256

from ..entities import (
    CreatorTarget,
    File,
    Image,
    Media,
    Model,
    ModelTarget,
    Rating,
    Selection,
    Target,
    Version,
    VersionId,
)
from ._verdicts import TAKEN, LeftOut, Taken, Unsafe, Verdict, either, left_out, unsafe

TRAINING_DATA = "Training Data"

SAFE_FORMAT = "SafeTensor"
PICKLE_FORMAT = "PickleTensor"
_FORMATS = {
    "safetensors": SAFE_FORMAT,
    "sft": SAFE_FORMAT,
    "ckpt": PICKLE_FORMAT,
    "pt": PICKLE_FORMAT,
    "pth": PICKLE_FORMAT,
    "pkl": PICKLE_FORMAT,
    "bin": PICKLE_FORMAT,
    "gguf": "GGUF",
    "onnx": "ONNX",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is wanted of a model. model: of the whole; versions: of each, by id, in their order."""

    model: Taken | LeftOut
    versions: dict[VersionId, Taken | LeftOut]

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the model is wanted but to know of it."""
        if not self.versions:
            return isinstance(self.model, LeftOut)
        return not any(isinstance(verdict, Taken) for verdict in self.versions.values())

    def takes(self, version_id: VersionId) -> bool:
        """Whether a version is wanted."""
        return isinstance(self.versions.get(version_id), Taken)


def choose(model: Model, selection: Selection, *, only: VersionId | None = None) -> Choice:
    """Which versions of a model are wanted.

    only: somebody has named this version. Then which of the versions is no question any more, so
    that `versions` and `since` are not asked; all else is.
    """
    whole = judge_model(model, selection)
    found: dict[VersionId, Taken | LeftOut] = {}
    ranks = _ranks(model.versions, each_base=selection.per_base_model)
    for version in model.versions:
        if only is not None and version.id != only:
            found[version.id] = left_out("only version {wanted} was asked for", wanted=only)
        elif isinstance(whole, LeftOut):
            found[version.id] = whole
        else:
            named = only is not None
            found[version.id] = judge_version(version, selection, ranks[version.id], named=named)
    return Choice(whole, found)


def judge_model(model: Model, selection: Selection) -> Taken | LeftOut:
    """Whether a model is wanted at all."""
    if _has(selection.exclude_models, int(model.id)):
        return left_out("model {id} is excluded", id=model.id)
    if model.creator is not None and is_among(model.creator, selection.exclude_users):
        return left_out("its creator {name} is excluded", name=model.creator)
    for tag in model.tags:
        if is_among(tag, selection.exclude_tags):
            return left_out("its tag {tag} is excluded", tag=tag)
    if selection.types and not is_among(model.kind, selection.types):
        reason = "its type is {found}, --types asks for {wanted}"
        return _otherwise(reason, model.kind, selection.types)
    return TAKEN


def judge_version(
    version: Version, selection: Selection, rank: int, *, named: bool = False
) -> Taken | LeftOut:
    """Whether a version of a wanted model is wanted.

    rank: how many are newer, plus one. named: somebody asked for this very version.
    """
    base = version.base_model
    if selection.base_models and base is not None and not is_among(base, selection.base_models):
        reason = "its base model is {found}, --base-models asks for {wanted}"
        return _otherwise(reason, base, selection.base_models)
    if named:
        return TAKEN
    published = version.published_at
    if selection.since is not None and published is not None:
        day = published.astimezone(timezone.utc).date()
        if day < selection.since:
            return left_out(
                "it was published on {found}, --since asks for {wanted} or later",
                found=day,
                wanted=selection.since,
            )
    if selection.versions is not None and rank > selection.versions:
        if selection.per_base_model:
            return left_out(
                "it is number {rank} by date for {base}, --versions asks for {wanted} of each",
                rank=rank,
                base=base or "?",
                wanted=selection.versions,
            )
        return left_out(
            "it is number {rank} by date, --versions asks for the newest {wanted}",
            rank=rank,
            wanted=selection.versions,
        )
    return TAKEN


def _ranks(versions: Sequence[Version], *, each_base: bool) -> dict[VersionId, int]:
    """The place of each version from the newest on; undated ones last, in the service's order."""
    dated = [version for version in versions if version.published_at is not None]
    undated = [version for version in versions if version.published_at is None]
    dated.sort(key=_moment, reverse=True)
    counts: dict[str, int] = {}
    found: dict[VersionId, int] = {}
    for version in (*dated, *undated):
        base = (version.base_model or "").casefold() if each_base else ""
        counts[base] = counts.get(base, 0) + 1
        found[version.id] = counts[base]
    return found


def _moment(version: Version) -> float:
    assert version.published_at is not None
    return version.published_at.timestamp()


# --- files


def judge_file(file: File, version: Version, selection: Selection) -> Verdict:
    """Whether a file of a wanted version is wanted, and if so, whether it is safe."""
    for question in _FILE_QUESTIONS:
        verdict = question(file, selection)
        if verdict is not None:
            return verdict
    return TAKEN if selection.allow_unsafe else judge_safety(file, version)


def judge_safety(file: File, version: Version) -> Taken | Unsafe:
    """Whether a file may do harm where there is no need for it.

    A pickle runs code when it is loaded. Where the same stands beside it as SafeTensor, of equal
    type, precision and extent, nothing is lost without it. What a scan found dangerous is so.
    """
    if file.dangers:
        reason = "the {scan} scan of the service found danger in it"
        return unsafe(reason, scan=either(file.dangers))
    if is_pickle(file):
        twin = next((other for other in version.files if _is_twin(other, file)), None)
        if twin is not None:
            return unsafe(
                "it is a pickle, which may run code when loaded; {twin} has the same as SafeTensor",
                twin=f"{twin.name} (file {twin.id})",
            )
    return TAKEN


def _is_twin(other: File, file: File) -> bool:
    if format_of(other) != SAFE_FORMAT or other.dangers:
        return False
    return _make(other) == _make(file)


def _make(file: File) -> tuple[str, str | None, str | None]:
    return file.kind.casefold(), file.precision, extent_of(file)


def is_pickle(file: File) -> bool:
    """Whether loading a file may run code: by what the service says, and by its name."""
    told = file.format
    return PICKLE_FORMAT in (told, _by_name(file) if told in (None, "Other") else told)


def format_of(file: File) -> str:
    """What the service says of the format, else what the name of the file says."""
    return file.format or _by_name(file) or "Other"


def _by_name(file: File) -> str | None:
    return _FORMATS.get(file.name.rpartition(".")[2].lower())


def extent_of(file: File) -> str | None:
    """`full` or `pruned`, where that is told; older answers tell it by the type."""
    return file.extent or ("pruned" if file.kind == "Pruned Model" else None)


def _by_type(file: File, selection: Selection) -> LeftOut | None:
    if selection.file_types and not is_among(file.kind, selection.file_types):
        return _otherwise(
            "its file type is {found}, --file-types asks for {wanted}",
            file.kind,
            selection.file_types,
        )
    if not selection.include_training_data and file.kind.casefold() == TRAINING_DATA.casefold():
        return left_out("it is training data, which --no-training-data leaves out")
    return None


def _by_format(file: File, selection: Selection) -> LeftOut | None:
    found = format_of(file)
    if selection.formats and not is_among(found, selection.formats):
        reason = "its format is {found}, --formats asks for {wanted}"
        return _otherwise(reason, found, selection.formats)
    return None


def _by_precision(file: File, selection: Selection) -> LeftOut | None:
    found = file.precision
    if selection.precisions and found is not None and not is_among(found, selection.precisions):
        reason = "its precision is {found}, --fp asks for {wanted}"
        return _otherwise(reason, found, selection.precisions)
    return None


def _by_size(file: File, selection: Selection) -> LeftOut | None:
    found = extent_of(file)
    if selection.size is not None and found is not None and found != selection.size:
        reason = "its size is {found}, --size asks for {wanted}"
        return _otherwise(reason, found, (selection.size,))
    most, size = selection.max_file_size, file.size_hint
    if most is not None and size is not None and size > most:
        return left_out(
            "it has {found} bytes, --max-file-size admits {wanted}",
            found=f"{size:,}",
            wanted=f"{most:,}",
        )
    return None


_FILE_QUESTIONS: tuple[Callable[[File, Selection], LeftOut | None], ...] = (
    _by_type,
    _by_format,
    _by_precision,
    _by_size,
)


# --- images


def judge_image(image: Image, selection: Selection) -> Taken | LeftOut:
    """Whether an image is wanted. One whose rating the service does not tell is."""
    if image.creator is not None and is_among(image.creator, selection.exclude_users):
        return left_out("its author {name} is excluded", name=image.creator)
    if image.level and not image.level & selection.levels:
        return left_out(
            "its rating is {found}, --browsing-level asks for {wanted}",
            found=ratings_of(image.level),
            wanted=ratings_of(selection.levels),
        )
    return judge_media(image.media, selection)


def authors_left_out(selection: Selection) -> str:
    """The excluded users as one word that tells one list from another; empty for none."""
    if not selection.exclude_users:
        return ""
    names = "\n".join(name.casefold() for name in selection.exclude_users)
    return sha256(names.encode("utf-8", "replace")).hexdigest()[:16]


def judge_media(media: Media, selection: Selection) -> Taken | LeftOut:
    """Whether images, or videos, are wanted."""
    if selection.media is not None and media is not selection.media:
        return left_out(
            "its medium is {found}, --media asks for {wanted}",
            found=media.value,
            wanted=selection.media.value,
        )
    return TAKEN


def ratings_of(levels: int) -> str:
    """The names of the ratings in a bit mask."""
    names = {Rating.PG13: "PG-13"}
    return either(names.get(one, one.name) for one in Rating if levels & one.value) or "?"


# --- what is asked for


def judge_target(target: Target, selection: Selection) -> Taken | LeftOut:
    """Whether something that is asked for is excluded by its name: exclusion goes before."""
    if isinstance(target, CreatorTarget) and is_among(target.username, selection.exclude_users):
        return left_out("the user {name} is excluded", name=target.username)
    if isinstance(target, ModelTarget) and _has(selection.exclude_models, int(target.model_id)):
        return left_out("model {id} is excluded", id=target.model_id)
    return TAKEN


def is_among(word: str, words: Sequence[str]) -> bool:
    """Whether a word is in a list of a Selection, whatever its case."""
    folded = word.casefold()
    place = bisect_left(words, folded, key=str.casefold)
    return place < len(words) and words[place].casefold() == folded


def _has(numbers: Sequence[int], number: int) -> bool:
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


def _otherwise(reason: str, found: str, wanted: Iterable[str]) -> LeftOut:
    return left_out(reason, found=found, wanted=either(wanted))
