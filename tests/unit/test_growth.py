"""How a lane counts its transfers before it decides how many there should be."""

from __future__ import annotations

import pytest

from civitai_dl.domain.decisions import Streams
from civitai_dl.domain.entities import (
    BytesReceived,
    ImageRef,
    Kind,
    Lane,
    Notice,
    Role,
    Task,
)
from civitai_dl.scheduler._growth import Growth, Traffic

MB = 1_000_000


def task(lane: Lane) -> Task:
    subject = ImageRef(url="https://example.invalid/1", stem="x/1")
    return Task("image:1", Kind.IMAGE, lane, Role.PREVIEW, subject, "image 1")


def test_bytes_are_counted_by_lane() -> None:
    """What files receive is no image's, and other events bring no bytes."""
    traffic = Traffic()
    traffic.emit(BytesReceived(task(Lane.IMAGES), 5))
    traffic.emit(BytesReceived(task(Lane.IMAGES), 7))
    traffic.emit(BytesReceived(task(Lane.FILES), 1))
    traffic.emit(Notice("info", "nothing"))
    assert (12, 1) == (traffic.bytes[Lane.IMAGES], traffic.bytes[Lane.FILES])


def test_it_grows_while_each_is_as_fast_as_one_was() -> None:
    """Where every connection brings the same, there are soon as many as there may be."""
    growth, received, now = Growth(Streams(8)), 0, 1_000.0
    numbers = []
    for _ in range(60):
        while growth.at_work < growth.streams.now:
            growth.began(now)
        now += 1.0
        received += growth.at_work * 2 * MB
        numbers.append(growth.look(now, received))
    assert numbers[0] == 1
    assert numbers[-1] == 8
    assert numbers == sorted(numbers)


def test_a_shared_line_is_not_crowded() -> None:
    """Where all of them together bring what one brought, a second one or two is all there is."""
    growth, received, now = Growth(Streams(8)), 0, 1_000.0
    for _ in range(60):
        while growth.at_work < growth.streams.now:
            growth.began(now)
        while growth.at_work > growth.streams.now:
            growth.ended(now)
        now += 1.0
        received += 2 * MB
        number = growth.look(now, received)
    assert number <= 2


def test_small_things_count_when_enough_of_them_have_ended() -> None:
    """A window of two seconds in which hardly anything came goes on until it says something."""
    growth = Growth(Streams(8, now=2, alone=10_000.0))
    growth.began(0.0)
    growth.began(0.0)
    assert growth.look(4.0, 80_000) == 2
    growth.ended(5.0)
    growth.began(5.0)
    growth.ended(6.0)
    growth.began(6.0)
    assert growth.look(7.0, 140_000) == 2
    growth.ended(7.5)
    growth.began(7.5)
    growth.ended(7.6)
    growth.began(7.6)
    assert growth.look(8.0, 160_000) == 4


def test_a_slow_line_is_looked_at_all_the_same() -> None:
    """One transfer that brings a few bytes a second is not waited for without end."""
    growth = Growth(Streams(8))
    growth.began(0.0)
    assert growth.look(14.0, 14_000) == 1
    assert growth.look(15.0, 15_000) == 2


@pytest.mark.parametrize("troubled", [2, 5])
def test_trouble_of_the_far_side_halves_it(troubled: int) -> None:
    """A fifth and more of refusals: half of the transfers, at the next look."""
    growth = Growth(Streams(8, now=4, alone=1.0 * MB))
    for _ in range(4):
        growth.began(0.0)
    for number in range(8):
        growth.ended(1.0)
        growth.began(1.0)
        if number < troubled:
            growth.met_trouble()
    assert growth.look(2.0, 8 * MB) == 2
