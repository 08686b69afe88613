"""An invented Civitai of 300 models: all kinds, ratings, videos, prompts, two scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

COUNT = 300
FIRST = 300_001
"""The models have the numbers from here on."""

SHOWPIECE = FIRST
"""Two versions, trigger words, a description, a gallery of more than a page."""

FIREWORKS = FIRST + 1
"""Called by two characters."""

FILM = FIRST + 2
"""Its previews are videos."""

MATURE_ONE = FIRST + 3
"""Rated X, as are its previews."""

GONE = FIRST + 4
"""Taken away between two runs."""

DAMAGED = FIRST + 5
"""Its file never has the digest that is listed."""

HALFWAY = FIRST + 6
"""Its file is what the run stood at when it was stopped."""

PREVIEW_PROMPT = "soft wash over rough paper"
TRIGGER = "aurora_wash"
SHOWN_POSTS = 75
SAFE, SOFT, X = 1, 2, 8
BEGAN = datetime(2025, 3, 1, tzinfo=timezone.utc)

CREATORS = ("lumen", "yamane_ken", "papermoon", "Aoi Kaze", "さくら工房", "north-light", "2046")
KINDS = ("LORA", "LORA", "Checkpoint", "LoCon", "TextualInversion", "LORA", "VAE", "Workflows")
BASES = ("SDXL 1.0", "Illustrious", "Pony", "Flux.1 D", "SD 1.5")
_FIRST_WORDS = [
    "Aurora",
    "Quiet",
    "Harbour",
    "Paper",
    "Copper",
    "Winter",
    "Meadow",
    "Velvet",
    "Distant",
    "Lantern",
    "Cobalt",
    "Ember",
    "Silver",
    "Willow",
    "Saffron",
    "Granite",
    "Tidal",
    "Ivory",
]
_LAST_WORDS = [
    "Watercolor",
    "Portraits",
    "Skies",
    "Interiors",
    "Ink",
    "Textures",
    "Gardens",
    "Film Grain",
    "Architecture",
    "Dusk",
    "Miniatures",
    "Robes",
    "Machines",
]
_JAPANESE = (
    "墨絵スタイル",
    "夜景の背景",
    "茶畑と山",
    "古書店の室内",
    "雨の灯台",
    "紙の質感",
    "夏祭り",
)
_TAGS = ("style", "landscape", "portrait", "texture", "背景", "character", "clothing", "lighting")
PROMPTS = (
    "a watercolor harbour at dawn, soft light, paper texture",
    "夜明けの港、水彩画、柔らかい光、紙の質感",
    "an old lighthouse in the rain, muted colours",
    "丘の斜面に広がる茶畑、初夏、広角",
    "a paper lantern festival by the river at night",
    "川辺の灯籠流し、夜景、長時間露光",
    "distant mountains above a sea of clouds, first light",
)
Draw = Callable[[int], bytes]


def shelf_world(draw: Draw | None = None, *, size: tuple[int, int] = (96, 128)) -> World:
    """The whole of it. draw: the bytes of a PNG by a number, for pictures to be proud of."""
    pictures = _Pictures(draw, size)
    world = World()
    for place in range(COUNT):
        world.model(_model(place, pictures))
    versions = [model.versions[0].id for model in world.models]
    for number in range(SHOWN_POSTS):
        world.image(_post(pictures, number, versions[0]))
    for number in range(90):
        world.image(_post(pictures, SHOWN_POSTS + number, versions[7 + number % 40]))
    return world


class _Pictures:
    def __init__(self, draw: Draw | None, size: tuple[int, int]) -> None:
        self._draw, self._size = draw, size
        self._count = 0

    def picture(self, *, level: int = SAFE, **facts: object) -> FakeImage:
        self._count += 1
        drawn = {} if self._draw is None else {"data": self._draw(self._count)}
        width, height = self._size
        return FakeImage("png", level=level, width=width, height=height, **drawn, **facts)


def _model(place: int, pictures: _Pictures) -> FakeModel:
    number = FIRST + place
    special = _SPECIALS.get(number)
    if special is not None:
        return special(pictures)
    level = X if place % 7 == 6 else SOFT if place % 5 == 4 else SAFE
    return FakeModel(
        number,
        name_of(place),
        CREATORS[place % len(CREATORS)],
        KINDS[place % len(KINDS)],
        description=f"<p>A model for trying things out, number {place}.</p>",
        tags=(_TAGS[place % len(_TAGS)], _TAGS[(place // 3) % len(_TAGS)]),
        nsfw=level == X,
        stats={"downloadCount": place * 7919 % 5000, "thumbsUpCount": place % 90},
        versions=[
            FakeVersion(
                "v1.0",
                files=[FakeFile(size=4000 + 10 * place)],
                images=[pictures.picture(level=level)] if place % 50 else [_film(place)],
                base_model=BASES[place % len(BASES)],
                trained_words=[f"style{place:03d}"] if place % 2 else [],
                published_at=BEGAN + timedelta(hours=7 * place),
            )
        ],
    )


def name_of(place: int) -> str:
    """What the model at a place is called."""
    if place % 12 == 0:
        return f"{_JAPANESE[place // 12 % len(_JAPANESE)]} {place // 12 + 1}"
    first, last = _FIRST_WORDS[place % len(_FIRST_WORDS)], _LAST_WORDS[place % len(_LAST_WORDS)]
    return f"{first} {last}"


def _film(number: int) -> FakeImage:
    return FakeImage("mp4", seed=9000 + number, width=144, height=192)


def _showpiece(pictures: _Pictures) -> FakeModel:
    levels = (SAFE, SAFE, X, SAFE, SOFT)
    return FakeModel(
        SHOWPIECE,
        "Aurora Watercolor / オーロラ水彩",
        "lumen",
        description=_DESCRIPTION,
        inline=(FakeImage("png", width=320, height=200),),
        tags=("style", "watercolor", "landscape", "水彩"),
        stats={"downloadCount": 48_213, "thumbsUpCount": 900},
        versions=[
            FakeVersion(
                "v2.0 第二版",
                files=[
                    FakeFile("auroraWatercolor_v20.safetensors", 40_000),
                    FakeFile("auroraWatercolor_v20_training.zip", 9_000, kind="Training Data"),
                ],
                images=[
                    pictures.picture(level=level, meta={"prompt": PREVIEW_PROMPT})
                    for level in levels
                ],
                description="<p>Trained anew on larger pictures.</p>",
                trained_words=[TRIGGER, "オーロラ水彩", "soft wash"],
            ),
            FakeVersion(
                "v1.0",
                files=[FakeFile("auroraWatercolor_v10.safetensors", 20_000)],
                images=[pictures.picture(), pictures.picture()],
                base_model="SD 1.5",
            ),
        ],
    )


def _of(number: int, name: str, creator: str, **facts: object) -> Callable[..., FakeModel]:
    def make(pictures: _Pictures) -> FakeModel:
        version = FakeVersion(
            files=[FakeFile(f"{name}.safetensors", 5000)], images=[pictures.picture()]
        )
        return FakeModel(number, name, creator, **{"versions": [version], **facts})

    return make


def _fireworks(pictures: _Pictures) -> FakeModel:
    version = FakeVersion(images=[pictures.picture()], trained_words=["hanabi_style"])
    return FakeModel(FIREWORKS, "花火", "さくら工房", tags=("夜景",), versions=[version])


def _of_films(pictures: _Pictures) -> FakeModel:
    images = [_film(1), _film(2), pictures.picture()]
    version = FakeVersion(files=[FakeFile(size=5000)], images=images)
    return FakeModel(FILM, "Moving Lanterns", "yamane_ken", "MotionModule", versions=[version])


def _mature(pictures: _Pictures) -> FakeModel:
    version = FakeVersion(images=[pictures.picture(level=X), pictures.picture(level=X)])
    return FakeModel(MATURE_ONE, "After Hours", "papermoon", nsfw=True, versions=[version])


_SPECIALS: dict[int, Callable[[_Pictures], FakeModel]] = {
    SHOWPIECE: _showpiece,
    FIREWORKS: _fireworks,
    FILM: _of_films,
    MATURE_ONE: _mature,
    GONE: _of(GONE, "Vanishing Point", "north-light"),
    DAMAGED: _of(
        DAMAGED,
        "Cracked Glaze",
        "north-light",
        versions=[FakeVersion(files=[FakeFile("crackedGlaze.safetensors", 5000, hashes="wrong")])],
    ),
    HALFWAY: _of(HALFWAY, "Half Way There", "2046"),
}


def _post(pictures: _Pictures, number: int, version: int) -> FakeImage:
    return pictures.picture(
        username=CREATORS[number % 3],
        version_ids=(version,),
        level=X if number % 11 == 10 else SAFE,
        created_at=BEGAN + timedelta(hours=5 * number),
        meta={
            "prompt": f"{PROMPTS[number % len(PROMPTS)]}, take{number}",
            "negativePrompt": "lowres, blurry" if number % 2 else "低解像度、ぼやけ",
            "seed": 1_000_003 * (number + 1),
            "steps": 20 + number % 15,
            "cfgScale": 3.5 + number % 4,
            "sampler": "DPM++ 2M Karras",
            "resources": [{"name": "auroraWatercolor_v20", "type": "lora", "weight": 0.8}],
        },
    )


_DESCRIPTION = """
<h2>Aurora Watercolor</h2>
<p>Soft washes and visible paper. Works best between <strong>0.6</strong> and <strong>0.9</strong>;
<a href="https://civitai.com/models/300003">Moving Lanterns</a> goes well with it.</p>
<p><img src="{inline:0}" alt="weights side by side" width="320" height="200"></p>
<h3>使い方</h3>
<ol><li>Load the file.</li><li>Write <code>aurora_wash</code> in the prompt.</li></ol>
<blockquote><p>質問はコメント欄でどうぞ。</p></blockquote>
"""
