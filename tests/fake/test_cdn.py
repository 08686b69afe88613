"""The image CDN: what it gives, and what it pretends to give."""

import hashlib

import pytest

from civitai_dl.testing import FakeCreator, FakeImage, FakeModel, FakeVersion, World


async def served(serve, *images, **options):
    """A walker, and the listed URLs of a version's previews."""
    world = World().model(FakeModel(1, creator="ann", versions=[FakeVersion(images=images)]))
    ask = await serve(world, **options)
    model = (await ask.get("models/1"))[1]
    return ask, [image["url"] for image in model["modelVersions"][0]["images"]]


def digest(data):
    return hashlib.sha256(data).hexdigest().upper()


@pytest.mark.parametrize(
    ("kind", "suffix", "media_type", "magic"),
    [
        ("png", "jpeg", "image/png", b"\x89PNG"),
        ("jpeg", "jpeg", "image/jpeg", b"\xff\xd8\xff"),
        ("gif", "jpeg", "image/gif", b"GIF89a"),
        ("webp", "jpeg", "image/webp", b"RIFF"),
        ("avif", "jpeg", "image/avif", b"\x00\x00\x00"),
        ("mp4", "mp4", "video/mp4", b"\x00\x00\x00"),
        ("webm", "mp4", "video/webm", b"\x1a\x45\xdf\xa3"),
        ("mp3", "mp3", "audio/mpeg", b"ID3"),
    ],
)
async def test_the_suffix_tells_the_media_only(serve, kind, suffix, media_type, magic):
    """Original bytes come whole, with their true type, under a suffix that says little."""
    ask, (url,) = await served(serve, FakeImage(kind))
    assert url.endswith(f"/original=true/9000001.{suffix}")
    async with ask.session.get(url) as answer:
        data = await answer.read()
        assert answer.content_type == media_type
    assert data.startswith(magic)
    (true,) = ask.fake.world.truth.previews(1)[100001]
    assert (digest(data), len(data), media_type) == (true.sha256, true.size, true.media_type)


async def test_other_params_give_another_picture(serve):
    """width=450 gives a small JPEG; without params or with an odd name it is no original."""
    ask, (url,) = await served(serve, FakeImage("png"))
    original = await ask._bytes(url)
    small = await ask._bytes(url.replace("original=true", "width=450"))
    assert small.startswith(b"\xff\xd8\xff")
    assert small != original
    bare = url.replace("original=true/9000001.jpeg", "anything.webp")
    assert (await ask._bytes(bare)).startswith(b"\xff\xd8\xff")
    assert await ask._bytes(url.replace("9000001.jpeg", "name.png")) == original


async def test_old_urls_are_resized(serve):
    """An image may be listed with width=450; the params must be replaced to get the original."""
    ask, (url,) = await served(serve, FakeImage("png", url_params="width=450"))
    assert not (await ask._bytes(url)).startswith(b"\x89PNG")
    assert (await ask._bytes(url.replace("width=450", "original=true"))).startswith(b"\x89PNG")


async def test_some_videos_show_their_cover_first(serve):
    """original=true is a static WebP; original=true,quality=100 and quality=100 the video."""
    ask, (url,) = await served(serve, FakeImage("mp4", still_first=True))
    assert (await ask._bytes(url)).startswith(b"RIFF")
    for params in ("original=true,quality=100", "quality=100"):
        data = await ask._bytes(url.replace("original=true", params))
        assert data[4:8] == b"ftyp"


async def test_sound_has_no_other_sizes(serve):
    """An audio file comes whole, whatever is asked for."""
    ask, (url,) = await served(serve, FakeImage("mp3"))
    assert await ask._bytes(url.replace("original=true", "width=96")) == await ask._bytes(url)


async def test_redirects_to_the_cache(serve):
    """A redirect leads to a second path with the same bytes."""
    ask, (url,) = await served(serve, FakeImage("png", redirects=True))
    small = await ask._bytes(url.replace("original=true", "width=96"))
    assert small.startswith(b"\xff\xd8\xff")
    async with ask.session.get(url) as answer:
        assert answer.url.path.startswith("/file/civitai-media-cache/")
        assert (await answer.read()).startswith(b"\x89PNG")


async def test_lies_and_gaps(serve):
    """Wrong Content-Type, no length, 404, HTML with 200, an address elsewhere."""
    ask, urls = await served(
        serve,
        FakeImage("webp", content_type="text/plain"),
        FakeImage("png", chunked=True),
        FakeImage("png", removed=True),
        FakeImage("png", html=True),
        FakeImage("png", url="https://example.com/x.png"),
        FakeImage("png", numbered_url=False),
    )
    answers = [await ask.session.get(url) for url in urls[:4]]
    assert answers[0].content_type == "text/plain"
    assert (await answers[0].read()).startswith(b"RIFF")
    assert "Content-Length" not in answers[1].headers
    assert (await answers[1].read()).startswith(b"\x89PNG")
    assert answers[2].status == 404
    assert (answers[3].status, answers[3].content_type) == (200, "text/html")
    assert urls[4] == "https://example.com/x.png"
    assert not urls[5].rpartition("/")[2].startswith("9000006")
    obtainable = [image.obtainable for image in ask.fake.world.truth.previews(1)[100001]]
    assert obtainable == [True, True, False, False, False, True]
    for answer in answers:
        answer.release()


@pytest.mark.parametrize(("cdn_ranges", "status"), [(True, 206), (False, 200)])
async def test_ranges_may_be_honoured(serve, cdn_ranges, status):
    """Nobody knows whether the CDN honours Range, so both can be had."""
    ask, (url,) = await served(serve, FakeImage("png"), cdn_ranges=cdn_ranges)
    async with ask.session.get(url, headers={"Range": "bytes=10-"}) as answer:
        assert answer.status == status


async def test_unknown_images_are_404(serve):
    """An unknown UUID, another account, no path at all: 404."""
    ask, (url,) = await served(serve, FakeImage("png"))
    uuid = url.split("/")[4]
    async with ask.session.post(url) as answer:
        assert answer.status == 405
    for wrong in (url.replace(uuid, "0"), url.replace("xG1n", "zzzz"), ask.fake.cdn_url):
        assert await ask._bytes(wrong) == 404


async def test_avatars_and_inline_pictures_are_served(serve):
    """A creator's avatar and the pictures inside a description come from the CDN too."""
    avatar = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/some-uuid/width=96/ann.jpeg"
    world = World().creator(FakeCreator("ann", avatar=avatar))
    text = '<p><img src="{inline:0}"></p>'
    world.model(FakeModel(1, creator="ann", description=text, inline=[FakeImage("png")]))
    ask = await serve(world)
    model = (await ask.get("models/1"))[1]
    assert model["creator"]["image"].startswith(ask.fake.cdn_url)
    assert isinstance(await ask._bytes(model["creator"]["image"]), bytes)
    inline = model["description"].split('"')[1]
    original = await ask._bytes(inline.replace("width=525", "original=true"))
    assert digest(original) == world.truth.inline(1)[0].sha256
