"""What the pages are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from civitai_dl.domain.entities import ModelId, RunReport
from civitai_dl.domain.library import (
    Card,
    CreatorCard,
    Extent,
    Facets,
    Generation,
    Listing,
    ModelQuery,
    ModelView,
    Picture,
    PictureQuery,
)


class Shelves(Protocol):
    """Questions about what stands where. They may be repeated and change nothing."""

    async def models(self, query: ModelQuery) -> Listing[Card]:
        """A page of models."""

    async def pictures(self, query: PictureQuery) -> Listing[Picture]:
        """A page of pictures."""

    async def count_pictures(self, query: PictureQuery) -> int:
        """How many pictures there are, up to a limit."""

    async def model(self, number: ModelId) -> Card | None:
        """One model."""

    async def picture(self, row: int) -> Picture | None:
        """One picture."""

    async def creators(self, text: str, after: str, limit: int) -> Listing[CreatorCard]:
        """A page of creators."""

    async def creator(self, name: str) -> CreatorCard | None:
        """One creator."""

    async def prompt_words(self, after: str, most: int) -> list[tuple[str, list[ModelId]]]:
        """Up to `most` words of prompts behind one, and the models whose images have them."""

    async def facets(self) -> Facets:
        """What models can be chosen by."""

    async def extent(self) -> Extent:
        """How much there is."""


class Shown(Protocol):
    """An archive that can be looked at. Every question may be repeated and changes nothing."""

    @property
    def folder(self) -> Path:
        """Where the archive lies."""

    @property
    def library(self) -> Shelves:
        """What is found and listed."""

    async def view(self, card: Card, pictures_at: str) -> ModelView:
        """All that is told of a model; without what cannot be read.

        pictures_at: the URL under which the images of its descriptions lie.
        """

    async def generation(self, picture: Picture) -> Generation:
        """How a picture was made; empty where nothing is known."""

    async def standing(self) -> tuple[RunReport | None, bool]:
        """How the last run stands, and whether one is at work."""
