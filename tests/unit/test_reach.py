"""What an answer to "who am I" says."""

import pytest

from civitai_dl.domain.decisions import Reach, clock_skew, judge_reach


@pytest.mark.parametrize(
    ("status", "is_json", "challenged", "reach"),
    [
        (200, True, False, Reach.KNOWN),
        (401, True, False, Reach.REFUSED),
        (451, True, False, Reach.REGION_BLOCKED),
        (451, False, True, Reach.REGION_BLOCKED),
        (403, False, True, Reach.CHALLENGED),
        (200, False, True, Reach.CHALLENGED),
        (403, True, False, Reach.TURNED_AWAY),
        (403, False, False, Reach.TURNED_AWAY),
        (429, False, False, Reach.BUSY),
        (503, True, False, Reach.BUSY),
        (503, False, False, Reach.DOWN),
        (500, True, False, Reach.DOWN),
        (524, False, False, Reach.DOWN),
        (200, False, False, Reach.STRANGER),
        (401, False, False, Reach.STRANGER),
        (302, False, False, Reach.STRANGER),
        (404, True, False, Reach.STRANGER),
    ],
)
def test_each_answer_has_one_meaning(status, is_json, challenged, reach):
    """The service, its edge, its troubles and somebody else are told apart."""
    assert reach is judge_reach(status, is_json=is_json, challenged=challenged)


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Thu, 01 Jan 1970 00:01:40 GMT", 0.0),
        (" Thu, 01 Jan 1970 00:00:40 GMT ", 60.0),
        ("Thu, 01 Jan 1970 01:01:40 GMT", -3600.0),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_tells_how_far_our_clock_is_ahead(date, skew):
    """The Date of an answer is compared with our time; a date that is none says nothing."""
    assert skew == clock_skew(date, 100.0)
