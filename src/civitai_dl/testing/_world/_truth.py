"""What a perfect archiver must hold in the end, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.testing._world._bodies import digests
from civitai_dl.testing._world._index import (
    Index,
    has_primary,
    hidden_with_nsfw,
    is_returned,
    model_level,
    public_files,
)
from civitai_dl.testing._world._parts import (
    SAFE,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
)
from civitai_dl.testing._world._render import (
    MEDIA_TYPES,
    file_body,
    image_bytes,
    image_sha256,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PREVIEWS_PER_VERSION = 20
"""A model's answer shows so many images of a version [server source]."""


@dataclass(frozen=True)
class TrueFile:
    """One file of a Published version, and whether it can be had. size: bytes."""

    model_id: int
    version_id: int
    file_id: int
    name: str
    sha256: str
    """Of the real bytes, upper-case hexadecimal."""
    listed_sha256: str | None
    """What the API says; None when it says nothing."""
    size: int
    obtainable: bool
    reason: str
    """Why it cannot be had, in one or two words; empty when it can."""


@dataclass(frozen=True)
class TrueImage:
    """One image with the digest of its original bytes and its true media type. size: bytes."""

    image_id: int
    uuid: str
    sha256: str
    size: int
    media_type: str
    media: str
    level: int
    username: str | None
    version_ids: tuple[int, ...]
    obtainable: bool
    reason: str


@dataclass(frozen=True)
class Truth:
    """The answers, computed from one state of the world."""

    index: Index

    def files(self, *, key: str | None = "any key", now: datetime | None = None) -> list[TrueFile]:
        """Return every file that the API lists under a Published model.

        key: the API key of the archiver (None: anonymous); it matters for bought versions.
        now: decides early access; the present by default.
        """
        moment = now or datetime.now(timezone.utc)
        return [
            self._file(model, version, file, _refusal(model, version, file, key, moment))
            for model in self.models()
            for version in _versions(model, moment)
            for file in public_files(version)
        ]

    def models(self) -> list[FakeModel]:
        """Return the models that `/models/:id` knows."""
        found = self.index.models.values()
        return [model for model in found if model.status == "Published" and not model.poi]

    def previews(self, model_id: int | None = None) -> dict[int, list[TrueImage]]:
        """Return the showcase of every Published version, at most 20 each, by version id."""
        now = datetime.now(timezone.utc)
        return {
            version.id: [_image(image) for image in shown(model, version)]
            for model in self.models()
            if model_id in (None, model.id)
            for version in _versions(model, now)
        }

    def inline(self, model_id: int) -> list[TrueImage]:
        """Return the pictures inside a model's description that exist."""
        return [_image(image) for image in self.index.models[model_id].inline]

    def gallery(self, model_id: int) -> list[TrueImage]:
        """Return every image of a model's Published versions that the image API returns."""
        now = datetime.now(timezone.utc)
        linked = {
            image.id: image
            for version in _versions(self.index.models[model_id], now)
            for image in self.index.by_version.get(version.id, ())
        }
        return [_image(linked[number]) for number in sorted(linked) if is_returned(linked[number])]

    def images(self) -> list[TrueImage]:
        """Return every image that the image API returns at all, previews among them."""
        images = self.index.images
        return [_image(images[n]) for n in sorted(images) if is_returned(images[n])]

    def user_images(self, username: str) -> list[TrueImage]:
        """Return every image of a user that the image API returns, previews among them."""
        name = username.casefold()
        images = self.index.images.values()
        mine = (i for i in images if i.username is not None and i.username.casefold() == name)
        return [_image(i) for i in sorted(mine, key=lambda i: i.id) if is_returned(i)]

    def user_models(self, username: str) -> list[int]:
        """Return the ids that the lists give for a user, archived ones included.

        The union of the lists with and without nsfw=true: minor-flagged models are only in the
        second, those without a PG rating only in the first [server source].
        """
        name, now = username.casefold(), datetime.now(timezone.utc)
        return sorted(
            model.id
            for model in self.models()
            if model.creator is not None and model.creator.casefold() == name
            if _is_listed(model) and any(True for _ in _versions(model, now))
        )

    def _file(
        self, model: FakeModel, version: FakeVersion, file: FakeFile, reason: str
    ) -> TrueFile:
        body = file_body(file)
        return TrueFile(
            model_id=model.id,
            version_id=version.id,
            file_id=file.id,
            name=file.override_name or file.name,
            sha256=digests(body).sha256,
            listed_sha256=self.index.hashes(file).get("SHA256"),
            size=body.size,
            obtainable=not reason,
            reason=reason,
        )


def shown(model: FakeModel, version: FakeVersion) -> list[FakeImage]:
    """Return the images that a model's answer shows under a version."""
    if model.mode == "TakenDown":
        return []
    return [image for image in version.images if not image.hidden][:PREVIEWS_PER_VERSION]


def is_public_at(version: FakeVersion, now: datetime) -> bool:
    """Tell whether a version is Published, and not only from some later day on."""
    published = version.published_at
    return version.status == "Published" and (published is None or published <= now)


def is_shown(version: FakeVersion, now: datetime) -> bool:
    """Tell whether a model's answer contains a version: Published, current, with a file."""
    return is_public_at(version, now) and has_primary(version) and not version.lagging


def _versions(model: FakeModel, now: datetime) -> Iterator[FakeVersion]:
    return (version for version in model.versions if is_shown(version, now))


def _is_listed(model: FakeModel) -> bool:
    level = model_level(model)
    return bool(level & SAFE) or (level != 0 and not hidden_with_nsfw(model))


def _refusal(
    model: FakeModel, version: FakeVersion, file: FakeFile, key: str | None, now: datetime
) -> str:
    """Return why a file cannot be had, in the order in which the service checks [server source]."""
    if model.mode == "Archived":
        return "archived"
    if version.early_access_until is not None and version.early_access_until > now:
        if key is None or key not in version.owners:
            return "early access"
    elif version.private and (key is None or key not in version.owners):
        return "no permission"
    if version.requires_login and key is None:
        return "login needed"
    if version.usage_control != "Download":
        return "downloads disabled"
    return "wrong SHA256 listed" if file.hashes == "wrong" else ""


def _image(image: FakeImage) -> TrueImage:
    reason = "removed" if image.removed or image.url else "html" if image.html else ""
    return TrueImage(
        image_id=image.id,
        uuid=image.uuid,
        sha256=image_sha256(image),
        size=len(image_bytes(image)),
        media_type=MEDIA_TYPES[image.format],
        media=image.media,
        level=image.level,
        username=image.username,
        version_ids=image.version_ids,
        obtainable=not reason,
        reason=reason,
    )
