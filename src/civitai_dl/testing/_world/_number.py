"""Give the parts of a model their numbers and names when a world takes them in."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from civitai_dl.testing._world._parts import (
    EPOCH,
    FakeCreator,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST = {"creator": 7_001, "model": 1, "version": 100_001, "file": 500_001, "image": 9_000_001}
_SUFFIXES = {"SafeTensor": "safetensors", "PickleTensor": "ckpt", "GGUF": "gguf"}


class Numbers:
    """Hands out free ids per kind of part; an id that was given by hand is never used twice."""

    def __init__(self) -> None:
        self._taken: dict[str, set[int]] = {kind: set() for kind in _FIRST}
        self._next = {kind: iter(_from(first)) for kind, first in _FIRST.items()}

    def take(self, kind: str, wanted: int) -> int:
        """Return `wanted`, or a free id when it is 0. Raises: ValueError when it is taken."""
        taken = self._taken[kind]
        if wanted and wanted in taken:
            raise ValueError(f"there is a {kind} {wanted} already")
        number = wanted or next(n for n in self._next[kind] if n not in taken)
        taken.add(number)
        return number

    def release(self, kind: str, number: int) -> None:
        """Make an id usable again."""
        self._taken[kind].discard(number)

    def creator(self, creator: FakeCreator) -> FakeCreator:
        """Number a creator."""
        return replace(creator, id=self.take("creator", creator.id))

    def model(self, model: FakeModel) -> FakeModel:
        """Number and name a model with everything in it."""
        number = self.take("model", model.id)
        model = replace(model, id=number, name=model.name or f"Model {number}")
        model = replace(model, inline=tuple(self.image(image) for image in model.inline))
        count = len(model.versions)
        versions = [
            # The list is newest first, so the oldest version is the last of it.
            self.version(version, model, place=count - index)
            for index, version in enumerate(model.versions)
        ]
        return replace(model, versions=tuple(versions))

    def version(self, version: FakeVersion, model: FakeModel, place: int) -> FakeVersion:
        """Number a version; place counts the model's versions from the oldest, from 1."""
        number = self.take("version", version.id)
        published = version.published_at or EPOCH + timedelta(
            days=place, minutes=model.id % 500_000, seconds=7
        )
        files = [self.file(file, model, version) for file in version.files]
        if not any(file.primary for file in files):
            first = next((file for file in files if file.public and not file.linked), None)
            files = [replace(f, primary=f is first and f.primary is None) for f in files]
        images = [
            replace(
                image,
                version_ids=image.version_ids or (number,),
                username=image.username or model.creator,
                # One post carries the whole showcase of a version.
                post_id=image.post_id if image.post_id != 0 else 20_000_000 + number,
            )
            for image in version.images
        ]
        return replace(
            version,
            id=number,
            published_at=published,
            files=tuple(files),
            images=tuple(self.image(image) for image in images),
        )

    def file(self, file: FakeFile, model: FakeModel, version: FakeVersion) -> FakeFile:
        """Number and name a file."""
        suffix = _SUFFIXES.get(file.format or "", "zip")
        name = file.name or f"{_slug(model.name)}_{_slug(version.name)}.{suffix}"
        return replace(file, id=self.take("file", file.id), name=name)

    def image(self, image: FakeImage) -> FakeImage:
        """Number an image and give it a UUID, a date and a post."""
        number = self.take("image", image.id)
        return replace(
            image,
            id=number,
            seed=image.seed or number,
            uuid=image.uuid or _uuid(number),
            post_id=30_000_000 + number if image.post_id == 0 else image.post_id,
            created_at=image.created_at or EPOCH + timedelta(seconds=37 * (number % 1_000_000)),
        )


def _from(first: int) -> Iterator[int]:
    number = first
    while True:
        yield number
        number += 1


def _slug(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join([*words[:1], *(word.capitalize() for word in words[1:])])[:60] or "model"


def _uuid(number: int) -> str:
    text = hashlib.sha256(b"image %d" % number).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
