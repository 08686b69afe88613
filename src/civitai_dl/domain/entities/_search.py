"""What is asked before models are known: lookups, and the lists of users and of searches."""

from __future__ import annotations

from dataclasses import dataclass

from ._ids import CreatorName, VersionId
from ._look import Look

MODEL_SORTS = (
    "Highest Rated",
    "Most Downloaded",
    "Most Liked",
    "Most Discussed",
    "Most Collected",
    "Most Images",
    "Newest",
    "Oldest",
)
"""The orders of the model list; the first is the service's own choice (server source)."""

MODEL_TYPES = (
    *("Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA", "LoCon"),
    *("DoRA", "Controlnet", "Upscaler", "MotionModule", "VAE", "TextEncoder", "UNet", "CLIPVision"),
    *("Poses", "Wildcards", "Workflows", "ComfyWorkflows", "Detection", "VisionLanguage", "CLIP"),
    *("LLM", "Other"),
)
"""What a model may be, in the spelling that the service wants; the list grows (server source)."""

ALL_TIME = "AllTime"  # codespell:ignore
PERIODS = (ALL_TIME, "Year", "Month", "Week", "Day")
"""How far back the last version of a model may lie (server source)."""


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """How a list of models is narrowed; what is empty or None is not.

    types, base_models: one of each is enough. sort: one of MODEL_SORTS; says which are the first
    `most`, and nothing else. period: one of PERIODS. most: models at most, in that order.
    """

    types: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    sort: str = ""
    period: str = ""
    most: int | None = None


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """The models that a question finds: by words, by a tag, or both; or the key owner's favourites.

    Two targets are the same list when they are equal.
    """

    query: str = ""
    tag: str = ""
    favorites: bool = False
    terms: SearchTerms = SearchTerms()


@dataclass(frozen=True, slots=True)
class SearchRef:
    """A stretch of such a list.

    stage: "tag" (does the service know it?), then "adult" (nsfw=true), then "safe" (nsfw=false).
    cursor: the service's, or the number of a page of tags. taken: different models found so far.
    shown: models listed so far, those that came twice counted twice. moved: some came twice.
    """

    target: SearchTarget
    stage: str = "adult"
    cursor: str | None = None
    taken: int = 0
    shown: int = 0
    moved: bool = False


@dataclass(frozen=True, slots=True)
class LookupRef:
    """A version or a digest whose model must be found first; one of the two is set.

    algorithm: of the digest, where the answer must be proven to speak of it.
    """

    version_id: VersionId | None = None
    digest: str | None = None
    algorithm: str = ""
    look: Look = Look.USUAL


@dataclass(frozen=True, slots=True)
class CreatorRef:
    """A stretch of a creator's model list.

    stage: "adult" (nsfw=true), then "safe" (nsfw=false), then "count" (compare with /creators); of
    a brief look "new" and "new-safe". newest: the last publication seen, seconds since the epoch;
    ground: what it was in the listing before.
    """

    username: CreatorName
    stage: str = "adult"
    cursor: str | None = None
    look: Look = Look.USUAL
    newest: float = 0.0
    ground: float = 0.0
