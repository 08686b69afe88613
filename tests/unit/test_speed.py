"""How fast a run was: measured where there is enough to measure."""

from civitai_dl._speed import Speed
from civitai_dl.domain.entities import (
    BytesReceived,
    FileRef,
    ImageRef,
    Kind,
    Lane,
    Role,
    Skipped,
    Stored,
    Task,
    TaskSettled,
)

MB = 1_000_000


class Clock:
    moment = 1_000.0

    def now(self):
        return self.moment


def task(lane):
    if lane is Lane.FILES:
        return Task("f", Kind.FILE, lane, Role.FILE, FileRef(1, 2, 3, "a", "a"), "file")
    return Task("i", Kind.IMAGE, lane, Role.GALLERY, ImageRef("https://x", "x"), "image")


def measured(lane, steps, how="fetched"):
    """What is measured when each second so many bytes come, and something is stored."""
    clock = Clock()
    speed = Speed(clock)
    for count in steps:
        speed.emit(BytesReceived(task(lane), count))
        clock.moment += 1.0
        speed.emit(TaskSettled(task(lane), Stored("x", "ab", count, how=how)))
        speed.emit(TaskSettled(task(lane), Skipped("nothing")))
    return speed.measured()


def test_files_are_measured_in_bytes():
    """Bytes of files per second, from the first byte to the last file."""
    assert measured(Lane.FILES, [MB] * 4) == {Lane.FILES: MB}


def test_images_are_measured_by_their_number():
    """Images per second: their sizes nobody tells beforehand."""
    assert measured(Lane.IMAGES, [1] * 30) == {Lane.IMAGES: 1.0}


def test_too_little_says_nothing():
    """A moment, a few bytes or a few images are no measurement."""
    assert measured(Lane.FILES, [MB] * 2) == {}
    assert measured(Lane.FILES, [1] * 4) == {}
    assert measured(Lane.IMAGES, [1] * 19) == {}


def test_what_was_not_fetched_is_no_measure():
    """A link to bytes that are there already says nothing about the line."""
    assert measured(Lane.IMAGES, [1] * 30, how="linked") == {}
    speed = Speed(Clock())
    speed.emit(TaskSettled(task(Lane.FILES), Stored("x", "ab", 5)))
    assert speed.measured() == {}
