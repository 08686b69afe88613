"""From facts to pages: pure, the same for a server and for files on a disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Media, Rating, RunReport
from civitai_dl.domain.library import (
    Card,
    CreatorCard,
    Extent,
    Facets,
    Generation,
    Listing,
    ModelOrder,
    ModelQuery,
    ModelView,
    Picture,
    PictureQuery,
    Standing,
    rating_of,
)
from civitai_dl.domain.messages import format_bytes

from ._links import Links
from ._words import LANGUAGES, Say, counted, words_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

RATINGS = tuple((rating.value, rating.name.replace("PG13", "PG-13")) for rating in Rating)

_ORDERS = {
    ModelOrder.ADDED: "added last",
    ModelOrder.PUBLISHED: "published last",
    ModelOrder.NAME: "by name",
    ModelOrder.DOWNLOADS: "most downloads",
    ModelOrder.SIZE: "largest",
}
_MEDIAS = {Media.IMAGE: "still images", Media.VIDEO: "videos", Media.AUDIO: "sounds"}
_PLACES = {"preview": "previews", "gallery": "galleries", "user": "users"}


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The templates, compiled when they are first used; every value is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("civitai_dl.browse"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters["bytes"] = format_bytes
    environment.filters["day"] = day
    environment.filters["rating"] = _rating
    environment.filters["holding"] = _holding
    return environment


def day(moment: float) -> str:
    """A day as 2026-11-23; empty for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return ""


def _rating(level: int) -> str:
    found = rating_of(level)
    return dict(RATINGS).get(0 if found is None else found.value, "?")


