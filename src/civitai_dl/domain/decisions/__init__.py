"""What follows from the facts: pure functions, one question per module."""

from ._breaker import OUTAGE, Breaker
from ._due import is_due
from ._lifecycle import NEXT_STATE, OPEN, next_state
from ._links import (
    download_path,
    image_id_in,
    image_name,
    image_source,
    image_variants,
    listed_download_path,
    may_fetch,
)
from ._names import name_key, place_names, portable_component, split_extension
from ._pace import Pace, slow_start
from ._place import gallery_stem, model_folder, user_folder
from ._plan import (
    MODEL_BATCH,
    gallery_task,
    listed_image_task,
    model_task,
    picture_key,
    plan_model,
    stretch_task,
    version_gallery_task,
)
from ._resume import (
    Complete,
    FreshStart,
    Resume,
    StartOver,
    Take,
    TurnAway,
    decide_resume,
    judge_answer,
    promised_size,
)
from ._retry import RetryPolicy, decide_retry
from ._retry_after import read_retry_after, read_whole
from ._sniff import looks_like_text_page, sniff_media
from ._verify import Plausible, Proven, Wrong, verify_file, verify_media
from ._walk import PAGE, SMALL_PAGE, PageFacts, Step, is_settled_doubt, next_step, walk_again

__all__ = [
    "MODEL_BATCH",
    "NEXT_STATE",
    "OPEN",
    "OUTAGE",
    "PAGE",
    "SMALL_PAGE",
    "Breaker",
    "Complete",
    "FreshStart",
    "Pace",
    "PageFacts",
    "Plausible",
    "Proven",
    "Resume",
    "RetryPolicy",
    "StartOver",
    "Step",
    "Take",
    "TurnAway",
    "Wrong",
    "decide_resume",
    "decide_retry",
    "download_path",
    "gallery_stem",
    "gallery_task",
    "image_id_in",
    "image_name",
    "image_source",
    "image_variants",
    "is_due",
    "is_settled_doubt",
    "judge_answer",
    "listed_download_path",
    "listed_image_task",
    "looks_like_text_page",
    "may_fetch",
    "model_folder",
    "model_task",
    "name_key",
    "next_state",
    "next_step",
    "picture_key",
    "place_names",
    "plan_model",
    "portable_component",
    "promised_size",
    "read_retry_after",
    "read_whole",
    "slow_start",
    "sniff_media",
    "split_extension",
    "stretch_task",
    "user_folder",
    "verify_file",
    "verify_media",
    "version_gallery_task",
    "walk_again",
]
