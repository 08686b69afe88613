"""What belongs where outside the archive: in an application, and what is somebody's own already.

Apart from `decisions`, so that a run that only downloads need not load it; pure like them.
"""

from ._app_folders import (
    CONFIGURED,
    KINDS,
    Home,
    Layout,
    NoPlace,
    Nowhere,
    RootVerdict,
    find_home,
    judge_root,
    known_kind,
    models_folder,
)
from ._belongings import in_batches, may_hold_weights
from ._linked import (
    Facts,
    Record,
    Way,
    Whose,
    is_current,
    is_last,
    is_sidecar,
    stem_of,
    stems_for,
    whose,
)

__all__ = [
    "CONFIGURED",
    "KINDS",
    "Facts",
    "Home",
    "Layout",
    "NoPlace",
    "Nowhere",
    "Record",
    "RootVerdict",
    "Way",
    "Whose",
    "find_home",
    "in_batches",
    "is_current",
    "is_last",
    "is_sidecar",
    "judge_root",
    "known_kind",
    "may_hold_weights",
    "models_folder",
    "stem_of",
    "stems_for",
    "whose",
]
