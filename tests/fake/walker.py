"""An archiver in its simplest form: what it brings home must be the world's truth."""

import asyncio
import hashlib

import aiohttp

ALL_LEVELS = 31
VIDEO_MARKS = (b"ftyp", b"\x1a\x45\xdf\xa3")


class Walker:
    """Asks a fake as the reference advises to ask Civitai, one thing at a time."""

    def __init__(self, fake, session, key=None):
        self.fake, self.session = fake, session
        self.headers = {"User-Agent": "civitai-dl-tests/1"}
        self.key = {"Authorization": f"Bearer {key}"} if key else {}

    async def get(self, path, **params):
        url = path if path.startswith("http") else f"{self.fake.base_url}/api/v1/{path}"
        headers = {**self.headers, **self.key}
        async with self.session.get(url, params=params or None, headers=headers) as answer:
            body = await answer.json(content_type=None, loads=_lenient)
            return answer.status, body

    async def pages(self, path, **params):
        """All items of a list, in the order of their coming, repeats and all."""
        items, seen = [], set()
        while True:
            status, page = await self.get(path, **params)
            assert status == 200, page
            items += page["items"]
            cursor = page["metadata"].get("nextCursor")
            if cursor is None:
                return items
            assert cursor not in seen
            seen.add(cursor)
            params["cursor"] = str(cursor)

    async def user_models(self, username, limit=7):
        found = set()
        for nsfw in ({"nsfw": "true"}, {}):
            items = await self.pages(
                "models", username=username, sort="Oldest", limit=limit, archived="true", **nsfw
            )
            found |= {item["id"] for item in items}
        return sorted(found)

    async def user_images(self, username, limit=200):
        found = {}
        for bit in (1, 2, 4, 8, 16):
            items = await self.pages(
                "images", username=username, browsingLevel=bit, sort="Newest", limit=limit
            )
            found |= {item["id"]: item for item in items}
        return found

    async def gallery(self, model_id, limit=50):
        items = await self.pages(
            "images", modelId=model_id, browsingLevel=ALL_LEVELS, sort="Oldest", limit=limit
        )
        return {item["id"]: item for item in items}

    async def file(self, version_id, file):
        """The bytes of a file, or the status that refuses them."""
        bare = f"{self.fake.base_url}/api/download/models/{version_id}?fileId={file['id']}"
        for url in (bare, bare, file["downloadUrl"]):
            status, location = await self._resolve(url)
            if status != 404:
                break
        return await self._bytes(location) if location else status

    async def _resolve(self, url):
        headers = {**self.headers, **self.key}
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location")

    async def _bytes(self, url):
        async with self.session.get(url, headers=self.headers) as answer:
            return await answer.read() if answer.status == 200 else answer.status

    async def image(self, url, media):
        """The original bytes of an image, or None when there are none to be had."""
        if not url.startswith(self.fake.cdn_url):
            return None
        head, _, name = url.rpartition("/")
        head, _, params = head.rpartition("/")
        assert params
        for wanted in ("original=true", "original=true,quality=100"):
            data = await self._bytes(f"{head}/{wanted}/{name}")
            if data == 404 or data.startswith(b"<!DOCTYPE"):
                return None
            if media != "video" or any(mark in data[:12] for mark in VIDEO_MARKS):
                return data
        return None

    async def images(self, items):
        """SHA256 per image id, None for what cannot be had."""

        async def one(number, item):
            data = await self.image(item["url"], item["type"])
            return number, data and hashlib.sha256(data).hexdigest().upper()

        return dict(await asyncio.gather(*(one(*pair) for pair in items.items())))


def _lenient(text):
    import json

    return json.loads(text, strict=False)


def session():
    connector = aiohttp.TCPConnector(limit=32)
    return aiohttp.ClientSession(connector=connector)