def _holding(creator: CreatorCard, say: Say) -> str:
    return say(
        "{models}, {images}",
        models=counted(say, creator.models, "1 model", "{count} models"),
        images=counted(say, creator.images, "1 image", "{count} images"),
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pages have in common. address: of this page in each language.

    policy: stands in the page itself, where no server can send it.
    """

    links: Links
    language: str = "en"
    address: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    tabs: tuple[str, ...] = ("models", "images", "creators", "run")

    @property
    def say(self) -> Say:
        """The words of its language."""
        return words_of(self.language)

    def render(self, template: str, tab: str, **facts: object) -> str:
        """A whole page."""
        say, links = self.say, self.links
        tabs = {
            "models": ("models", links.models(), say("Models")),
            "images": ("images", links.images(), say("Images")),
            "creators": ("creators", links.creators(), say("Creators")),
            "run": ("run", links.run(), say("Run")),
        }
        return (
            templates()
            .get_template(f"{template}.html")
            .render(
                lang=self.language,
                say=say,
                links=links,
                policy=self.policy,
                tab=tab,
                tabs=[tabs[name] for name in self.tabs],
                languages=[
                    (code, text, self.address[code])
                    for code, text in LANGUAGES.items()
                    if code in self.address
                ],
                **facts,
            )
        )


def models_page(
    frame: Frame,
    query: ModelQuery,
    listing: Listing[Card],
    facets: Facets,
    extent: Extent,
    *,
    following: str = "",
    prompts: int = 0,
    prompts_href: str = "",
) -> str:
    """The grid of models. prompts: images that a search finds by their prompts."""
    say = frame.say
    return frame.render(
        "models",
        "models",
        query=query,
        listing=listing,
        following=following,
        kinds=[(kind, f"{kind} ({count})") for kind, count in facets.kinds.items()],
        bases=[(base, f"{base} ({count})") for base, count in facets.base_models.items()],
        ratings=RATINGS,
        standings=[
            (standing.value, f"{say(standing.value)} ({facets.standings.get(standing, 0)})")
            for standing in Standing
        ],
        orders=[(order.value, say(text)) for order, text in _ORDERS.items()],
        counted=counted(say, listing.total or 0, "1 model", "{count} models"),
        reading=_reading(say, extent),
        chosen=query != ModelQuery(order=query.order, after=query.after, limit=query.limit),
        empty=_empty(say, extent),
        prompts=(
            say("{count} images with these words in their prompts", count=f"{prompts:,}")
            if prompts
            else ""
        ),
        prompts_href=prompts_href,
    )


def site_page(
    frame: Frame,
    listing: Listing[Card],
    facets: Facets,
    *,
    following: str = "",
    portions: int = 0,
    shards: int = 0,
) -> str:
    """The grid of models where no server answers.

    portions, shards: files that its search reads; without portions it is to be read as it stands.
    """
    say = frame.say
    facts = {
        "portions": portions,
        "shards": shards,
        "counted": say("{count} models"),
        "more": say("More"),
        "standings": {standing.value: say(standing.value) for standing in Standing},
    }
    orders = (ModelOrder.ADDED, ModelOrder.PUBLISHED, ModelOrder.NAME, ModelOrder.SIZE)
    return frame.render(
        "site",
        "models",
        listing=listing,
        following=following,
        kinds=[(kind, f"{kind} ({count})") for kind, count in facets.kinds.items()],
        bases=[(base, f"{base} ({count})") for base, count in facets.base_models.items()],
        ratings=RATINGS,
        standings=[(standing.value, say(standing.value)) for standing in Standing],
        orders=[(order.value, say(_ORDERS[order])) for order in orders],
        counted=say("{count} models", count=f"{listing.total or 0:,}"),
        facts=json.dumps(facts, ensure_ascii=False) if portions else "",
    )


def images_page(
    frame: Frame,
    query: PictureQuery,
    listing: Listing[Picture],
    extent: Extent,
    *,
    following: str = "",
) -> str:
    """The wall of images."""
    say = frame.say
    return frame.render(
        "images",
        "images",
        query=query,
        listing=listing,
        following=following,
        ratings=RATINGS,
        media_kinds=[(media.value, say(text)) for media, text in _MEDIAS.items()],
        places=[(place, say(text)) for place, text in _PLACES.items()],
        counted=_counted(say, listing),
        reading=_reading(say, extent),
        chosen=query != PictureQuery(after=query.after, limit=query.limit),
        empty=_empty(say, extent),
    )


def _counted(say: Say, listing: Listing[Picture]) -> str:
    if listing.total is None:
        return say("more than {count} images", count=f"{listing.most:,}")
    return counted(say, listing.total, "1 image", "{count} images")


def _reading(say: Say, extent: Extent) -> str:
    if not extent.reading:
        return ""
    share = 100 * extent.seen // extent.all if extent.all else 0
    return say("reading the archive: {share} %", share=share)


def _empty(say: Say, extent: Extent) -> str:
    if extent.reading and not extent.models and not extent.images:
        return say("The archive is being read; this page fills up soon.")
    if not extent.models and not extent.images:
        return say("The archive is empty so far.")
    return say("Nothing fits this choice.")


def image_page(frame: Frame, picture: Picture, made: Generation) -> str:
    """One image, and how it was made."""
    return frame.render("image", "images", picture=picture, made=made)


def model_page(
    frame: Frame,
    card: Card,
    view: ModelView,
    gallery: Listing[Picture],
    *,
    following: str = "",
    details: Mapping[int, Generation] | None = None,
) -> str:
    """One model. details: of the pictures of its gallery, where no server can be asked for them."""
    return frame.render(
        "model",
        "models",
        card=card,
        view=_trusted(view),
        gallery=gallery,
        following=following,
        details=details or {},
    )


def _html(sanitised: str) -> Markup:
    from markupsafe import Markup

    return Markup(sanitised)  # noqa: S704  # ModelView promises that it is


def _trusted(view: ModelView) -> Mapping[str, object]:
    """The view with its sanitised descriptions marked as HTML."""
    return {
        "source_url": view.source_url,
        "description": _html(view.description),
        "gone_since": view.gone_since,
        "versions": [
            {
                "id": version.id,
                "name": version.name,
                "base_model": version.base_model,
                "published": version.published,
                "words": version.words,
                "description": _html(version.description),
                "files": version.files,
                "previews": version.previews,
                "gone_since": version.gone_since,
            }
            for version in view.versions
        ],
    }


def creators_page(
    frame: Frame, text: str, listing: Listing[CreatorCard], *, following: str = ""
) -> str:
    """All creators."""
    total = counted(frame.say, listing.total or 0, "1 creator", "{count} creators")
    return frame.render(
        "creators", "creators", text=text, listing=listing, following=following, counted=total
    )


def creator_page(
    frame: Frame,
    creator: CreatorCard,
    models: Listing[Card],
    pictures: Listing[Picture],
    *,
    following: str = "",
    details: Mapping[int, Generation] | None = None,
) -> str:
    """One creator: models first, then images."""
    return frame.render(
        "creator",
        "creators",
        creator=creator,
        models=models,
        pictures=pictures,
        following=following,
        details=details or {},
    )


def run_page(frame: Frame, report: RunReport | None, *, busy: bool) -> str:
    """How the last run stands, or the one that is at work."""
    say = frame.say
    shown = report or RunReport()
    total = shown.total
    headline = say(
        "{stored} of {expected} stored ({size}), {left} to do",
        stored=f"{total.stored:,}",
        expected=f"{total.expected:,}",
        size=format_bytes(total.bytes),
        left=f"{total.open:,}",
    )
    if report is None:
        headline = say("Nothing has been asked for yet.")
    accounts: Sequence[object] = shown.accounts
    return frame.render(
        "run",
        "run",
        busy=busy,
        headline=headline,
        total=total,
        accounts=accounts,
        failures=shown.failures,
        unavailable=shown.unavailable,
    )


def missing_page(frame: Frame) -> str:
    """What is shown for an address that leads nowhere."""
    return frame.render("missing", "")
