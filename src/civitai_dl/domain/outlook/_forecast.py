"""How long it will take, and whether there is room: from what is known, and nothing invented."""

from __future__ import annotations

from ..decisions import decide_room
from ._things import Forecast, Pace, Prospect, Scope, Space


def forecast(scope: Scope, pace: Pace, image_bytes: float | None) -> Forecast:
    """How long the transfers of a scope will take.

    Files and images go on side by side, each at its own pace; the limit holds for both together.
    image_bytes: what an image weighs on average, None when nobody knows.
    """
    count = scope.count(Prospect.FETCH, files=True)
    size = scope.bytes(Prospect.FETCH, files=True)
    images = scope.count(Prospect.FETCH, files=False)
    files_time = _files(count, size, pace)
    images_time = 0.0 if not images else None if not pace.images else images / pace.images
    weight = size + images * (image_bytes or 0.0)
    known = [time for time in (files_time, images_time) if time is not None]
    if pace.limit and weight:
        known.append(weight / pace.limit)
    unsure = bool(
        scope.unsized(Prospect.FETCH, files=True)
        or (count and not pace.files)
        or (images and not pace.images)
        or scope.unread
    )
    seconds = max(known, default=0.0)
    if unsure and not seconds:
        return Forecast(None, files_time, images_time, at_least=True)
    return Forecast(seconds, files_time, images_time, at_least=unsure)


def _files(count: int, size: int, pace: Pace) -> float | None:
    if not count:
        return 0.0
    if not pace.files:
        return None
    links = count / pace.links if pace.links else 0.0
    return max(size / pace.files, links)


def judge_space(scope: Scope, image_bytes: float | None, free: int | None) -> Space:
    """Whether what is to be fetched fits, with the margin that a run keeps.

    image_bytes: as for `forecast`. free: bytes free on the disk, None when nobody can tell.
    """
    needed = scope.bytes(Prospect.FETCH)
    images = scope.count(Prospect.FETCH, files=False)
    guess = None if image_bytes is None or not images else round(images * image_bytes)
    lacking = decide_room(free, promised=0, more=needed + (guess or 0))
    return Space(needed, guess, free, lacking)
