"""How a thing stands, from its row and from what the selection says of it."""

from __future__ import annotations

import pytest

from civitai_dl.domain.decisions import LeftOut, Stand, Taken, Unsafe, stand_of
from civitai_dl.domain.entities import State

OUT, DANGER = LeftOut("no"), Unsafe("danger")
NOW = 1000.0


@pytest.mark.parametrize(
    ("status", "verdict", "facts", "expected"),
    [
        ("stored", Taken(), {}, Stand.STORED),
        ("stored", OUT, {}, Stand.STORED),
        ("stored", DANGER, {}, Stand.STORED),
        ("skipped", None, {}, Stand.STORED),
        (None, Taken(), {}, Stand.UNPLANNED),
        (None, OUT, {}, Stand.LEFT_OUT),
        (None, DANGER, {}, Stand.UNAVAILABLE),
        ("failed", Taken(), {}, Stand.FAILED),
        ("failed", OUT, {}, Stand.LEFT_OUT),
        ("failed", DANGER, {}, Stand.UNAVAILABLE),
        ("unavailable", Taken(), {"why": "early_access"}, Stand.UNAVAILABLE),
        ("unavailable", DANGER, {"why": "unsafe"}, Stand.UNAVAILABLE),
        ("unavailable", None, {"why": "unsafe"}, Stand.UNAVAILABLE),
        # Allowed now, and no run has asked for it yet.
        ("unavailable", Taken(), {"why": "unsafe"}, Stand.UNPLANNED),
        ("claimed", Taken(), {}, Stand.UNDER_WAY),
        ("ready", Taken(), {}, Stand.TO_DO),
        ("ready", Taken(), {"not_before": NOW}, Stand.TO_DO),
        ("ready", Taken(), {"not_before": NOW + 1}, Stand.WAITING),
        ("waiting", None, {}, Stand.TO_DO),
        ("ready", OUT, {}, Stand.LEFT_OUT),
    ],
)
def test_what_is_stored_stays_so_and_what_is_left_out_is_told_before_what_befell_it(
    status, verdict, facts, expected
):
    """One row of the table each."""
    assert expected is stand_of(status, verdict, now=NOW, **facts)


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_task_has_an_answer(state):
    """None of them is unknown."""
    assert stand_of(state.value, now=NOW) is not Stand.UNKNOWN
