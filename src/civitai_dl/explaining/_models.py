"""Models, versions and files: what the archive keeps of them, beside what the state knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_dl._gone import bytes_of
from civitai_dl.documents import gone_path
from civitai_dl.domain.decisions import (
    Choice,
    LeftOut,
    Stand,
    Taken,
    Unsafe,
    choose,
    judge_file,
    left_out,
    model_folder,
    stand_of,
)
from civitai_dl.domain.entities import (
    File,
    FileId,
    Kind,
    Model,
    ModelId,
    Reason,
    Selection,
    Version,
    VersionId,
)
from civitai_dl.sources import read_kept

from ._answer import Answer

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Counted, KnownThing

NO_FILES = left_out("--only images leaves model files out")
NO_IMAGES = left_out("--only models leaves images out")
NO_GALLERY = left_out("--no-gallery leaves galleries and images of users out")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model.

    model: None where its model.json is not there. rows: its pages, files and listings by key.
    counts, troubled: of its previews and the images in its descriptions. now: seconds since the
    epoch.
    """

    model_id: ModelId
    model: Model | None
    rows: Mapping[str, KnownThing]
    counts: Sequence[Counted]
    troubled: Sequence[KnownThing]
    listings: Mapping[str, Sequence[Counted]]
    now: float


def read_model_of(folder: Path, model_id: ModelId) -> Model | None:
    """The model as an archive keeps it, with what is gone of it; None where it keeps nothing."""
    place = folder / model_folder(model_id)
    kept = read_kept(bytes_of(place / "model.json"), bytes_of(folder / gone_path(model_id)))
    return None if kept is None else kept.model


def find_kept(folder: Path, number: int, has: Callable[[Model], bool]) -> ModelId | None:
    """The model of a version or file that no task is known of, by looking into all that is kept.

    number: it stands somewhere in the document. Reads every model.json: some seconds for tens of
    thousands.
    """
    needle = str(number).encode()
    for document in folder.glob("model_*/*/model.json"):
        data = bytes_of(document)
        kept = None if data is None or needle not in data else read_kept(data, None)
        if kept is not None and has(kept.model):
            return ModelId(kept.model.id)
    return None


def has_version(number: int, model: Model) -> bool:
    """Whether a model has this version."""
    return any(version.id == number for version in model.versions)


def has_file(number: int, model: Model) -> bool:
    """Whether a model has this file."""
    return any(file.id == number for version in model.versions for file in version.files)


def page_of(rows: Iterable[KnownThing], version_id: VersionId | None) -> KnownThing | None:
    """The page that a model was read by: that of the version where it was asked for by itself."""
    pages = [row for row in rows if row.kind == Kind.MODEL.value]
    exact = [row for row in pages if row.key.endswith(f"/version:{version_id}")]
    whole = [row for row in pages if "/version:" not in row.key]
    return max(exact or whole or pages, key=lambda row: row.run, default=None)


def answer_model(
    facts: ModelFacts,
    selection: Selection,
    *,
    version_id: VersionId | None = None,
    files: Collection[FileId] | None = None,
) -> Answer:
    """How a model stands with all it consists of.

    version_id: tell of this version only. files: of these files only.
    """
    page = page_of(facts.rows.values(), version_id)
    label = f"model {facts.model_id}"
    target = f"model:{facts.model_id}"
    if facts.model is None:
        return _page_answer(facts, page, label, target)
    named = version_id if page is not None and page.key.endswith(f":{version_id}") else None
    choice = choose(facts.model, selection, only=named)
    below = [
        _answer_version(version, choice, facts, selection, files)
        for version in facts.model.versions
        if version_id in (None, version.id)
        if files is None or any(file.id in files for file in version.files)
    ]
    if version_id is not None and not below:
        return Answer(
            "version", f"version {version_id}", Stand.UNKNOWN, target=f"version:{version_id}"
        )
    if files is None and version_id is None:
        below += _answer_images(facts, choice, selection)
    if files is None:
        below += _answer_galleries(facts, choice, selection, version_id)
    verdict = choice.model if isinstance(choice.model, LeftOut) else None
    found = _page_answer(facts, page, f"{label} ({facts.model.name})", target)
    stand = found.stand
    if verdict is not None or (stand is Stand.STORED):
        stand = Stand.LEFT_OUT if verdict is not None else None
    return replace(found, stand=stand, verdict=verdict, below=tuple(below))


def _page_answer(facts: ModelFacts, page: KnownThing | None, label: str, target: str) -> Answer:
    if page is None:
        stand = Stand.UNKNOWN if facts.model is None else None
        return Answer("model", label, stand, target=target)
    return answer_row(page, "model", label, facts.now, target=target)


