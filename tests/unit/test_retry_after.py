"""How long a far side asks us to wait, in all the forms it has been seen to do so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import read_retry_after

DAY = 86_400.0
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("999999999", DAY),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("٣", None),  # a digit, and none of ours
    ],
)
def test_seconds_and_nonsense(text: str | None, expected: float | None) -> None:
    """Whole seconds are taken, more than a day is a day, and nonsense is nothing."""
    assert expected == read_retry_after(text, format_datetime(NOW, usegmt=True))


@given(st.integers(min_value=-10_000, max_value=200_000), st.integers(-30, 30))
def test_a_moment_is_measured_against_the_answers_own_date(seconds: int, years: int) -> None:
    """A wrong clock on the far side changes nothing: both moments are its own."""
    there = NOW + timedelta(days=365 * years)
    until = format_datetime(there + timedelta(seconds=seconds), usegmt=True)
    expected = min(DAY, max(0.0, float(seconds)))
    assert expected == read_retry_after(until, format_datetime(there, usegmt=True))


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        "Fri, 01 May 2026 12:00:00 -0000",
        "Fri, 01 Mai 2026 12:00:00 GMT",
        "Fri, 31 Feb 2026 12:00:00 GMT",
    ],
)
def test_a_moment_without_a_date_to_measure_it_by_is_nothing(date: str | None) -> None:
    """Without the answer's Date there is nothing to measure a moment against."""
    assert read_retry_after("Fri, 01 May 2026 12:00:05 GMT", date) is None
