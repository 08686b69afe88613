"""Small worlds of every shape, and lists of things in them that somebody may want."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

NAMES = ("", "a.safetensors", "A.safetensors", "b.zip", "=1+1.pt")
KINDS = ("Model", "Model", "VAE", "Training Data", "Config")
SHARED = ((71, 2_000), (72, 3_000))
"""Contents, with their sizes, that several files have."""

DAYS = tuple(datetime(2024, month, 2, tzinfo=timezone.utc) for month in (1, 5, 9))
USERS = ("ann", "bob")
ONE = st.sampled_from([1, 1, 1, 1, 0])
"""How many there are at least: nothing at all is as well a case, but an uncommon one."""

LEVELS = (1, 1, 1, 2, 4, 8, 16)
FAR, LONG_AGO = timedelta(days=400), timedelta(days=-40)


@st.composite
def files(draw: st.DrawFn) -> FakeFile:
    """A file, with or without size and digests, of its own bytes or of shared ones."""
    content, size = draw(st.sampled_from([(0, 0), (0, 0), *SHARED]))
    digests = ("all", "only-sha256") if content else ("all", "all", "none", "without-sha256")
    return FakeFile(
        name=draw(st.sampled_from(NAMES)),
        size=size or draw(st.integers(512, 5_000)),
        content=content,
        kind=draw(st.sampled_from(KINDS)),
        hashes=draw(st.sampled_from(digests)),
        size_listed=draw(st.sampled_from([True, True, True, False])),
        public=draw(st.sampled_from([True, True, True, False])),
        format=draw(st.sampled_from(["SafeTensor", "SafeTensor", "PickleTensor", None])),
        precision=draw(st.sampled_from(["fp16", "fp16", "fp32", None])),
        extent=draw(st.sampled_from(["pruned", "full", None])),
    )


@st.composite
def pictures(draw: st.DrawFn, **facts: object) -> FakeImage:
    """A small picture of any rating."""
    form = draw(st.sampled_from(["png", "jpeg", "webp", "mp4"]))
    level = draw(st.sampled_from(LEVELS))
    return FakeImage(form, width=8, height=8, level=level, **facts)


@st.composite
def versions(draw: st.DrawFn, *, unforeseen: bool) -> FakeVersion:
    """A version; unforeseen: it may be refused for reasons that no listing tells."""
    now = datetime.now(timezone.utc)
    gates: list[dict[str, object]] = [{}, {}, {"early_access_until": now + FAR}]
    gates += [{"early_access_until": now + LONG_AGO}]
    if unforeseen:
        gates += [{"usage_control": "Generation"}, {"private": True}, {"requires_login": True}]
    return FakeVersion(
        name=draw(st.sampled_from(["v1", "v2", "é/日本"])),
        files=tuple(draw(st.lists(files(), min_size=draw(ONE), max_size=3))),
        images=tuple(draw(st.lists(pictures(), min_size=draw(ONE), max_size=2))),
        base_model=draw(st.sampled_from(["SD 1.5", "SDXL 1.0", "Pony"])),
        published_at=draw(st.sampled_from([None, None, *DAYS])),
        status=draw(st.sampled_from(["Published", "Published", "Published", "Draft"])),
        **draw(st.sampled_from(gates)),
    )


@st.composite
def worlds(draw: st.DrawFn, *, unforeseen: bool = False) -> World:
    """Up to four models of two users, and up to eight posts in galleries and feeds."""
    world, made = World().creator("ann").creator("bob"), versions(unforeseen=unforeseen)
    for number in range(1, draw(st.integers(2, 4)) + 1):
        inline = tuple(draw(st.lists(pictures(), max_size=1)))
        world.model(
            FakeModel(
                number,
                creator=draw(st.sampled_from(USERS)),
                versions=tuple(draw(st.lists(made, min_size=draw(ONE), max_size=3))),
                kind=draw(st.sampled_from(["LORA", "LORA", "Checkpoint", "VAE"])),
                tags=draw(st.sampled_from([("style",), ("character",), ()])),
                mode=draw(st.sampled_from([None, None, None, None, "Archived", "TakenDown"])),
                inline=inline,
                description="<p><img src='{inline:0}'></p>" if inline else "<p>No picture.</p>",
                minor=draw(st.sampled_from([False, False, True])),
            )
        )
    known = sorted(world.index.versions)
    linked = st.lists(st.sampled_from(known), max_size=2, unique=True) if known else st.just([])
    for _ in range(draw(st.integers(1, 8))):
        facts = {"username": draw(st.sampled_from(USERS)), "version_ids": tuple(draw(linked))}
        world.image(draw(pictures(**facts)))
    return world


def targets(world: World) -> SearchStrategy[list[str]]:
    """One to four things of a world; one that is in none is among the choices."""
    texts = ["user:ann", "https://civitai.com/user/bob/models", "user:bob", "model:999"]
    texts += ["https://civitai.com/user/ann/images"]
    texts += [f"model:{model.id}" for model in world.models] * 3
    texts += [f"version:{number}" for number in sorted(world.index.versions)]
    texts += [f"image:{image.id}" for image in world.posts[:2]]
    texts += [f"post:{image.post_id}" for image in world.posts[:2] if image.post_id]
    hashes = [world.index.hashes(file[2]).get("SHA256") for file in _files(world)]
    texts += [digest for digest in hashes if digest][:2]
    return st.lists(st.sampled_from(texts), min_size=1, max_size=4, unique=True)


def _files(world: World) -> list[tuple[object, ...]]:
    return [world.index.files[number] for number in sorted(world.index.files)]
