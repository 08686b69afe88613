"""Whether what is written of a model is what would be written of it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from ..entities import Dressed, StoredFile
from ._damage import Seen, There


def made_of(answer: bytes, stored: Mapping[str, StoredFile], *, maker: str) -> str:
    """A digest of all that the page and the sidecars of a model are made of.

    answer: the model as the service tells of it. stored: what is stored of it, by task. maker: what
    makes pages of these; another one for a program that would make other pages.
    """
    facts = [
        f"{key}\x1f{file.path}\x1f{file.sha256}\x1f{file.size}\x1f{file.verified}"
        for key, file in sorted(stored.items())
    ]
    digest = sha256("\x1e".join([maker, *facts, ""]).encode("utf-8", "surrogatepass"))
    digest.update(answer)
    return digest.hexdigest()


def is_as_written(
    dressed: Dressed, facts: str, documents: Sequence[Seen], links: Sequence[int | None]
) -> bool:
    """Whether nothing has to be written: it is made of the same, and lies there to the byte.

    facts: what it would be made of now (`made_of`). documents: what was found and read in the
    places of its documents, in order. links: sizes of what bears its second names, None for
    nothing; whatever bears one stays, for it may be the user's own.
    """
    if dressed.made_of != facts or None in links:
        return False
    return all(
        seen.there is There.FILE and seen.measured is not None and seen.measured.sha256 == digest
        for seen, (_, digest) in zip(documents, dressed.documents, strict=True)
    )
