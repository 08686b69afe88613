"""Why a text names nothing of the service, and what to write instead."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from civitai_dl.domain.entities import LARGEST_ID
from civitai_dl.errors import TargetError

from ._terms import read_link, read_question
from ._urls import SITES, site_path

LONGEST_SHOWN = 200
"""Characters of a text that an error repeats."""

_NUMBERED = ("model", "version", "image", "post", "collection")
_LISTS = ("search", "tag", "favorites", "favourites")
_DIGESTS = {
    "sha256": "64 or 10",
    "autov1": "8",
    "autov2": "10",
    "autov3": "12 or 64",
    "blake3": "64",
    "crc32": "8",
    "hash": "64, 12 or 10",
}
_FORMS = "a link of the site, model:4384, version:128713, user:ann, tag:anime, search:WORDS, ..."
_WEB = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):/|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:[/?#]|$)", re.IGNORECASE
)
_FILE = re.compile(r"(?:[./~]|[A-Za-z]:[\\/]).*|[^:?]*\.(?:txt|list|lst|csv|md|json)")
_HEX = re.compile(r"[0-9a-f]{7,128}", re.IGNORECASE)
_AIR = re.compile(r"(?:urn:)?air:", re.IGNORECASE)
_AIR_SOURCE = re.compile(r"(?:urn:)?air:[^:]*:[^:]*:(?P<source>[^:]+):", re.IGNORECASE)

_PAGES = {
    "articles": "an article is no model",
    "bounties": "a bounty is no model",
    "challenges": "a challenge is no model",
    "comics": "a comic is no model",
    "events": "an event is no model",
    "generate": "the generator is no model",
    "tools": "a tool is no model",
}
"""Pages of the site that people may copy, by the first part of their path."""

COLLECTIONS = "the service has no documented way to list what a collection holds"


def why_not(text: str) -> TargetError:
    """The error for a text that no source reads: it repeats the text, and says what to do."""
    why, hint = _explained(text)
    return TargetError(f"{why}: {text[:LONGEST_SHOWN]}", hint=hint)


def _explained(text: str) -> tuple[str, str]:
    if not text:
        return "nothing is named", f"for example {_FORMS}"
    parts = re.split(r"[\s,;]+", text)
    if len(parts) > 1 and all(map(_reads, parts)):
        return "one line names one thing", "write each on a line of its own"
    if _FILE.fullmatch(text):
        return "this looks like a file", f"-i {text[:80]} reads a list"
    if _AIR.match(text):
        return _air(text)
    if _WEB.match(text) or (site_path(text) is not None and "/" in text):
        return _link(text)
    word, colon, rest = text.partition(":")
    if colon and re.fullmatch(r"[A-Za-z0-9_-]{2,20}", word):
        return _short(word.lower(), rest)
    if re.fullmatch(r"[-+]?[0-9]+(?:[.,][0-9]+)?", text):
        return _number(text, "model")
    if _HEX.fullmatch(text):
        return _digest(text)
    return _words(text)


def _number(text: str, what: str) -> tuple[str, str]:
    digits = text.isascii() and text.isdigit()
    if digits and not int(text[:400]):
        return f"there is no {what} 0", f"the number of {_a(what)} stands in its link"
    if digits:
        return (
            f"this is larger than any id of the service ({LARGEST_ID})",
            "a digit too many? A digest of digits alone is written hash:...",
        )
    return f"{_a(what)} is named by a whole number", f"for example {what}:4384"


def _a(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _digest(text: str) -> tuple[str, str]:
    if len(text) == 8:
        return (
            "eight digits are an AutoV1 or a CRC32, which different files share",
            "say which, as autov1:... or crc32:..., or better give the SHA256",
        )
    return (
        f"a digest of {len(text)} digits is none that the service knows",
        "a SHA256 has 64, an AutoV3 12, an AutoV2 10",
    )


def _air(text: str) -> tuple[str, str]:
    source = _AIR_SOURCE.match(text)
    if source is not None and source["source"].lower() != "civitai":
        name = source["source"]
        return f"this AIR names something of {name[:40]}, not of Civitai", "leave it out"
    form = "urn:air:ECOSYSTEM:TYPE:civitai:MODEL@VERSION"
    return "this is no complete AIR", f"its form is {form}, its ids not above {LARGEST_ID}"


def _short(word: str, rest: str) -> tuple[str, str]:
    if word == "collection":
        return _collection()
    if word in _NUMBERED:
        return _number(rest.strip(), word)
    if word in _DIGESTS:
        if re.fullmatch("[0-9a-f]{8}", rest, re.IGNORECASE):
            return _digest(rest)
        return (
            f"this is no {word}",
            f"it has {_DIGESTS[word]} hexadecimal digits, without anything between them",
        )
    if word == "user":
        return "this is no name of a user", "for example user:ann"
    if word in _LISTS:
        return _list(word, rest)
    return f"no word before a colon is {word!r}", f"there are {_FORMS}"


def _list(word: str, rest: str) -> tuple[str, str]:
    try:
        read_question(rest)
    except TargetError as error:
        return error.message, error.hint or "for example search:anime?types=LORA&max-models=50"
    if word.startswith("fav"):
        return "favorites: is followed by parameters only", "for example favorites:?types=LORA"
    example = "search:anime style" if word == "search" else "tag:anime"
    return f"{word}: lacks its words, or has more than that", f"for example {example}"


def _collection() -> tuple[str, str]:
    hint = "put the links of its models into a list; what you bookmarked is favorites:"
    return f"collections cannot be listed ({COLLECTIONS})", hint


def _link(text: str) -> tuple[str, str]:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").lower()
    except ValueError:
        return "this is no address", "copy it again"
    if parts.scheme not in ("http", "https"):
        return "this is no address of the web", f"for example {_FORMS}"
    path = site_path(text)
    if path is None:
        return _elsewhere(host)
    return _page(path, parts.query)


def _elsewhere(host: str) -> tuple[str, str]:
    if host.endswith(tuple(f".{site}" for site in SITES)):
        return (
            f"{host} holds bytes, and pages are on civitai.com",
            "give the page of it, such as https://civitai.com/images/98780806",
        )
    if host in ("huggingface.co", "hf.co"):
        return "this is a page of Hugging Face", "huggingface-cli fetches from there"
    where = f"another site ({host})" if host else "no site"
    return f"this is a page of {where}", "links of civitai.com, .red, .green and .blue are read"


def _page(path: str, query: str) -> tuple[str, str]:
    parts = [part for part in path.split("/") if part]
    first = parts[0] if parts else ""
    if first == "collections":
        return _collection()
    if first in ("models", "model-versions", "images", "posts", "search"):
        return _numbered_page(first, parts[1:], query)
    if first == "user":
        return _profile(parts[1:])
    if first == "api":
        return (
            "this address of the interface lists nothing that can be fetched",
            "give the page of the model, or its download link (/api/download/models/ID)",
        )
    if first in _PAGES:
        hint = "give the links of the models or images on it"
        return _PAGES[first], hint
    if not first:
        return "this is the front page of the site", f"for example {_FORMS}"
    return (
        "this page of the site names no model, version, user, post or image",
        f"for example {_FORMS}",
    )


def _numbered_page(first: str, rest: list[str], query: str) -> tuple[str, str]:
    what = {"model-versions": "version", "images": "image", "posts": "post"}.get(first, "model")
    if rest and first != "search":
        if re.fullmatch(r"[-+]?[0-9]+", rest[0]):
            return _in_range(rest[0], what, query)
        return f"the page of {_a(what)} has its number in its address", "copy the link again"
    if first in ("models", "search"):
        try:
            read_link(query)
        except TargetError as error:
            return error.message, error.hint
        return (
            (
                "this lists everything there is"
                if first == "models"
                else "this is no search for models"
            ),
            "search:WORDS and tag:NAME list what they find",
        )
    return f"this is the feed of {first}, which has no end", f"for example {what}:98780806"


def _in_range(number: str, what: str, query: str) -> tuple[str, str]:
    if number.isdigit() and 0 < int(number[:400]) <= LARGEST_ID:
        version = parse_qs(query).get("modelVersionId", [""])[0]
        if version.isdigit():
            return _number(version, "version")
        return f"this is a page below {_a(what)}", f"give the page of the {what} itself"
    return _number(number, what)


def _profile(rest: list[str]) -> tuple[str, str]:
    if not rest:
        return "the page of a user has a name in its address", "for example user:ann"
    name = unquote(rest[0])
    return (
        "this part of a profile lists nothing that can be fetched",
        f"user:{name[:40]} is all of it; /models and /images are parts",
    )


def _words(text: str) -> tuple[str, str]:
    if " " in text:
        return "this names nothing of Civitai", f"to search for it, write search:{text[:40]}"
    shown = text[:40]
    hint = f"write user:{shown}, tag:{shown}, or search:{shown} for what its words find"
    return "this alone names nothing of Civitai", hint


def _reads(text: str) -> bool:
    from . import all_sources

    return any(source.parse(text) is not None for source in all_sources())
