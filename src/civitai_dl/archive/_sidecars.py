"""The small files beside a model's weights that other programs read, in the dialect of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from civitai_dl.documents import Merge, dump_json
from civitai_dl.domain.decisions import image_source, name_key, place_names
from civitai_dl.domain.entities import Dialect, File, Image, Model, StoredFile, Version

from ._a1111 import merge_a1111
from ._beside import Beside, Preview, is_weights, stem_of
from ._civitai_info import civitai_info
from ._lora_manager import merge_lora_manager
from ._merging import Fields, as_objects
from ._stability_matrix import merge_stability_matrix

STILLS = frozenset({"png", "jpg", "jpeg", "webp"})
"""What the programs that look for `<stem>.preview.<ext>` can show."""

FILMS = frozenset({"mp4"})
"""What LoRA Manager can show in its place."""


@dataclass(slots=True)
class Sidecars:
    """What belongs beside files, by archive path.

    documents: ours, whole. links: what the second name is given to. merges: our part in what
    belongs to others as well.
    """

    documents: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    merges: dict[str, Merge] = field(default_factory=dict)


def make_sidecars(
    model: Model,
    stored: Mapping[str, StoredFile],
    dialects: Collection[Dialect],
    *,
    root: str,
) -> Sidecars:
    """What belongs beside each stored file of a model; pure.

    stored: by task key. root: the absolute path of the archive, with forward slashes. Of files that
    differ only in their extension the primary one, else the oldest, is the one that is spoken of.
    Never in the place of something stored, or of a file that is still to come.
    """
    made = Sidecars()
    raws = {_id(item): item for item in as_objects(model.raw.get("modelVersions"))}
    # As disks that ignore case see them.
    taken = {name_key(found.path) for found in stored.values()}
    for version in model.versions:
        files = [
            (file, found)
            for file in sorted(version.files, key=lambda file: (not file.is_primary, file.id))
            if (found := stored.get(f"file:{version.id}:{file.id}")) is not None
        ]
        if files:
            raw = raws.get(version.id, {})
            reserved = taken | _to_come(version, files[0][1], stored)
            maker = _Maker(model, version, raw, stored, set(dialects), root, reserved)
            for file, found in files:
                maker.make(file, found, made)
    return made


@dataclass(slots=True)
class _Maker:
    """Makes the sidecars of one version. reserved: keys of names that are not for us."""

    model: Model
    version: Version
    raw: Fields
    stored: Mapping[str, StoredFile]
    dialects: set[Dialect]
    root: str
    reserved: set[str]
    info: Fields = field(init=False)
    document: bytes = field(init=False)
    shown: tuple[Image | None, StoredFile] | None = field(init=False)

    def __post_init__(self) -> None:
        self.info = civitai_info(self.model, self.raw)
        self.document = dump_json(self.info)
        wanted = STILLS | FILMS if Dialect.LORA_MANAGER in self.dialects else STILLS
        self.shown = _first_shown(self.version, self.stored, wanted)

    def make(self, file: File, found: StoredFile, made: Sidecars) -> None:
        """Add what belongs beside one file."""
        stem = stem_of(found.path)
        if Dialect.CIVITAI in self.dialects and self._is_free(f"{stem}.civitai.info"):
            made.documents.setdefault(f"{stem}.civitai.info", self.document)
        preview = self._preview(stem, made)
        if not is_weights(found.path):
            return
        answer = next((one for one in as_objects(self.raw.get("files")) if _id(one) == file.id), {})
        beside = Beside(
            model=self.model,
            version=self.version,
            file=file,
            stored=found,
            answer=answer,
            info=self.info,
            place=f"{self.root}/{found.path}",
            preview=preview,
        )
        for path, merge in self._merges(stem, beside):
            if self._is_free(path):
                made.merges.setdefault(path, merge)

    def _is_free(self, path: str) -> bool:
        return name_key(path) not in self.reserved

    def _preview(self, stem: str, made: Sidecars) -> Preview | None:
        """Link what is shown for a file, where that is wanted; where it is to be found then."""
        if self.shown is None:
            return None
        image, found = self.shown
        extension = found.path.rsplit(".", 1)[-1]
        link = f"{stem}.preview.{extension}"
        place = found.path
        # Of a film only LoRA Manager knows what to do, and it finds one by this name, too.
        dialect = Dialect.PREVIEW if extension in STILLS else Dialect.LORA_MANAGER
        if dialect in self.dialects and self._is_free(link):
            made.links.setdefault(link, found.path)
            place = link
        return Preview(f"{self.root}/{place}", image.level if image is not None else 0)

    def _merges(self, stem: str, beside: Beside) -> Iterator[tuple[str, Merge]]:
        at = beside.stored.path
        if Dialect.A1111 in self.dialects:
            path = f"{stem}.json"
            yield path, Merge(path, at, lambda there, _: merge_a1111(beside, there))
        if Dialect.LORA_MANAGER in self.dialects:
            path = f"{stem}.metadata.json"
            yield path, Merge(path, at, partial(merge_lora_manager, beside))
        if Dialect.STABILITY_MATRIX in self.dialects:
            path = f"{stem}.cm-info.json"
            yield path, Merge(path, at, partial(merge_stability_matrix, beside))


def _to_come(version: Version, beside: StoredFile, stored: Mapping[str, StoredFile]) -> set[str]:
    """Keys of the places of files that are not stored yet: they must not find a sidecar there."""
    if all(f"file:{version.id}:{file.id}" in stored for file in version.files):
        return set()
    folder = beside.path.rpartition("/")[0]
    names = place_names([(file.id, file.name) for file in version.files])
    return {
        name_key(f"{folder}/{name}")
        for number, name in names.items()
        if f"file:{version.id}:{number}" not in stored
    }


def _first_shown(
    version: Version, stored: Mapping[str, StoredFile], extensions: Collection[str]
) -> tuple[Image | None, StoredFile] | None:
    """The first still preview that is stored, else the first film; with what is known of it."""
    known = {image_source(image): (place, image) for place, image in enumerate(version.previews)}
    found: list[tuple[bool, int, str, Image | None, StoredFile]] = []
    for key, file in stored.items():
        parts = file.path.split("/")
        mine = parts[-2:-1] == ["previews"] and parts[-3].startswith(f"{version.id}-")
        extension = file.path.rsplit(".", 1)[-1]
        if mine and extension in extensions:
            source = f"uuid:{key.removeprefix('image:').split('@', 1)[0]}"
            place, image = known.get(source, (len(known), None))
            found.append((extension not in STILLS, place, file.path, image, file))
    if not found:
        return None
    first = min(found, key=lambda one: one[:3])
    return first[3], first[4]


def _id(item: Fields) -> int:
    try:
        return int(str(item.get("id")))
    except ValueError:
        return 0