def _answer_version(
    version: Version,
    choice: Choice,
    facts: ModelFacts,
    selection: Selection,
    files: Collection[FileId] | None,
) -> Answer:
    verdict = choice.versions[version.id]
    told = tuple(
        _answer_file(file, version, verdict, facts, selection)
        for file in version.files
        if files is None or file.id in files
    )
    hidden = facts.rows.get(f"files:{version.id}")
    if hidden is not None and not version.files:
        told = (answer_row(hidden, "file", "its files", facts.now),)
    return Answer(
        thing="version",
        label=f"version {version.id} ({version.name})",
        stand=Stand.LEFT_OUT if isinstance(verdict, LeftOut) else None,
        verdict=verdict if isinstance(verdict, LeftOut) else None,
        target=f"version:{version.id}",
        below=told,
    )


def _answer_file(
    file: File,
    version: Version,
    wanted: Taken | LeftOut,
    facts: ModelFacts,
    selection: Selection,
) -> Answer:
    label = f"{file.name} (file {file.id})"
    target = f"version:{version.id}"
    verdict: Taken | LeftOut | Unsafe = wanted
    if isinstance(verdict, Taken):
        verdict = judge_file(file, version, selection) if selection.files else NO_FILES
    row = facts.rows.get(f"file:{version.id}:{file.id}")
    if row is None:
        stand = stand_of(None, verdict, now=facts.now)
        return _judged(Answer("file", label, stand, size=file.size_hint, target=target), verdict)
    found = answer_row(row, "file", label, facts.now, verdict=verdict, target=target)
    return _judged(found, verdict)


def _judged(answer: Answer, verdict: Taken | LeftOut | Unsafe) -> Answer:
    """With the words of the selection; a file that it holds for unsafe has a reason, too."""
    if isinstance(verdict, Taken):
        return answer
    unsafe = isinstance(verdict, Unsafe) and answer.stand is Stand.UNAVAILABLE
    why = Reason.UNSAFE.value if unsafe else answer.why
    return replace(answer, verdict=verdict, why=why)


def _answer_images(facts: ModelFacts, choice: Choice, selection: Selection) -> list[Answer]:
    if not selection.images:
        return [Answer("previews", "previews", Stand.LEFT_OUT, verdict=NO_IMAGES)]
    if choice.is_empty and not facts.counts:
        return []
    below = tuple(answer_row(row, "image", row.label, facts.now) for row in facts.troubled)
    return [Answer("previews", "previews", counts=tuple(facts.counts), below=below)]


def _answer_galleries(
    facts: ModelFacts, choice: Choice, selection: Selection, version_id: VersionId | None
) -> list[Answer]:
    if not selection.galleries:
        verdict = NO_GALLERY if selection.images else NO_IMAGES
        return [Answer("listing", "gallery", Stand.LEFT_OUT, verdict=verdict)]
    found = []
    for row in facts.rows.values():
        of_other = version_id is not None and row.key != f"gallery:version:{version_id}"
        if row.kind == Kind.GALLERY.value and "/" not in row.key and not of_other:
            answer = answer_row(row, "listing", row.label, facts.now)
            stand = None if answer.stand is Stand.STORED else answer.stand
            counts = tuple(facts.listings.get(row.key, ()))
            found.append(replace(answer, stand=stand, counts=counts))
    if not found and not choice.is_empty and version_id is None:
        found.append(
            Answer("listing", "gallery", Stand.UNPLANNED, target=f"model:{facts.model_id}")
        )
    return found


def answer_row(
    row: KnownThing,
    thing: str,
    label: str,
    now: float,
    *,
    verdict: Taken | LeftOut | Unsafe | None = None,
    target: str = "",
) -> Answer:
    """How a task stands by its row, under what the selection says of it."""
    stand = stand_of(row.status, verdict, why=row.why, not_before=row.not_before, now=now)
    in_trouble = stand in (Stand.FAILED, Stand.UNAVAILABLE, Stand.WAITING)
    until = row.not_before if stand is Stand.WAITING else row.until if in_trouble else None
    stored = stand is Stand.STORED
    return Answer(
        thing=thing,
        label=label,
        stand=stand,
        why=(row.why or "") if in_trouble else "",
        detail=(row.detail or "") if in_trouble else "",
        hint=(row.hint or "") if in_trouble else "",
        path=row.path if stored else None,
        size=row.size if stored else None,
        until=until,
        key=row.key,
        target=target,
    )
