"""A world by its ids: what the answers are looked up in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_dl.testing._world._bodies import digests
from civitai_dl.testing._world._parts import (
    BLOCKED,
    SAFE,
    FakeCreator,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
)
from civitai_dl.testing._world._render import file_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REAL_CDN = "https://image.civitai.com"
"""Where the world's own texts say that pictures are; answers say the fake's CDN instead."""
_UUID_SEGMENT = 4

TAGS_HIDDEN_WITH_NSFW = frozenset({"hidden-with-nsfw"})
"""Tags that leave the list when nsfw=true is asked for; the real names do not matter here."""

Place = tuple[FakeModel, FakeVersion, FakeFile]


@dataclass(frozen=True)
class Index:
    """One state of a world; it does not change when the world does."""

    creators: Mapping[str, FakeCreator]
    """By username in casefolded form."""
    models: Mapping[int, FakeModel]
    versions: Mapping[int, tuple[FakeModel, FakeVersion]]
    files: Mapping[int, Place]
    images: Mapping[int, FakeImage]
    """Previews and posts, by id."""
    media: Mapping[str, FakeImage]
    """Everything the CDN can serve, by UUID: images and the pictures inside descriptions."""
    by_version: Mapping[int, Sequence[FakeImage]]
    """Images per version they are linked to, by id."""

    @classmethod
    def of(
        cls,
        creators: Iterable[FakeCreator],
        models: Iterable[FakeModel],
        posts: Iterable[FakeImage],
    ) -> Index:
        """Look everything up once."""
        posts = tuple(posts)
        by_id = {model.id: model for model in models}
        versions = {v.id: (model, v) for model in by_id.values() for v in model.versions}
        files = {f.id: (m, v, f) for m, v in versions.values() for f in v.files}
        previews = [i for m, v in versions.values() if _is_open(m, v) for i in v.images]
        images = {image.id: image for image in (*previews, *posts)}
        inline = [image for model in by_id.values() for image in model.inline]
        showcase = [image for _, v in versions.values() for image in v.images]
        users = tuple(creators)
        avatars = [avatar for user in users if (avatar := _avatar(user)) is not None]
        by_version: dict[int, list[FakeImage]] = defaultdict(list)
        for number in sorted(images):
            for version_id in images[number].version_ids:
                by_version[version_id].append(images[number])
        return cls(
            creators={user.username.casefold(): user for user in users},
            models=by_id,
            versions=versions,
            files=files,
            images=images,
            media={image.uuid: image for image in (*avatars, *inline, *showcase, *posts)},
            by_version=by_version,
        )

    def user(self, username: str | None) -> FakeCreator | None:
        """Return a creator by name, ignoring case."""
        return None if username is None else self.creators.get(username.casefold())

    def hashes(self, file: FakeFile) -> dict[str, str]:
        """Return the digests the API lists for a file: all, some, none or wrong ones."""
        if file.hashes == "none":
            return {}
        true = digests(file_body(file))
        sha256 = true.sha256
        if file.hashes == "wrong":  # as after a re-upload [observed]
            sha256 = true.sha256[::-1]
        if file.hashes == "only-sha256":
            return {"SHA256": sha256}
        listed = {"AutoV1": true.autov1, "AutoV2": sha256[:10], "SHA256": sha256}
        listed |= {"CRC32": true.crc32, "BLAKE3": true.blake3, "AutoV3": true.autov3}
        if file.hashes == "without-sha256":
            del listed["AutoV2"], listed["SHA256"]
        return listed


def _is_open(model: FakeModel, version: FakeVersion) -> bool:
    """Tell whether the showcase of a version is a post that others see."""
    return model.status == "Published" and version.status == "Published" and not model.poi


def _avatar(creator: FakeCreator) -> FakeImage | None:
    """Return the picture behind an avatar's CDN address; others are nowhere on the fake."""
    if creator.avatar is None or not creator.avatar.startswith(REAL_CDN):
        return None
    uuid = creator.avatar.split("/")[_UUID_SEGMENT]
    return FakeImage("png", id=creator.id, uuid=uuid, width=96, height=96, seed=creator.id)


def version_level(version: FakeVersion) -> int:
    """Return the union of a version's ratings; 0 is unrated."""
    if version.nsfw_level is not None:
        return version.nsfw_level
    level = 0
    for image in version.images:
        level |= image.level
    return level if version.images else SAFE


def model_level(model: FakeModel) -> int:
    """Return the union of a model's ratings; 0 is unrated."""
    if model.nsfw_level is not None:
        return model.nsfw_level
    level = 0
    for version in model.versions:
        level |= version_level(version)
    return level


def hidden_with_nsfw(model: FakeModel) -> bool:
    """Tell whether a list with nsfw=true leaves the model out: minor-flagged and some tags."""
    return model.minor or not TAGS_HIDDEN_WITH_NSFW.isdisjoint(model.tags)


def is_returned(image: FakeImage) -> bool:
    """Tell whether any image answer may contain it.

    Never minor-flagged, real-person, blocked or unscanned ones [server source].
    """
    return not (image.minor or image.poi or image.hidden) and 0 < image.level < BLOCKED


def public_files(version: FakeVersion) -> list[FakeFile]:
    """Return the files that answers list."""
    return [file for file in version.files if file.public]


def has_primary(version: FakeVersion) -> bool:
    """Tell whether a version has a primary file; without one it is left out [server source]."""
    return any(file.primary for file in public_files(version))
