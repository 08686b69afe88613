"""What can be said before a byte moves: sums, room, time, and what a page foretells."""

from datetime import datetime, timezone

import pytest

from civitai_dl.domain.decisions import plan_model
from civitai_dl.domain.entities import (
    File,
    Model,
    ModelRef,
    Placed,
    Reason,
    Role,
    Selection,
    Unavailable,
    Version,
)
from civitai_dl.domain.outlook import Forecast, Pace, Prospect, Scope, Share, forecast, judge_space

MB = 1_000_000
ALL = Pace(files=2.0 * MB, images=4.0)
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def files(count=10, size=100 * MB, **facts):
    return Share(Role.FILE, "Model", Prospect.FETCH, count=count, bytes=size, **facts)


def images(count=40):
    return Share(Role.GALLERY, "", Prospect.FETCH, count=count, unsized=count)


def unread():
    return Share(Role.PAGE, "model", Prospect.UNLISTED, count=1)


def scope(*shares):
    return Scope("all", shares=shares)


# --- sums


def test_files_and_images_are_counted_apart():
    """A scope tells how many things have a prospect, files and images each for themselves."""
    stored = Share(Role.FILE, "VAE", Prospect.STORED, count=3, bytes=7)
    found = scope(files(), images(), stored, unread())
    assert (found.count(Prospect.FETCH), found.count(Prospect.FETCH, files=True)) == (50, 10)
    assert found.count(Prospect.FETCH, Prospect.STORED, files=True) == 13
    assert (found.things(files=True), found.things(files=False)) == (13, 40)
    assert (found.unsized(Prospect.FETCH), found.unread) == (40, 1)
    assert found.bytes(Prospect.STORED) == 7


def test_what_is_on_disk_already_is_not_transferred():
    """The bytes of partial files are not among those to transfer."""
    assert scope(files(held=30 * MB)).bytes(Prospect.FETCH) == 70 * MB


# --- time


def test_files_and_images_go_on_side_by_side():
    """The slower of the two says how long it takes."""
    assert forecast(scope(files(), images(40)), ALL, None) == Forecast(50.0, 50.0, 10.0)
    assert forecast(scope(files(), images(400)), ALL, None) == Forecast(100.0, 50.0, 100.0)


def test_many_small_files_take_as_long_as_their_links():
    """A link for each file has to be asked for, at the rate that the service admits."""
    pace = Pace(files=2.0 * MB, links=0.5)
    assert forecast(scope(files(100, 2 * MB)), pace, None).seconds == 200.0


def test_the_limit_holds_for_all_together():
    """With a limit nothing is faster than it, files and images together."""
    pace = Pace(files=2.0 * MB, images=4.0, limit=MB)
    assert forecast(scope(files(), images(40)), pace, 0.5 * MB).seconds == 120.0
    only = forecast(scope(files()), Pace(limit=MB), None)
    assert only == Forecast(100.0, None, 0.0, at_least=True)


def test_nothing_is_invented():
    """Without a pace there is no time; nothing to fetch takes none."""
    assert forecast(scope(files()), Pace(), None) == Forecast(None, None, 0.0, at_least=True)
    assert forecast(scope(), Pace(), None) == Forecast(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "shares", [(files(unsized=1),), (files(), unread()), (files(),)], ids=["size", "page", "all"]
)
def test_what_is_not_known_makes_it_a_lower_bound(shares):
    """A size that nobody tells, or a page that was not read, is said to be missing."""
    assert forecast(scope(*shares), ALL, None).at_least is (shares != (files(),))


def test_images_of_an_unknown_pace_are_said_to_be_missing():
    """The files alone are a lower bound where nobody knows how fast images come."""
    told = forecast(scope(files(), images()), Pace(files=2.0 * MB), None)
    assert told == Forecast(50.0, 50.0, None, at_least=True)


# --- room


def test_room_is_judged_with_the_margin_of_a_run():
    """What a run would refuse for want of room is told before: five per cent must stay free."""
    assert judge_space(scope(files()), None, 105 * MB).lacking == 0
    assert judge_space(scope(files()), None, 100 * MB).lacking == 5 * MB


def test_images_count_as_much_as_those_that_are_stored():
    """Where stored images tell a weight, those to come are guessed at; else nothing is said."""
    space = judge_space(scope(files(), images(10)), 1_500.5, 200 * MB)
    assert (space.needed, space.images, space.left) == (100 * MB, 15_005, 100 * MB - 15_005)
    assert judge_space(scope(files(), images(10)), None, 1).images is None
    assert judge_space(scope(files()), 1_500.5, 1).images is None


def test_where_nobody_knows_what_is_free_nothing_is_lacking():
    """A disk that does not tell is given the benefit of the doubt."""
    space = judge_space(scope(files()), None, None)
    assert (space.left, space.lacking) == (None, 0)


# --- what a page foretells


def foretold(mode=None, **facts):
    """What is foretold of a file, and its priority."""
    file = File(id=1, version_id=20, name="a.safetensors", kind="VAE")
    version = Version(id=20, model_id=5, name="v1", files=(file,), **facts)
    model = Model(id=5, name="Dream", versions=(version,), mode=mode)
    planned = plan_model(model, ModelRef(5), Selection(), Placed({}, {}), ())
    (task,) = (found.task for found in planned if found.task.role is Role.FILE)
    assert task.subject.kind == "VAE"
    return task.subject.foretold, task.priority


def test_a_file_for_everybody_is_fetched_in_its_turn():
    """Nothing is foretold of a file that everybody may have."""
    assert foretold() == (None, 0)
    assert foretold(usage="Download", mode="TakenDown") == (None, 0)


def test_early_access_is_foretold_with_its_date():
    """A version that is not free yet is asked for last, and its date is known."""
    refusal = Unavailable(Reason.EARLY_ACCESS, "early access", until=NOW.timestamp())
    assert foretold(early_access_until=NOW) == (refusal, 1)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"sold": True}, Reason.EARLY_ACCESS),
        ({"usage": "Generation"}, Reason.DOWNLOADS_DISABLED),
        ({"mode": "Archived"}, Reason.ARCHIVED),
    ],
)
def test_other_gates_are_foretold_without_a_date(facts, reason):
    """What is sold, not for download, or archived is foretold by its reason."""
    refusal, priority = foretold(**facts)
    assert (refusal.reason, refusal.until, priority) == (reason, None, 1)
