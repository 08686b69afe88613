"""Which file a download request means [server source]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._service._words import FILE_FORMATS, FILE_KINDS
from civitai_dl.testing._world import FakeFile, FakeVersion, public_files

if TYPE_CHECKING:
    from civitai_dl.testing._wire import Request

_ENUMS = {"type": FILE_KINDS, "format": FILE_FORMATS, "size": ("full", "pruned")}
_WISHES = {"type": "Model", "format": "SafeTensor", "size": "pruned", "fp": "fp16"}
"""What is preferred where the request says nothing: the site's defaults for a new user."""
_WEIGHTS = {"type": 8, "format": 4, "size": 2, "fp": 1}


class BadWordError(Exception):
    """A query word that is not one of the allowed ones."""

    def __init__(self, field: str, word: str) -> None:
        super().__init__(f"{field}={word}")
        self.field, self.word = field, word


def pick_file(version: FakeVersion, request: Request) -> FakeFile | None:
    """Return the file that a request means, None for 404.

    With `fileId` exactly that file, nothing else is looked at; it must be the version's own.
    Without, the files are scored, and a pick that contradicts a given word is a 404.
    Raises: BadWordError.
    """
    for field, words in _ENUMS.items():
        asked = request.first(field)
        if asked is not None and asked not in words:
            raise BadWordError(field, asked)
    wanted = request.first("fileId")
    if wanted is not None:
        if not wanted.isdecimal():
            raise BadWordError("fileId", wanted)
        found = (f for f in public_files(version) if str(f.id) == wanted and not f.linked)
        return next(found, None)
    given = {field: word for field in _WISHES if (word := request.first(field)) is not None}
    best = max(public_files(version), key=lambda file: _score(file, given), default=None)
    if best is None or best.listed_url_broken:
        return None
    contradicts = any(traits(best).get(field) != word for field, word in given.items())
    return None if contradicts else best


def traits(file: FakeFile) -> dict[str, str | None]:
    """Return the words by which a file can be asked for."""
    kind = "VAE" if file.linked else file.kind
    return {"type": kind, "format": file.format, "size": file.extent, "fp": file.precision}


def _score(file: FakeFile, given: dict[str, str]) -> tuple[int, bool, int]:
    """Return how well a file fits; a tie goes to the primary, then to the older file.

    A bare request always means the primary file.
    """
    if not given:
        return (0, bool(file.primary), -file.id)
    words = traits(file)
    wishes = _WISHES | given
    score = sum(_WEIGHTS[field] for field, wish in wishes.items() if words[field] == wish)
    sure = sum(100 * _WEIGHTS[field] for field, wish in given.items() if words[field] == wish)
    return (score + sure, bool(file.primary), -file.id)
