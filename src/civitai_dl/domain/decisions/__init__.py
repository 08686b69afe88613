"""What follows from the facts: pure functions, one question per module."""

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._breaker import DOUBTFUL, OUTAGE, Breaker, rest_number
from ._budget import RetryBudget
from ._damage import (
    Damage,
    Finding,
    Kept,
    Part,
    Seen,
    Share,
    Subset,
    There,
    find_damage,
    first_bad_segment,
    group_twins,
    judge_segment,
    read_subset,
    tells_segments,
)
from ._dressed import is_as_written, made_of
from ._due import is_due
from ._fair import Turns
from ._learned import Known, LearnedRate
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
from ._media import media_of
from ._names import (
    MAX_COMPONENT_BYTES,
    lone_component,
    name_key,
    place_names,
    portable_component,
    split_extension,
)
from ._pace import Pace, slow_start
from ._paced import paced_lane
from ._pieces import (
    Came,
    Span,
    belongs,
    is_behind,
    judge_piece,
    may_split,
    next_piece,
    trusted_part,
    wall_before,
)
from ._place import description_stem, gallery_stem, model_folder, user_folder
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
from ._prompt import Promptness
from ._resume import (
    TRICKLE_SECONDS,
    Complete,
    FreshStart,
    Resume,
    StartOver,
    Take,
    TurnAway,
    decide_resume,
    is_strong,
    is_trickle,
    judge_answer,
    promised_size,
)
from ._retry import QUOTA_WAIT, RetryPolicy, decide_retry
from ._retry_after import read_retry_after, read_whole
from ._room import decide_room, room_needed
from ._salvage import latest_wait, listed_anew
from ._segments import SEGMENT, first_difference, segment_range, segments_of
from ._sniff import looks_like_text_page, sniff_media
from ._streams import Streams, Window
from ._tombstones import (
    bury,
    doubtful_versions,
    is_unsettled,
    judge_tombstones,
    shows_less,
    still_missing,
    take_back,
    tell_changes,
    whole_answer,
)
from ._verify import Plausible, Proven, Wrong, is_proven, verify_file, verify_media
from ._walk import PAGE, SMALL_PAGE, PageFacts, Step, is_settled_doubt, next_step, walk_again

if TYPE_CHECKING:
    from ._reach import MOST_SKEW, Reach, clock_skew, judge_reach

__getattr__ = opens_later(
    __name__, dict.fromkeys(("MOST_SKEW", "Reach", "clock_skew", "judge_reach"), "_reach")
)

__all__ = [
    "DOUBTFUL",
    "MAX_COMPONENT_BYTES",
    "MODEL_BATCH",
    "MOST_SKEW",
    "NEXT_STATE",
    "OPEN",
    "OUTAGE",
    "PAGE",
    "QUOTA_WAIT",
    "SEGMENT",
    "SMALL_PAGE",
    "TRICKLE_SECONDS",
    "Breaker",
    "Came",
    "Complete",
    "Damage",
    "Finding",
    "FreshStart",
    "Kept",
    "Known",
    "LearnedRate",
    "Pace",
    "PageFacts",
    "Part",
    "Plausible",
    "Promptness",
    "Proven",
    "Reach",
    "Resume",
    "RetryBudget",
    "RetryPolicy",
    "Seen",
    "Share",
    "Span",
    "StartOver",
    "Step",
    "Streams",
    "Subset",
    "Take",
    "There",
    "TurnAway",
    "Turns",
    "Window",
    "Wrong",
    "belongs",
    "bury",
    "clock_skew",
    "decide_resume",
    "decide_retry",
    "decide_room",
    "description_stem",
    "doubtful_versions",
    "download_path",
    "find_damage",
    "first_bad_segment",
    "first_difference",
    "gallery_stem",
    "gallery_task",
    "group_twins",
    "image_id_in",
    "image_name",
    "image_source",
    "image_variants",
    "is_as_written",
    "is_behind",
    "is_due",
    "is_proven",
    "is_settled_doubt",
    "is_strong",
    "is_trickle",
    "is_unsettled",
    "judge_answer",
    "judge_piece",
    "judge_reach",
    "judge_segment",
    "judge_tombstones",
    "latest_wait",
    "listed_anew",
    "listed_download_path",
    "listed_image_task",
    "lone_component",
    "looks_like_text_page",
    "made_of",
    "may_fetch",
    "may_split",
    "media_of",
    "model_folder",
    "model_task",
    "name_key",
    "next_piece",
    "next_state",
    "next_step",
    "paced_lane",
    "picture_key",
    "place_names",
    "plan_model",
    "portable_component",
    "promised_size",
    "read_retry_after",
    "read_subset",
    "read_whole",
    "rest_number",
    "room_needed",
    "segment_range",
    "segments_of",
    "shows_less",
    "slow_start",
    "sniff_media",
    "split_extension",
    "still_missing",
    "stretch_task",
    "take_back",
    "tell_changes",
    "tells_segments",
    "trusted_part",
    "user_folder",
    "verify_file",
    "verify_media",
    "version_gallery_task",
    "walk_again",
    "wall_before",
    "whole_answer",
]
