"""What a simulated Civitai is made of: plain, frozen parts with defaults for everything.

Wherever an id is 0 the world gives the part a number of its own when it takes it in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, object]
"""One JSON object as the API sends it."""

SAFE, SOFT, MATURE, X, XXX, BLOCKED = 1, 2, 4, 8, 16, 32
"""The bits of a browsing level: PG, PG-13, R, X, XXX, Blocked."""

Container = Literal["auto", "safetensors", "zip", "gguf", "raw"]
Hashes = Literal["all", "none", "wrong", "without-sha256", "only-sha256"]
PictureFormat = Literal["png", "jpeg", "gif", "webp", "avif", "mp4", "webm", "mp3"]

EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)
"""The day on which the world's own dates begin."""


@dataclass(frozen=True)
class FakeCreator:
    """A user. A username of digits only goes out as a JSON number [observed]."""

    username: str
    id: int = 0
    avatar: str | None = None
    """URL of the avatar; one under https://image.civitai.com/ is served by the fake's CDN."""
    counts_hidden: bool = False
    """Leave `modelCount` out of /creators, as the service does for zero [server source]."""


@dataclass(frozen=True)
class FakeFile:
    """A file of a version; its bytes follow from content, revision, size and container alone."""

    name: str = ""
    """Empty: made from the names of model and version."""
    size: int = 6000
    """Bytes; at least 512."""
    id: int = 0
    kind: str = "Model"
    format: str | None = "SafeTensor"
    precision: str | None = "fp16"
    extent: str | None = "pruned"
    """The API's metadata.size: full, pruned or None."""
    primary: bool | None = None
    """None: the first public file of its version is the primary one."""
    content: int = 0
    """0: the file's own id. Files with equal content and size hold the same bytes."""
    revision: int = 0
    """Raise it to replace the bytes under the same file id."""
    container: Container = "auto"
    hashes: Hashes = "all"
    metadata: Literal["full", "empty", "null", "absent"] = "full"
    size_listed: bool = True
    """False: sizeKB is left out, which real answers also do [observed]."""
    public: bool = True
    linked: bool = False
    """A linked VAE: `?fileId=` is 404, only the listed `?type=VAE` URL works [server source]."""
    listed_url_broken: bool = False
    """The listed URL is 404 while `?fileId=` works [observed]."""
    transient_404s: int = 0
    """So many resolves fail first, with `Cache-Control: private, no-store` [server source]."""
    url: str | None = None
    """Listed downloadUrl instead of the usual one."""
    override_name: str | None = None
    bare_times: bool = False
    """Write scannedAt without its Z [observed]."""
    pickle_scan: str | None = "Success"
    virus_scan: str | None = "Success"
    """Pending, Success, Danger or Error [server source]; None: not told."""


@dataclass(frozen=True)
class FakeImage:
    """An image, video or sound: a preview of a version, or a post in galleries and user feeds."""

    format: PictureFormat = "png"
    id: int = 0
    uuid: str = ""
    username: str | None = None
    level: int = SAFE
    """One bit of the browsing level; 0 is unscanned and never returned."""
    width: int = 64
    height: int = 96
    seed: int = 0
    """0: the image's own id. Equal seed, size, format and meta make equal bytes, but for filler."""
    filler: int = 0
    """Bytes of a private chunk in a PNG, so that it weighs as much as a real one; by its id."""
    data: bytes | None = None
    """The upload itself, whatever the format says of it; None: a pattern."""
    version_ids: tuple[int, ...] = ()
    post_id: int | None = 0
    """0: a post of its own; None: no post."""
    meta: Mapping[str, object] | None = None
    created_at: datetime | None = None
    base_model: str | None = "SDXL 1.0"
    reactions: int = 0
    minor: bool = False
    poi: bool = False
    hidden: bool = False
    """Still a hit in the search index, but filtered out of every page: makes pages short."""
    numbered_url: bool = True
    """False: the URL's file name is the UUID and does not tell the id [observed]."""
    url_params: str = "original=true"
    """The params segment of the listed URL; old answers say width=450 [observed]."""
    url: str | None = None
    """Absolute external URL instead of a CDN one; nobody can fetch it here."""
    content_type: str | None = None
    """What the CDN claims; None: the truth."""
    redirects: bool = False
    """The CDN answers with a redirect to its media cache [observed]."""
    still_first: bool = False
    """`original=true` gives a static WebP cover, `quality=100` the video [observed]."""
    chunked: bool = False
    removed: bool = False
    """404 at the CDN although it is listed."""
    html: bool = False
    """The CDN answers 200 with an HTML page."""
    raw_level: str | None = None
    """Old answers: `nsfw` as a word (None, Soft, Mature, X) instead of nsfwLevel [observed]."""
    captured: Mapping[str, Json] = field(default_factory=dict)
    """Real answers to serve in their own shape, by kind of answer: "image"."""

    @property
    def media(self) -> str:
        """The API's `type`: image, video or audio."""
        return {"mp4": "video", "webm": "video", "mp3": "audio"}.get(self.format, "image")


@dataclass(frozen=True)
class FakeVersion:
    """A version of a model."""

    name: str = "v1.0"
    id: int = 0
    files: Sequence[FakeFile] = (FakeFile(),)
    images: Sequence[FakeImage] = (FakeImage(),)
    """The creator's own showcase, newest first; also part of the gallery."""
    base_model: str = "SDXL 1.0"
    base_model_type: str | None = "Standard"
    published_at: datetime | None = None
    status: str = "Published"
    availability: str = "Public"
    """Public, Unsearchable, Private or EarlyAccess."""
    nsfw_level: int | None = None
    """None: the union of its images' levels, PG without images; 0, unrated, hides it by id."""
    description: str | None = None
    trained_words: Sequence[str] = ()
    stats: Mapping[str, object] | None = None
    usage_control: str = "Download"
    """Anything else: files are listed but downloads are disabled [server source]."""
    early_access_until: datetime | None = None
    requires_login: bool = False
    private: bool = False
    """Nobody but `owners` may download."""
    owners: frozenset[str] = frozenset()
    """API keys that have bought early or private access."""
    lagging: bool = False
    """Known to /model-versions/:id but not yet part of /models/:id [observed]."""
    bare_times: bool = False
    captured: Mapping[str, Json] = field(default_factory=dict)
    """Real answers by kind: "version" (by id), "by-hash"."""


@dataclass(frozen=True)
class FakeModel:
    """A model page."""

    id: int = 0
    name: str = ""
    creator: str | None = None
    """None: the answers carry no creator at all."""
    kind: str = "LORA"
    versions: Sequence[FakeVersion] = (FakeVersion(),)
    """Newest first, as the site shows them."""
    description: str | None = "<p>A model of the fake.</p>"
    """HTML; `{inline:0}` becomes the CDN URL of the first inline picture."""
    inline: Sequence[FakeImage] = ()
    """Pictures inside the description."""
    tags: Sequence[str] = ("style",)
    status: str = "Published"
    mode: str | None = None
    """Archived or TakenDown."""
    availability: str = "Public"
    nsfw: bool = False
    nsfw_level: int | None = None
    """None: the union of its versions' levels; a model of level 0 is in no list."""
    minor: bool = False
    poi: bool = False
    commercial: object = ("Image", "RentCivit")
    """allowCommercialUse: a list, or one of the strings that old answers carry."""
    stats: Mapping[str, object] | None = None
    """None: made up; a mapping is sent as it is, nulls too."""
    captured: Mapping[str, Json] = field(default_factory=dict)
    """Real answers by kind: "model" (by id), "item" (in a list)."""
