"""The simulated Civitai as a whole: built in a few lines, changed while it is served."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.testing._world._index import Index
from civitai_dl.testing._world._number import Numbers
from civitai_dl.testing._world._parts import (
    SAFE,
    FakeCreator,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    PictureFormat,
)
from civitai_dl.testing._world._truth import Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class World:
    """Creators, models and images. Every change is whole: a request sees it before or after.

    The builders return the world itself, so that a small one is written as a chain.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        """Held by every change and by every request that is answered."""
        self.revision = 0
        """Raised by every change."""
        self._numbers = Numbers()
        self._creators: dict[str, FakeCreator] = {}
        self._models: dict[int, FakeModel] = {}
        self._posts: dict[int, FakeImage] = {}
        self._indexed: Index | None = None

    # Building

    def creator(self, username: str | FakeCreator) -> World:
        """Add a user; usernames are unique ignoring case. Raises: ValueError."""
        creator = username if isinstance(username, FakeCreator) else FakeCreator(username)
        with self.lock:
            if creator.username.casefold() in self._creators:
                raise ValueError(f"there is a creator {creator.username} already")
            self._creators[creator.username.casefold()] = self._numbers.creator(creator)
            return self._changed()

    def model(
        self,
        model: int | FakeModel = 0,
        *,
        creator: str | None = None,
        name: str = "",
        kind: str = "LORA",
        versions: int | Sequence[FakeVersion] = 1,
    ) -> World:
        """Add a model, by its parts or by a number and a few words; 0 takes a free number.

        `versions` may be a count of plain versions. An unknown creator is added with it.
        Raises: ValueError when an id is taken.
        """
        if not isinstance(model, FakeModel):
            parts = _plain_versions(versions) if isinstance(versions, int) else tuple(versions)
            model = FakeModel(model, name=name, creator=creator, kind=kind, versions=parts)
        with self.lock:
            if model.creator is not None and model.creator.casefold() not in self._creators:
                self.creator(model.creator)
            model = self._numbers.model(model)
            self._models[model.id] = model
            return self._changed()

    def image(self, image: FakeImage) -> World:
        """Add a post to the gallery of its versions and to the feed of its user."""
        with self.lock:
            if image.username is not None and image.username.casefold() not in self._creators:
                self.creator(image.username)
            image = self._numbers.image(image)
            self._posts[image.id] = image
            return self._changed()

    def images(
        self,
        count: int,
        *,
        username: str | None = None,
        version_ids: Sequence[int] = (),
        formats: Sequence[PictureFormat] = ("png",),
        levels: Sequence[int] = (SAFE,),
    ) -> World:
        """Add `count` posts, going round the formats and levels."""
        with self.lock:
            for number in range(count):
                self.image(
                    FakeImage(
                        formats[number % len(formats)],
                        username=username,
                        version_ids=tuple(version_ids),
                        level=levels[number % len(levels)],
                        meta={"prompt": f"picture {number}", "seed": number, "steps": 20},
                    )
                )
            return self

    # Changing, also while served

    def add_version(self, model_id: int, version: FakeVersion) -> World:
        """Publish a version as the newest of its model."""

        def added(model: FakeModel) -> FakeModel:
            place = len(model.versions) + 1
            return replace(
                model,
                versions=(self._numbers.version(version, model, place), *model.versions),
                # A real answer that was captured earlier does not know the new version.
                captured={},
            )

        return self.change_model(model_id, added)

    def change_model(self, model_id: int, change: Callable[[FakeModel], FakeModel]) -> World:
        """Replace a model by what `change` makes of it. Raises: KeyError."""
        with self.lock:
            self._models[model_id] = change(self._models[model_id])
            return self._changed()

    def change_version(
        self, version_id: int, change: Callable[[FakeVersion], FakeVersion]
    ) -> World:
        """Replace a version by what `change` makes of it. Raises: KeyError."""
        model, _ = self.index.versions[version_id]
        return self.change_model(
            model.id,
            lambda model: replace(
                model,
                versions=tuple(change(v) if v.id == version_id else v for v in model.versions),
            ),
        )

    def change_file(self, file_id: int, change: Callable[[FakeFile], FakeFile]) -> World:
        """Replace a file by what `change` makes of it. Raises: KeyError."""
        version = self.index.files[file_id][1]
        return self.change_version(
            version.id,
            lambda version: replace(
                version, files=tuple(change(f) if f.id == file_id else f for f in version.files)
            ),
        )

    def change_image(self, image_id: int, change: Callable[[FakeImage], FakeImage]) -> World:
        """Replace a post (not a preview) by what `change` makes of it. Raises: KeyError."""
        with self.lock:
            self._posts[image_id] = change(self._posts[image_id])
            return self._changed()

    def remove_model(self, model_id: int) -> World:
        """Take a model away, with its versions, files and previews. Raises: KeyError."""
        with self.lock:
            del self._models[model_id]
            return self._changed()

    def remove_creator(self, username: str) -> World:
        """Take a user away, and nothing else. Raises: KeyError."""
        with self.lock:
            del self._creators[username.casefold()]
            return self._changed()

    def restore_model(self, model: FakeModel) -> World:
        """Put a model back that was taken away, as it was."""
        with self.lock:
            self._models[model.id] = model
            return self._changed()

    def remove_version(self, version_id: int) -> World:
        """Take a version away, with its files and previews. Raises: KeyError."""
        model, _ = self.index.versions[version_id]
        kept = tuple(version for version in model.versions if version.id != version_id)
        return self.change_model(model.id, lambda m: replace(m, versions=kept, captured={}))

    def remove_file(self, file_id: int) -> World:
        """Take a file away from its version. Raises: KeyError."""
        version = self.index.files[file_id][1]
        kept = tuple(file for file in version.files if file.id != file_id)
        return self.change_version(version.id, lambda v: replace(v, files=kept))

    def remove_image(self, image_id: int) -> World:
        """Take a post away. Raises: KeyError."""
        with self.lock:
            del self._posts[image_id]
            return self._changed()

    def _changed(self) -> World:
        self.revision += 1
        self._indexed = None
        return self

    # Looking

    @property
    def index(self) -> Index:
        """Everything by its id, as it is now."""
        with self.lock:
            if self._indexed is None:
                self._indexed = Index.of(self.creators, self.models, self.posts)
            return self._indexed

    @property
    def creators(self) -> tuple[FakeCreator, ...]:
        """All users, in the order of their coming."""
        with self.lock:
            return tuple(self._creators.values())

    @property
    def models(self) -> tuple[FakeModel, ...]:
        """All models, in the order of their coming."""
        with self.lock:
            return tuple(self._models.values())

    @property
    def posts(self) -> tuple[FakeImage, ...]:
        """All images that are no previews, in the order of their coming."""
        with self.lock:
            return tuple(self._posts.values())

    @property
    def truth(self) -> Truth:
        """What a perfect archiver gets from the world as it is now."""
        return Truth(self.index)


def _plain_versions(count: int) -> tuple[FakeVersion, ...]:
    return tuple(FakeVersion(f"v{number}.0") for number in range(count, 0, -1))
