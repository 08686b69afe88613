"""The archive as files that open from a disk: where each lies, and what its search reads. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import quote

from civitai_dl.domain.decisions import lone_component
from civitai_dl.domain.entities import Media, ModelId
from civitai_dl.domain.library import Card, Picture

from ._policy import may_be_drawn

POLICY = (
    "default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src 'self' file:; "
    "script-src 'self' file:; base-uri 'none'; form-action 'none'"
)
"""As the server's; some browsers do not count a file beside a page as of the page's own origin."""

SMALL = 150_000
"""Bytes; an image up to this size is its own small picture."""

SHARDS = 256
"""Files that the words of prompts are spread over; a search reads those of its words."""


class SiteLinks:
    """Links of pages that are files. depth: folders between a page and the top of the site.

    creators: the keys of those who have a page.
    """

    def __init__(self, depth: int, creators: Collection[str]) -> None:
        self._up = "../" * depth
        self._creators = creators

    def static(self, name: str) -> str:
        """Styles, scripts and signs."""
        return f"{self._up}static/{name}"

    def models(self) -> str:
        """The grid of models."""
        return f"{self._up}index.html"

    def models_of(self, creator: str) -> str:
        """The models of a creator."""
        return f"{self._up}index.html#creator={quote(creator, safe='')}"

    def tag(self, tag: str) -> str:
        """The models with a tag."""
        return f"{self._up}index.html#tag={quote(tag, safe='')}"

    def model(self, number: ModelId) -> str:
        """One model."""
        return f"{self._up}{model_file(number)}"

    def images(self) -> str:
        """There is no wall of images: too many for files."""
        return ""

    def picture(self, picture: Picture) -> str:
        """An image has no page of its own; what is told of it stands beside it."""
        return self.media(picture)

    def creators(self) -> str:
        """All creators."""
        return f"{self._up}creators.html"

    def creator(self, name: str) -> str:
        """One creator; empty where there is no page."""
        return f"{self._up}{quote(creator_file(name))}" if name.lower() in self._creators else ""

    def run(self) -> str:
        """Files know of no run."""
        return ""

    def thumb(self, picture: Picture) -> str:
        """A small picture of an image."""
        return f"{self._up}{quote(shown_small(picture))}"

    def media(self, picture: Picture) -> str:
        """The bytes as they are stored."""
        return f"{self._up}{quote(media_file(picture))}"


def model_file(number: ModelId, page: int = 1) -> str:
    """The page of a model, and those with more of its gallery."""
    return f"models/{number // 1000}/{number}{_tail(page)}.html"


def creator_file(name: str, page: int = 1) -> str:
    """The page of a creator. Names are the same in whatever case they are written."""
    stem = lone_component(name.lower())
    return f"creators/{stem}{_tail(page)}.html"


def list_file(name: str, page: int) -> str:
    """A page of a list: `index`, `creators`."""
    return f"{name}{_tail(page)}.html"


def _tail(page: int) -> str:
    return "" if page == 1 else f"~{page}"


def media_file(picture: Picture) -> str:
    """Where the bytes of a picture lie; the same for equal ones."""
    ending = picture.path.rsplit(".", 1)[-1].lower()
    return f"media/{picture.mark[:2]}/{picture.mark}.{ending}"


def thumb_file(picture: Picture) -> str:
    """Where a small picture lies."""
    return f"thumbs/{picture.mark[:2]}/{picture.mark}.webp"


def needs_thumb(picture: Picture) -> bool:
    """Whether a picture is too large to be looked at by the dozen."""
    return may_be_drawn(picture.path) and picture.size > SMALL


def shown_small(picture: Picture) -> str:
    """What is shown of a picture in a grid."""
    if picture.media is Media.IMAGE and needs_thumb(picture):
        return thumb_file(picture)
    return media_file(picture)


def description_folder(number: ModelId) -> str:
    """Where the images of a model's descriptions lie."""
    return f"descriptions/{number // 1000}/{number}"


def card_rows(cards: Iterable[Card]) -> list[list[object]]:
    """Cards as the search of a site reads them; see static/site.js."""
    return [
        [
            card.id,
            card.name,
            card.kind,
            card.creator or "",
            list(card.base_models),
            list(card.tags),
            list(card.words),
            card.standing.value,
            card.rating,
            int(card.mature),
            "" if card.cover is None else shown_small(card.cover),
            "" if card.cover is None else card.cover.media.value,
            card.bytes,
            round(card.published or 0),
            card.gone_versions,
        ]
        for card in cards
    ]


def data_script(call: str, *facts: object) -> bytes:
    """A script that hands facts to the search; a page from a disk may read nothing else."""
    told = ",".join(json.dumps(fact, ensure_ascii=True, separators=(",", ":")) for fact in facts)
    return f"archive.{call}({told});\n".encode()


def data_member(name: str, value: object) -> str:
    """A member of an object in such a script."""
    return f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}"


def shard_of(word: str) -> int:
    """Which file has a word; static/site.js reckons the same."""
    number = 7
    for sign in word:
        number = (number * 31 + ord(sign)) % 65_521
    return number % SHARDS


def gaps(places: Sequence[int]) -> list[int]:
    """Rising numbers as their distances, which are shorter."""
    ordered = sorted(places)
    return [here - before for before, here in zip([0, *ordered], ordered, strict=False)]
