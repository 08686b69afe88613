"""A pleasant small world: what `make demo` and `make fake` show."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from civitai_dl.testing._world import (
    SAFE,
    SOFT,
    FakeCreator,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    PictureFormat,
    World,
)

_MIB = 1 << 20
_AVATAR = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/{}/width=96/{}.jpeg"
_FORMATS: tuple[PictureFormat, ...] = ("png", "jpeg", "png", "webp", "png", "jpeg", "gif", "png")
_PROMPTS = (
    "a watercolor harbour at dawn, soft light, paper texture",
    "夜明けの港、水彩画、柔らかい光、紙の質感",
    "an old lighthouse in the rain, muted colours",
    "雨に煙る古い灯台、淡い色彩",
    "tea fields on a hillside, early summer, wide angle",
    "丘の斜面に広がる茶畑、初夏、広角",
    "a paper lantern festival by the river at night",
    "川辺の灯籠流し、夜景、長時間露光",
    "a small bookshop interior, warm lamps, cat on the counter",
    "小さな古書店、暖かいランプ、カウンターの猫",
)


def demo_world() -> World:
    """Return 9 models of two creators with about 80 images, under 40 MB in all."""
    world = World()
    for name, uuid in (("lumen", "0b5f3a52-demo-lumen"), ("yamane_ken", "7c1d9e40-demo-yamane")):
        world.creator(FakeCreator(name, avatar=_AVATAR.format(uuid, name)))
    for model in (*_lumen(), *_yamane()):
        world.model(model)
    for number in range(30):
        world.image(_post(number))
    return world


def _lumen() -> list[FakeModel]:
    shared = 424_242  # the same bytes under two versions
    return [
        FakeModel(
            101001,
            "Aurora Watercolor",
            "lumen",
            description=_AURORA,
            inline=(
                FakeImage("png", width=320, height=200),
                FakeImage("jpeg", width=256, height=384),
            ),
            tags=("style", "watercolor", "landscape"),
            versions=[
                _version("v3.0", 0, files=[FakeFile(size=3 * _MIB)], words=["aurora watercolor"]),
                _version("v2.0", 4, files=[FakeFile(size=2 * _MIB, content=shared)]),
                _version("v1.0", 8, files=[FakeFile(size=1 * _MIB)], count=2),
            ],
        ),
        FakeModel(
            101003,
            "Lumen Mix",
            "lumen",
            "Checkpoint",
            description=_LUMEN_MIX,
            tags=("base model", "photorealistic"),
            commercial="{Image,RentCivit}",
            versions=[
                _version("v2.0", 12, files=_same_name("lumenMix_v20.safetensors")),
                _version("v1.0 (legacy)", 16, files=[_checkpoint("lumenMix_v10.ckpt")], count=2),
            ],
        ),
        FakeModel(
            101004,
            "Night City Backdrops",
            "lumen",
            "LoCon",
            description="<p>City lights for backgrounds. <b>v2</b> is in early access.</p>",
            tags=("background", "city"),
            versions=[
                _version(
                    "v2.0 early",
                    20,
                    early_access_until=datetime(2099, 1, 1, tzinfo=timezone.utc),
                    availability="EarlyAccess",
                ),
                _version("v1.0", 23),
            ],
        ),
        FakeModel(
            101006,
            "Soft Light Helper",
            "lumen",
            description="<p>Only for use on the site itself.</p>",
            tags=("light",),
            versions=[_version("v1.0", 26, usage_control="Generation")],
        ),
        FakeModel(
            101007,
            "Aurora Watercolor XL",
            "lumen",
            description='<p>See also <a href="https://civitai.com/models/101001">Aurora</a>.</p>',
            tags=("style", "watercolor"),
            versions=[_version("xl", 29, files=[FakeFile(size=2 * _MIB, content=shared)])],
        ),
    ]


def _yamane() -> list[FakeModel]:
    return [
        FakeModel(
            101002,
            "墨絵スタイル / Sumi-e Style",
            "yamane_ken",
            description=_SUMIE,
            inline=(FakeImage("png", width=256, height=384),),
            tags=("style", "sumi-e", "墨絵"),
            versions=[
                _version("第二版", 32, files=[FakeFile("墨絵スタイル_v2.safetensors", 2 * _MIB)]),
                _version("第一版", 36, files=[FakeFile("墨絵スタイル_v1.safetensors", _MIB)]),
            ],
        ),
        FakeModel(
            101005,
            "Old Paper Textures",
            "yamane_ken",
            "TextualInversion",
            mode="Archived",
            description="<p>Archived by its creator.</p>",
            tags=("texture",),
            versions=[_version("v1.0", 40, count=2)],
        ),
        FakeModel(
            101008,
            "Moving Lanterns",
            "yamane_ken",
            "MotionModule",
            description="<p>灯籠の動きを学習したモーションモジュールです。</p>",
            tags=("animation", "video"),
            versions=[
                _version("v1.0", 42, formats=("mp4", "mp4", "gif", "png"), size=(192, 256)),
            ],
        ),
        FakeModel(
            101009,
            "Workflow Starter",
            "yamane_ken",
            "Workflows",
            description="<ul><li>text to image</li><li>image to image</li><li>upscale</li></ul>",
            tags=("comfyui", "workflow"),
            versions=[
                _version(
                    "v1.2",
                    46,
                    files=[
                        FakeFile("workflowStarter.zip", 200_000, format="Other", kind="Archive"),
                        FakeFile(
                            "workflowStarter_v12_trainingData.zip",
                            400_000,
                            format="Other",
                            kind="Training Data",
                        ),
                    ],
                    count=3,
                )
            ],
        ),
    ]


def _version(
    name: str,
    first: int,
    *,
    files: list[FakeFile] | None = None,
    count: int = 4,
    formats: tuple[PictureFormat, ...] = _FORMATS,
    size: tuple[int, int] = (256, 384),
    words: list[str] | None = None,
    early_access_until: datetime | None = None,
    availability: str = "Public",
    usage_control: str = "Download",
) -> FakeVersion:
    """Return a version whose previews take their prompts from `first` on."""
    images = [
        FakeImage(
            formats[(first + number) % len(formats)],
            width=size[0],
            height=size[1],
            meta=_meta(first + number),
            level=SOFT if (first + number) % 9 == 0 else SAFE,
        )
        for number in range(count)
    ]
    return FakeVersion(
        name,
        files=files or [FakeFile(size=_MIB)],
        images=images,
        description=f"<p>{name}</p>",
        trained_words=words or [],
        early_access_until=early_access_until,
        availability=availability,
        usage_control=usage_control,
    )


def _same_name(name: str) -> list[FakeFile]:
    """Return what one version really holds under a single name: pruned, full, and a VAE."""
    return [
        FakeFile(name, 3 * _MIB),
        FakeFile(name, 4 * _MIB, extent="full", precision="fp32"),
        FakeFile("lumenMix.vae.safetensors", _MIB, kind="VAE", extent="full"),
    ]


def _checkpoint(name: str) -> FakeFile:
    return FakeFile(name, 2 * _MIB, format="PickleTensor", extent="full")


def _meta(number: int) -> dict[str, object]:
    return {
        "prompt": _PROMPTS[number % len(_PROMPTS)],
        "negativePrompt": "lowres, blurry" if number % 2 == 0 else "低解像度、ぼやけ",
        "seed": 1_000_003 * (number + 1) % 4_294_967_291,
        "steps": 20 + number % 15,
        "cfgScale": 3.5 + number % 4,
        "sampler": "DPM++ 2M Karras",
        "Size": "256x384",
    }


def _post(number: int) -> FakeImage:
    """Return a gallery post; a third of them are a guest's."""
    names = ("lumen", "yamane_ken", "guest_07")
    # Ids of the first versions of the models above, in the order of their coming.
    version = 100_001 + number % 12
    formats: tuple[PictureFormat, ...] = ("png", "jpeg", "png", "webp", "png", "png", "mp4")
    return FakeImage(
        formats[number % 6 if number % 20 else 6],
        username=names[number % 3],
        width=192,
        height=256,
        version_ids=(version,),
        meta=_meta(100 + number),
        level=SOFT if number % 11 == 0 else SAFE,
        reactions=number * 7 % 50,
        created_at=datetime(2025, 3, 1, tzinfo=timezone.utc) + timedelta(hours=5 * number),
    )


