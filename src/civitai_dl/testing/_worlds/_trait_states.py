"""Models that are odd in what the service says about them, or in who may have them."""

from __future__ import annotations

from datetime import datetime, timezone

from civitai_dl.testing._service import GOOD_KEY, RAW_CONTROLS
from civitai_dl.testing._world import (
    MATURE,
    SAFE,
    SOFT,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    X,
)

_LONG_AGO = datetime(2024, 2, 1, tzinfo=timezone.utc)
_FAR_OFF = datetime(2099, 1, 1, tzinfo=timezone.utc)
_NULL_STATS = dict.fromkeys(
    ("downloadCount", "thumbsUpCount", "thumbsDownCount", "commentCount", "tippedAmountCount")
)
_BELL, _TAB, _LINE, _UNIT = RAW_CONTROLS
_CDN = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA"


def page_traits() -> dict[str, FakeModel]:
    """Return one model per trait of the model page itself."""
    return {
        "null stats": FakeModel(stats=_NULL_STATS),
        "no creator": FakeModel(),
        "licence as a list in a string": FakeModel(commercial="{Image,RentCivit}"),
        "licence as one word": FakeModel(commercial="Sell"),
        "hostile description": FakeModel(
            description=_HOSTILE, inline=(FakeImage("webp"), FakeImage("png"))
        ),
        "raw control characters": FakeModel(
            description=f"<p>one{_LINE}two{_TAB}three{_BELL}{_UNIT}</p>"
        ),
        "no description, no licence": FakeModel(description=None, tags=(), commercial=()),
        "odd trained words": FakeModel(
            versions=[
                FakeVersion(
                    trained_words=["one, two", "line\nbreak", "<lora:x:0.8>", ""],
                    description="<p>words</p>",
                )
            ]
        ),
        "numeric creator": FakeModel(creator="20240117"),
        "taken down": FakeModel(mode="TakenDown"),
        "minor": FakeModel(minor=True),
        "tag hidden with nsfw": FakeModel(tags=("hidden-with-nsfw",)),
        "mature": FakeModel(nsfw=True, versions=[_rated(X, MATURE)]),
        "mixed ratings": FakeModel(versions=[_rated(SAFE, SOFT, MATURE, X)]),
        "real person": FakeModel(poi=True),
        "unpublished": FakeModel(status="Unpublished"),
    }


def version_traits() -> dict[str, FakeModel]:
    """Return one model per trait of versions."""
    return {
        "archived": FakeModel(mode="Archived"),
        "early access": _two(FakeVersion("early", early_access_until=_FAR_OFF)),
        "early access over": _two(FakeVersion("was early", early_access_until=_LONG_AGO)),
        "early access bought": _two(
            FakeVersion("mine", early_access_until=_FAR_OFF, owners=frozenset({GOOD_KEY}))
        ),
        "private version": _two(FakeVersion("secret", private=True, availability="Private")),
        "unsearchable version": _two(FakeVersion("quiet", availability="Unsearchable")),
        "downloads disabled": _two(FakeVersion("on site", usage_control="Generation")),
        "login needed": FakeModel(versions=[FakeVersion(requires_login=True)]),
        "draft version": _two(FakeVersion("draft", status="Draft")),
        "scheduled version": _two(FakeVersion("soon", published_at=_FAR_OFF)),
        "version without files or previews": FakeModel(
            versions=[FakeVersion("empty", files=()), FakeVersion("no previews", images=())]
        ),
        "unrated version": _two(FakeVersion("fresh", nsfw_level=0)),
        "version that lags": _two(FakeVersion("brand new", lagging=True)),
        "many previews": FakeModel(versions=[FakeVersion(images=[FakeImage()] * 25)]),
        "old rating words": FakeModel(
            versions=[
                FakeVersion(
                    images=[
                        FakeImage(raw_level="None", url_params="width=450"),
                        FakeImage(level=MATURE, raw_level="Mature", url_params="width=450"),
                    ]
                )
            ]
        ),
        "preview oddities": FakeModel(versions=[FakeVersion(images=_odd_previews())]),
        "many versions": FakeModel(
            versions=[
                FakeVersion(f"v{n}", files=[FakeFile(size=1000 + n)]) for n in range(9, 0, -1)
            ]
        ),
    }


def _rated(*levels: int) -> FakeVersion:
    return FakeVersion(images=[FakeImage(level=level) for level in levels])


def _two(odd: FakeVersion) -> FakeModel:
    """Return a model with an odd version above an ordinary one."""
    return FakeModel(versions=[odd, FakeVersion("ordinary")])


def _odd_previews() -> list[FakeImage]:
    return [
        FakeImage("png", numbered_url=False),
        FakeImage("webp", content_type="image/jpeg"),
        FakeImage("gif", content_type="text/plain"),
        FakeImage("jpeg", redirects=True),
        FakeImage("png", chunked=True),
        FakeImage("png", removed=True),
        FakeImage("png", html=True),
        FakeImage("png", url="https://127.0.0.1:9/elsewhere.png"),
        FakeImage("mp4", still_first=True, width=48, height=64),
        FakeImage("mp4", url_params="width=450", width=48, height=64),
        FakeImage("webm"),
        FakeImage("avif"),
        FakeImage("mp3"),
    ]


_HOSTILE = f"""
<h1 onclick="steal()">Hostile</h1><script>steal(document.cookie)</script>
<p style="background:url(https://evil.example/x)">text<!-- a comment --></p>
<iframe src="https://www.youtube.com/embed/abc"></iframe>
<a href="javascript:steal()">click</a> <a href="/models/1">relative</a>
<a href="https://civitai.com/api/download/training-data/1">old link</a>
<img src="{{inline:0}}"><img src="{{inline:1}}" onerror="steal()">
<img src="{_CDN}/00000000-0000-0000-0000-00000000dead/original=true/dead.jpeg">
<img src="https://127.0.0.1:9/remote.png"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<svg onload="steal()"></svg><form action="https://evil.example"><input name="q"></form>
<ul><li>list</li></ul><math><mi>x</mi></math><style>p {{ color: red }}</style>
"""
