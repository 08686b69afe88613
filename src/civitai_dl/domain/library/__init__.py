"""The archive as its owner looks at it, and what follows from that; pure.

Apart from `entities` and `decisions`, so that a run that only downloads need not load it.
"""

from ._judge import (
    apart,
    has_trigrams,
    is_mature,
    match_all,
    rating_of,
    search_words,
    standing_of,
)
from ._shelf import (
    Card,
    CreatorCard,
    Extent,
    Facets,
    Generation,
    Listing,
    ModelFacts,
    ModelHolding,
    ModelOrder,
    ModelQuery,
    Picture,
    PictureFacts,
    PictureQuery,
    Resource,
    Standing,
    StoredPicture,
    Tally,
)
from ._view import FileView, ModelView, ScanView, VersionView

__all__ = [
    "Card",
    "CreatorCard",
    "Extent",
    "Facets",
    "FileView",
    "Generation",
    "Listing",
    "ModelFacts",
    "ModelHolding",
    "ModelOrder",
    "ModelQuery",
    "ModelView",
    "Picture",
    "PictureFacts",
    "PictureQuery",
    "Resource",
    "ScanView",
    "Standing",
    "StoredPicture",
    "Tally",
    "VersionView",
    "apart",
    "has_trigrams",
    "is_mature",
    "match_all",
    "rating_of",
    "search_words",
    "standing_of",
]