def demo_lists(world: World) -> tuple[str, str]:
    """Return the texts of a users.txt and a models.txt for the demo world."""
    names = dict.fromkeys(model.creator for model in world.models)
    users = ["# Users: all their models and all their images", ""]
    users += [f"https://civitai.com/user/{name}" for name in names]
    models = [
        "# Models, in the forms that a browser shows",
        "https://civitai.com/models/101001/aurora-watercolor",
        "https://civitai.com/models/101002?ref=demo",
        "https://civitai.red/models/101003/lumen-mix",
        "https://civitai.com/models/101008",
    ]
    return "\n".join(users) + "\n", "\n".join(models) + "\n"


_AURORA = """
<h2>Aurora Watercolor</h2>
<p>Soft washes and visible paper. Works best between <strong>0.6</strong> and <strong>0.9</strong>.
A checkpoint that suits it: <a href="https://civitai.com/models/101003">Lumen Mix</a>.</p>
<p><img src="{inline:0}" alt="weights side by side" width="320" height="200"></p>
<h3>How to use</h3>
<ol><li>Load the file.</li><li>Write <code>aurora watercolor</code> in the prompt.</li>
<li>Keep the prompt short:<ul><li>one subject</li><li>one light</li></ul></li></ol>
<p><img src="{inline:1}" alt="an example"></p>
<blockquote><p>使い方の質問はコメント欄でどうぞ。</p></blockquote>
"""
_LUMEN_MIX = """
<p>A general checkpoint. Two sizes of <em>the same version</em> have the same file name.</p>
<table><tbody><tr><th>file</th><th>for</th></tr><tr><td>pruned fp16</td><td>use</td></tr>
<tr><td>full fp32</td><td>training</td></tr></tbody></table><hr>
<p><a href="https://example.com/notes">Notes</a></p>
"""
_SUMIE = """
<h2>墨絵スタイル</h2>
<p>筆の濃淡とにじみを学習した LoRA です。推奨ウェイトは <strong>0.7</strong> 前後。</p>
<ul><li>トリガーワード: <code>sumi-e</code></li><li>ネガティブ: color, photo</li></ul>
<p><img src="{inline:0}" alt="作例"></p>
"""
