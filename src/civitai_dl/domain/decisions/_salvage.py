"""What may be believed of a state that a crash, a clock or a damage has left."""

from __future__ import annotations

from functools import partial

from ..entities import CreatorRef, GalleryRef, SearchRef, Subject
from ._search import first_page
from ._walk import first_stretch

LONGEST_WAIT = 2 * 86_400.0
"""Seconds: nothing that we put off is put off for longer (the longest is a daily quota)."""


def latest_wait(now: float) -> float:
    """The latest moment until which a task may wait; what says later was put off by another clock.

    now: seconds since the epoch, as is the result.
    """
    return now + LONGEST_WAIT


def listed_anew(subject: Subject) -> Subject:
    """A page as it is asked for first.

    Where rows were lost, nobody knows what a listing had told before the place it had reached, so
    that it must neither go on there nor stop at known ground.
    """
    if isinstance(subject, GalleryRef):
        begin = partial(first_stretch, subject.query, subject.folder, without=subject.without)
        return begin(part=subject.part, limit=subject.limit)
    if isinstance(subject, CreatorRef):
        return CreatorRef(subject.username)
    if isinstance(subject, SearchRef):
        return first_page(subject.target)
    return subject
