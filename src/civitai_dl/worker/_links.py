"""Links to the bytes of a file, and the one that all of its pieces share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from civitai_dl.domain.entities import SignedUrl

if TYPE_CHECKING:
    from civitai_dl.ports import Clock


class Link(Protocol):
    """Gives the address of the bytes."""

    async def __call__(
        self,
        renew: bool,  # noqa: FBT001  # as it is called
        *,
        seen: SignedUrl | None = None,
    ) -> SignedUrl:
        """The address; with `renew` a new one, or the one that has come since `seen`."""


@dataclass(slots=True)
class SharedLink:
    """A link that is used until it ends or is refused, and then renewed once for all."""

    link: Link
    clock: Clock
    _current: SignedUrl | None = None
    _spent: SignedUrl | None = None
    _renewed_at: int = -1

    async def get(self) -> SignedUrl:
        """The link to ask with."""
        if self._current is None:
            found = await self.link(False)
            self._current = self._current or found
        ends = self._current.expires_at
        if ends is not None and ends <= self.clock.now():
            await self._replace(self._current)
        return self._current

    async def refused(self, link: SignedUrl, came: int) -> bool:
        """Have another one for a link that was refused; False when that does not help.

        came: bytes that have come by now: when none has since the last renewal, it was in vain.
        """
        if link is not self._current:
            return True
        if link is not self._spent:
            if self._renewed_at == came:
                return False
            self._spent, self._renewed_at = link, came
        await self._replace(link)
        return True

    async def _replace(self, link: SignedUrl) -> None:
        found = await self.link(True, seen=link)
        if self._current is link:
            self._current = found


def host_of(link: SignedUrl) -> str:
    """The host of a link, "" for one that cannot be read: then the fetcher will say so."""
    try:
        return urlsplit(link.reveal()).hostname or ""
    except ValueError:
        return ""
