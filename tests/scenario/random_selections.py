"""Any choice that a person can make of what is wanted."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from civitai_dl.domain.entities import ALL_LEVELS, Selection

KINDS = ((True, True), (True, True), (True, False), (False, True))
"""Files and images, more often both: `--only` leaves one of them."""


def selections() -> SearchStrategy[Selection]:
    """Selections as the command line makes them."""
    return st.builds(
        lambda kinds, gallery, limit, levels: Selection(
            files=kinds[0], images=kinds[1], gallery=gallery, gallery_limit=limit, levels=levels
        ),
        st.sampled_from(KINDS),
        st.booleans(),
        st.none() | st.integers(1, 4),
        st.just(ALL_LEVELS) | st.integers(1, ALL_LEVELS),
    )
