"""The local web application: read-only, for this machine alone, nothing from the network."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from pkgutil import get_data
from typing import Final

from aiohttp import web

from civitai_dl.domain.decisions import model_folder
from civitai_dl.domain.entities import LARGEST_ID, ModelId
from civitai_dl.domain.library import Picture, PictureQuery

from ._links import ServerLinks
from ._pages import (
    Frame,
    creator_page,
    creators_page,
    image_page,
    images_page,
    missing_page,
    model_page,
    models_page,
    run_page,
)
from ._policy import COMMON, MEDIA_POLICY, content_type, is_own_host, may_be_drawn
from ._questions import PAGE, address, model_query, number_in, picture_query, text_in
from ._shown import Shown
from ._thumbnails import Thumbnails
from ._words import LANGUAGES, pick

COOKIE = "civitai-dl-lang"
FOR_EVER = "private, max-age=31536000, immutable"

_SHIPPED: Final = {
    "app.css": "text/css",
    "app.js": "text/javascript",
    "head.js": "text/javascript",
    "icon.png": "image/png",
}
_PLAIN_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,200}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Answers requests from what an archive shows."""

    def __init__(
        self, shown: Shown, thumbnails: Thumbnails, *, language: str, version: str
    ) -> None:
        """language: for browsers that ask for none we speak. version: of the program."""
        self._shown = shown
        self._thumbnails = thumbnails
        self._language = language
        self._links = ServerLinks(version)
        self.port = 0
        """Where it listens; requests that were meant for another place are refused."""

    def application(self) -> web.Application:
        """The application; all of it answers GET and HEAD alone."""
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", self._models),
                web.get(r"/models/{number:\d+}", self._model),
                web.get(r"/models/{number:\d+}/description_files/{name}", self._description_file),
                web.get("/images", self._images),
                web.get(r"/images/{row:\d+}", self._image),
                web.get("/creators", self._creators),
                # aiohttp's own pattern for a part has no room for braces.
                web.get("/creators/{name:[^/]+}", self._creator),
                web.get("/run", self._run),
                web.get(r"/thumbs/{row:\d+}-{mark:[0-9a-f]+}.webp", self._thumb),
                web.get(r"/media/{row:\d+}-{mark:[0-9a-f]+}/{name}", self._media),
                web.get("/static/{version}/{name}", self._static),
            ]
        )
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_own_host(request.headers.get("Host", ""), self.port):
            response: web.StreamResponse = web.Response(
                status=421, text="This address is not served here.\n"
            )
        else:
            response = await self._answer(request, handler)
        for name, value in COMMON.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            response = self._html(missing_page(self._frame(request)), status=404)
        except web.HTTPException as other:
            response = web.Response(status=other.status, text=f"{other.reason}\n")
            if "Allow" in other.headers:
                response.headers["Allow"] = other.headers["Allow"]
        asked = request.query.get("lang")
        if asked in LANGUAGES:
            response.set_cookie(COOKIE, str(asked), samesite="Strict", max_age=31_536_000)
        return response

    def _frame(self, request: web.Request) -> Frame:
        language = pick(
            request.query.get("lang"),
            request.cookies.get(COOKIE),
            request.headers.get("Accept-Language", ""),
            self._language,
        )
        return Frame(
            self._links,
            language,
            {code: address(request.path, request.query, lang=code) for code in LANGUAGES},
        )

    def _html(self, text: str, *, status: int = 200) -> web.Response:
        return web.Response(
            body=text.encode("utf-8", "replace"),
            status=status,
            content_type="text/html",
            charset="utf-8",
            headers={"Cache-Control": "no-store"},
        )

    async def _models(self, request: web.Request) -> web.StreamResponse:
        query = model_query(request.query)
        listing = await self._shown.library.models(query)
        found = 0
        if query.text and not query.after:
            found = await self._shown.library.count_pictures(PictureQuery(text=query.text))
        page = models_page(
            self._frame(request),
            query,
            listing,
            await self._shown.library.facets(),
            await self._shown.library.extent(),
            following=self._onward(request, listing.following),
            prompts=found,
            prompts_href=address("/images", {"q": query.text}),
        )
        return self._html(page)

    def _onward(self, request: web.Request, following: str) -> str:
        return address(request.path, request.query, after=following) if following else ""

    async def _images(self, request: web.Request) -> web.StreamResponse:
        query = picture_query(request.query)
        listing = await self._shown.library.pictures(query)
        page = images_page(
            self._frame(request),
            query,
            listing,
            await self._shown.library.extent(),
            following=self._onward(request, listing.following),
        )
        return self._html(page)

    async def _image(self, request: web.Request) -> web.StreamResponse:
        picture = await self._picture(request)
        made = await self._shown.generation(picture)
        return self._html(image_page(self._frame(request), picture, made))

    async def _picture(self, request: web.Request) -> Picture:
        picture = await self._shown.library.picture(number_in(request.match_info, "row"))
        if picture is None:
            raise web.HTTPNotFound
        return picture

    async def _model(self, request: web.Request) -> web.StreamResponse:
        number = ModelId(number_in(request.match_info, "number"))
        card = await self._shown.library.model(number) if number <= LARGEST_ID else None
        if card is None:
            raise web.HTTPNotFound
        after = str(number_in(request.query, "after") or "")
        gallery = await self._shown.library.pictures(
            PictureQuery(model_id=number, place="gallery", after=after, limit=PAGE)
        )
        page = model_page(
            self._frame(request),
            card,
            await self._shown.view(card, f"/models/{number}/description_files"),
            gallery,
            following=self._onward(request, gallery.following),
        )
        return self._html(page)

    async def _creators(self, request: web.Request) -> web.StreamResponse:
        text = text_in(request.query, "q").strip()
        after = str(number_in(request.query, "after") or "")
        listing = await self._shown.library.creators(text, after, PAGE)
        onward = self._onward(request, listing.following)
        return self._html(creators_page(self._frame(request), text, listing, following=onward))

    async def _creator(self, request: web.Request) -> web.StreamResponse:
        creator = await self._shown.library.creator(request.match_info["name"])
        if creator is None:
            raise web.HTTPNotFound
        after = str(number_in(request.query, "after") or "")
        models = await self._shown.library.models(model_query({"creator": creator.name}))
        pictures = await self._shown.library.pictures(
            PictureQuery(creator=creator.name, after=after, limit=PAGE)
        )
        page = creator_page(
            self._frame(request),
            creator,
            models,
            pictures,
            following=self._onward(request, pictures.following),
        )
        return self._html(page)

    async def _run(self, request: web.Request) -> web.StreamResponse:
        report, busy = await self._shown.standing()
        return self._html(run_page(self._frame(request), report, busy=busy))

    async def _thumb(self, request: web.Request) -> web.StreamResponse:
        picture = await self._picture(request)
        if picture.mark != request.match_info["mark"] or not may_be_drawn(picture.path):
            raise web.HTTPNotFound
        data = await self._thumbnails.of(picture.path, picture.mark)
        if data is None:
            # Too large, or of a kind that only browsers know: they may try.
            return self._file(self._shown.folder / picture.path, FOR_EVER)
        headers = {"Cache-Control": FOR_EVER, "Content-Security-Policy": MEDIA_POLICY}
        return web.Response(body=data, content_type="image/webp", headers=headers)

    async def _media(self, request: web.Request) -> web.StreamResponse:
        picture = await self._picture(request)
        if picture.mark != request.match_info["mark"]:
            raise web.HTTPNotFound
        return self._file(self._shown.folder / picture.path, FOR_EVER)

    async def _description_file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        number = ModelId(number_in(request.match_info, "number"))
        if not _PLAIN_NAME.fullmatch(name):
            raise web.HTTPNotFound
        folder = self._shown.folder / model_folder(number) / "description_files"
        return self._file(folder / name, "private, no-cache")

    def _file(self, path: Path, cache: str) -> web.StreamResponse:
        if not path.is_file():
            raise web.HTTPNotFound
        kind = content_type(path.name)
        headers = {
            "Content-Type": kind or "application/octet-stream",
            "Content-Security-Policy": MEDIA_POLICY,
            "Cache-Control": cache,
        }
        if kind is None:
            headers["Content-Disposition"] = "attachment"
        return web.FileResponse(path, headers=headers)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in _SHIPPED:
            raise web.HTTPNotFound
        return web.Response(
            body=get_data(__package__, f"static/{name}"),
            content_type=_SHIPPED[name],
            charset="utf-8" if name != "icon.png" else None,
            headers={"Cache-Control": FOR_EVER},
        )
