"""A world in which each form of naming a thing names another one, and a list with all of them."""

from __future__ import annotations

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

FAVOURITE = 29
MODELS = set(range(1, 30))
"""What the list names; models 98 and 99 are in no line."""

IMAGES_OF = ("dora",)
"""Users of whom the list names the images."""

IMAGE, POST = 7_000_001, 7_100_000
POSTED = (7_000_002, 7_000_003)


def named_world() -> World:
    """Models 1 to 29, of which each is named in its own way, and two more."""
    world = World()
    for name in ("ann", "bob", "carol", "dora"):
        world.creator(name)
    owners = {18: "ann", 19: "ann", 20: "bob", 21: "bob"}
    tags = {22: ("rare tag",), 23: ("日本 語",), 27: ("blue",)}
    names = {24: "a needle", 25: "Haystack", 27: "cat in blue", 98: "cat"}
    kinds = {25: "Checkpoint"}
    for number in (*range(1, 30), 98, 99):
        world.model(
            FakeModel(
                number,
                name=names.get(number, f"model {number}"),
                creator=owners.get(number, "carol"),
                kind=kinds.get(number, "LORA"),
                tags=("style", *tags.get(number, ())),
                versions=_versions(number),
            )
        )
    world.images(4, username="dora")
    world.image(FakeImage(id=IMAGE, username="eve"))
    for number in POSTED:
        world.image(FakeImage(id=number, username="eve", post_id=POST))
    return world


def _versions(number: int) -> tuple[FakeVersion, ...]:
    """Two of most; of those that are named by one of them the other is unwanted."""
    size = 1_200_000 if number == 15 else 5_000 + number
    name = "unwanted" if number > 90 else "m"
    file = FakeFile(f"{name}{number}.safetensors", size=size)
    named = FakeVersion("named", files=(file,), images=())
    name = "unwanted" if number in ONE_VERSION else name
    other = FakeFile(f"{name}{number}-other.safetensors", size=4_000 + number)
    return (named, FakeVersion("other", files=(other,), images=()))


ONE_VERSION = {5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17}
"""Models of which a line names one version, or a file of it."""


def wanted_names(world: World) -> set[str]:
    """The names of the model files that the list names."""
    names = {file.name for file in world.truth.files()}
    return {name for name in names if not name.startswith("unwanted")}


def list_text(world: World) -> bytes:
    """A list with one line of each kind, as people write lists: comments, BOM, CRLF, quotes."""
    models = {model.id: model for model in world.models}

    def version(number: int) -> int:
        return models[number].versions[0].id

    def digest(number: int, kind: str) -> str:
        return world.index.hashes(models[number].versions[0].files[0])[kind]

    lines = [
        "# everything, one line of each kind",
        "",
        "1",
        "model:2   # a comment",
        "https://civitai.com/models/3/some-slug?utm_source=x#gallery",
        "  civitai.red/models/4/%E3%83%A2  ",
        f"https://www.civitai.green/models/5/x?modelVersionId={version(5)}",
        f"https://civitai.blue/model-versions/{version(6)}",
        f"version:{version(7)}",
        f"https://api.civitai.com/api/download/models/{version(8)}?type=Model&format=SafeTensor",
        "http://civitai.com/api/v1/models/9",
        f"urn:air:sdxl:lora:civitai:10@{version(10)}",
        "air:sd1:lora:civitai:11",
        digest(12, "SHA256").lower(),
        digest(13, "AutoV2"),
        f"autov3:{digest(14, 'AutoV3')}",
        f"autov1:{digest(15, 'AutoV1')}",
        f"crc32:{digest(16, 'CRC32')}",
        f"blake3:{digest(17, 'BLAKE3')}",
        '"user:ann"   # in quotes',
        "https://civitai.com/user/%62ob/models?sort=Newest",
        "https://civitai.com/user/dora/images",
        f"https://civitai.com/images/{IMAGE}?postId=1",
        f"post:{POST}",
        "tag:Rare Tag",
        "https://civitai.com/tag/%E6%97%A5%E6%9C%AC%20%E8%AA%9E",
        "search:needle?types=lora",
        "https://civitai.com/search/models?sortBy=models_v9&query=haystack&modelType=Checkpoint",
        "https://civitai.com/models?query=cat&tag=blue",
        "favorites:",
        "model:26 \t# a tab before the comment",
        "'https://civitai.com/models/28'",
    ]
    return "\ufeff".encode() + "\r\n".join(lines).encode() + b"\r\n"
