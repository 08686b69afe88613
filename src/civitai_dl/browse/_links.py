"""Where the links of a page lead: to a server, or to files beside it."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote, urlencode

from civitai_dl.domain.entities import ModelId
from civitai_dl.domain.library import Picture


class Links(Protocol):
    """Relative URLs of everything that a page may lead to."""

    def static(self, name: str) -> str: ...
    def models(self) -> str: ...
    def models_of(self, creator: str) -> str: ...
    def tag(self, tag: str) -> str: ...
    def model(self, number: ModelId) -> str: ...
    def images(self) -> str: ...
    def picture(self, picture: Picture) -> str: ...
    def creators(self) -> str: ...
    def creator(self, name: str) -> str: ...
    def run(self) -> str: ...
    def thumb(self, picture: Picture) -> str: ...
    def media(self, picture: Picture) -> str: ...


def file_name(path: str) -> str:
    """The last part of a path in the archive."""
    return path.rsplit("/", 1)[-1]


class ServerLinks:
    """Links of pages that a server makes. version: of what never changes within it."""

    def __init__(self, version: str) -> None:
        self._version = quote(version, safe="")

    def static(self, name: str) -> str:
        """Styles, scripts and signs."""
        return f"/static/{self._version}/{name}"

    def models(self) -> str:
        """The grid of models."""
        return "/"

    def models_of(self, creator: str) -> str:
        """The models of a creator."""
        return f"/?{urlencode({'creator': creator})}"

    def tag(self, tag: str) -> str:
        """The models with a tag."""
        return f"/?{urlencode({'tag': tag})}"

    def model(self, number: ModelId) -> str:
        """One model."""
        return f"/models/{number}"

    def images(self) -> str:
        """The wall of images."""
        return "/images"

    def picture(self, picture: Picture) -> str:
        """One image."""
        return f"/images/{picture.row}"

    def creators(self) -> str:
        """All creators."""
        return "/creators"

    def creator(self, name: str) -> str:
        """One creator."""
        return f"/creators/{quote(name, safe='')}"

    def run(self) -> str:
        """The last run."""
        return "/run"

    def thumb(self, picture: Picture) -> str:
        """A small picture of an image."""
        return f"/thumbs/{picture.row}-{picture.mark}.webp"

    def media(self, picture: Picture) -> str:
        """The bytes as they are stored."""
        return f"/media/{picture.row}-{picture.mark}/{quote(file_name(picture.path))}"
