"""Whether a "there is none" is so surprising that another host of the service is asked, too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

ALWAYS_UP_TO = 50
"""Empty lists of a run on which every one is doubted."""

THEN_EVERY = 10
"""Of those after them, while the hosts have never differed, one in so many is."""

_SINGLE = re.compile(r"/api/v1/(?:models|model-versions|model-versions/by-hash|posts)/[0-9A-Za-z]+")
_LISTS = frozenset({"/api/v1/models", "/api/v1/images"})
_DOWNLOADS = "/api/download/"
_MARK = "@"

Parameters = Sequence[tuple[str, str]]


class Doubt(str, Enum):
    """How much hangs on an answer that says that there is nothing."""

    MISSING = "missing"
    """A thing would be held to be gone: it is believed only when all hosts say so."""
    EMPTY = "empty"
    """A list would be held to be empty, as many are."""


def doubt_missing(path: str, parameters: Parameters = ()) -> Doubt | None:
    """The doubt about a 404; None where no host can know more than another.

    Models, versions, digests, posts, users and their lists, and download links: for days after the
    mature front had moved to a host of its own, the first one denied much of this (observed). Not a
    further page: its cursor means nothing to others.
    """
    if any(name == "cursor" for name, _ in parameters):
        return None
    asked = path.partition("?")[0].rstrip("/")
    if asked in _LISTS or asked.startswith(_DOWNLOADS) or _SINGLE.fullmatch(asked):
        return Doubt.MISSING
    return None


def doubt_empty(path: str, parameters: Parameters, answer: object) -> Doubt | None:
    """The doubt about an answer without any items; None where it is an ordinary one.

    Only of a first page without a next one, for a cursor belongs to one host and one query. Models
    by ids are asked for one by one afterwards, and a list that was asked for without mature models
    is empty for many users.
    """
    asked = dict(parameters)
    if path not in _LISTS or "cursor" in asked or not _is_empty(answer):
        return None
    if path == "/api/v1/images":
        return Doubt.MISSING if asked.keys() & {"imageId", "postId"} else Doubt.EMPTY
    if "ids" in asked or asked.get("nsfw") != "true":
        return None
    return Doubt.MISSING if "modelVersionIds" in asked else Doubt.EMPTY


def _is_empty(answer: object) -> bool:
    if not isinstance(answer, Mapping) or answer.get("items"):
        return False
    metadata = answer.get("metadata")
    return not (isinstance(metadata, Mapping) and metadata.get("nextCursor"))


@dataclass(frozen=True, slots=True)
class Experience:
    """What a run has seen of two hosts: how many empty lists, and whether they ever differed.

    An archive of thousands of empty galleries must not cost twice the requests for nothing; but a
    host that was once found to hide something is never again believed alone.
    """

    empty: int = 0
    differed: bool = False

    def is_worth_asking(self) -> bool:
        """Whether the next empty list is doubted."""
        return self.differed or self.empty < ALWAYS_UP_TO or self.empty % THEN_EVERY == 0

    def saw_empty(self) -> Experience:
        """After one more empty list, doubted or not."""
        return replace(self, empty=self.empty + 1)

    def saw_difference(self) -> Experience:
        """After the other host had what the first one denied."""
        return replace(self, differed=True)


def mark_cursor(cursor: object, host: str) -> str:
    """A cursor that tells which host has given it; the first host's are left as they are."""
    return f"{cursor}{_MARK}{host}"


def split_cursor(cursor: str) -> tuple[str, str]:
    """A cursor as its host wrote it, byte for byte, and that host; "" for the first one."""
    bare, mark, host = cursor.rpartition(_MARK)
    return (bare, host) if mark else (cursor, "")
