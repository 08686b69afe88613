"""A service with several hosts: the first one answers, the others are asked in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from civitai_dl.domain.decisions import (
    Doubt,
    Experience,
    doubt_empty,
    doubt_missing,
    mark_cursor,
    split_cursor,
)
from civitai_dl.errors import NeedsLogin, NotFound, NotPermitted, SourceError, Unavailable

if TYPE_CHECKING:
    from civitai_dl.domain.entities import SignedUrl
    from civitai_dl.ports import Json, Parameters

    from ._client import ApiClient

MOST_REMEMBERED = 100_000
"""Things on which the hosts agree; beyond it all are forgotten, and asked once more."""


class SeveralHosts:
    """JsonApi and LinkResolver of a service whose hosts have one database.

    clients: one for each host, the first first; each has its own pace. tell: is told once, in one
    sentence, that the hosts differ. Cursors of other hosts are marked, so that the next page is
    asked of the host that gave it, also by a later run.
    """

    def __init__(self, clients: Sequence[ApiClient], *, tell: Callable[[str], None]) -> None:
        self._first, *self._others = clients
        self._tell = tell
        self._agreed: set[str] = set()
        self._experience = Experience()

    async def get(self, path: str, parameters: Parameters = ()) -> Json:
        """See ports.JsonApi. Raises: NotFound only when every host says so."""
        client, asked = self._whom(parameters)
        if client is not self._first:
            return _marked(await client.get(path, asked), client)
        question = f"{path}?{urlencode(list(asked))}"
        try:
            answer = await client.get(path, asked)
        except NotFound as error:
            doubt = doubt_missing(path, asked)
            if error.gone or doubt is None or question in self._agreed:
                raise
            denied = error
        else:
            return await self._doubted(path, asked, answer, question)
        found = await self._ask_others(path, asked, denied)
        if found is None:
            self._agree(question)
            raise denied
        return found

    async def post(self, path: str, body: Json) -> Json:
        """See ports.JsonApi."""
        return await self._first.post(path, body)

    async def check_key(self) -> bool:
        """See ApiClient."""
        return await self._first.check_key()

    async def resolve(self, path: str) -> SignedUrl:
        """See ports.LinkResolver. What another host refuses with a reason is told as it is."""
        try:
            return await self._first.resolve(path)
        except NotFound as error:
            if error.gone or doubt_missing(path) is None or path in self._agreed:
                raise
            denied = error
        for client in self._others:
            try:
                link = await client.resolve(path)
            except (NeedsLogin, NotPermitted):
                raise
            except NotFound:
                continue
            except SourceError:
                # A link that is not there is asked for again anyway, and proves nothing.
                raise denied from None
            self._differ(client)
            return link
        self._agree(path)
        raise denied

    async def _doubted(
        self, path: str, parameters: Parameters, answer: Json, question: str
    ) -> Json:
        """An answer of the first host, or that of another one when it is a surprise."""
        doubt = doubt_empty(path, parameters, answer)
        if doubt is None or question in self._agreed:
            return answer
        if doubt is Doubt.EMPTY:
            is_worth_it = self._experience.is_worth_asking()
            self._experience = self._experience.saw_empty()
            if not is_worth_it:
                return answer
        try:
            found = await self._ask_others(path, parameters, None)
        except Unavailable:
            if doubt is Doubt.MISSING:
                raise
            # Nobody is declared gone by an empty list.
            return answer
        if found is None:
            self._agree(question)
        return answer if found is None else found

    async def _ask_others(
        self, path: str, parameters: Parameters, denied: NotFound | None
    ) -> Json | None:
        """The answer of another host; None when all others deny it as well.

        Raises: Unavailable, when one of them cannot say: until then nothing is believed.
        """
        for client in self._others:
            try:
                answer = await client.get(path, parameters)
            except NotFound:
                continue
            except SourceError as error:
                raise self._untold(path, client, denied, error) from None
            if doubt_empty(path, parameters, answer) is None:
                self._differ(client)
                return _marked(answer, client)
        return None

    def _untold(
        self, path: str, client: ApiClient, denied: NotFound | None, error: SourceError
    ) -> Unavailable:
        said = f"{path} is empty" if denied is None else denied.message
        return Unavailable(
            f"{said}, says {self._first.host}; {client.host} cannot be asked: {error.message}",
            hint=f"--base-url https://{self._first.host} asks that host only",
        )

    def _whom(self, parameters: Parameters) -> tuple[ApiClient, Parameters]:
        """Who is asked, and for what: a cursor goes to the host that gave it."""
        cursor = next((value for name, value in parameters if name == "cursor"), None)
        if cursor is None:
            return self._first, parameters
        bare, host = split_cursor(cursor)
        asked = [(name, bare if name == "cursor" else value) for name, value in parameters]
        client = next((one for one in self._others if one.host == host), self._first)
        return client, asked

    def _agree(self, question: str) -> None:
        if len(self._agreed) >= MOST_REMEMBERED:
            self._agreed.clear()
        self._agreed.add(question)

    def _differ(self, client: ApiClient) -> None:
        if not self._experience.differed:
            self._tell(
                f"{self._first.host} does not show everything that {client.host} shows: "
                "what it denies is asked of both"
            )
        self._experience = self._experience.saw_difference()


def _marked(answer: Json, client: ApiClient) -> Json:
    """The answer with the host's name at its cursor."""
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(metadata, dict):
        return answer
    if not (cursor := metadata.get("nextCursor")):
        return answer
    return {**answer, "metadata": {**metadata, "nextCursor": mark_cursor(cursor, client.host)}}
