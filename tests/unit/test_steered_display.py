"""What is shown of a run that a person holds up, or from which targets were withdrawn."""

import pytest
from test_tally import Run, file, image, model

from civitai_dl.adapters.reporters._facts import FactTeller
from civitai_dl.adapters.reporters._sayings import Sayings
from civitai_dl.domain.entities import (
    BytesReceived,
    Lane,
    LanesHeld,
    RunFinished,
    RunReport,
    Stored,
    TargetsCancelled,
    TransferStarted,
)
from civitai_dl.domain.messages import Language, Messages

FILES = frozenset({Lane.FILES})
EVERYTHING = LanesHeld(frozenset(Lane), all=True)


def transferring(size=600_000):
    """A run of one file, of which ten thousand bytes came in each of twenty seconds."""
    run = Run().read(1, file(1, size=size)).hear(TransferStarted(file(1), 0, size))
    for _ in range(20):
        run.now += 1
        run.hear(BytesReceived(file(1), 10_000))
    return run


def test_a_pause_takes_transfers_rates_and_the_time_left_off_the_screen():
    """Nothing is at work, and nothing is promised."""
    run = transferring()
    assert run.view.files.eta == pytest.approx(40, abs=3)
    view = run.hear(EVERYTHING).view
    assert ((), 0.0, None) == (view.transfers, view.files.rate, view.files.eta)
    assert (frozenset(Lane), True) == (view.held.lanes, view.held.all)


def test_an_hour_of_pause_makes_nothing_slow():
    """What it goes on with is as fast as it was, and the time left as it was told before."""
    run = transferring().hear(EVERYTHING)
    run.now += 3600
    run.hear(LanesHeld(frozenset()), TransferStarted(file(1), 200_000, 600_000))
    run.now += 1
    run.hear(BytesReceived(file(1), 10_000))
    assert run.view.files.eta == pytest.approx(39, abs=3)
    assert run.view.files.rate == pytest.approx(10_000, rel=0.3)
    assert frozenset() == run.view.held.lanes


def test_one_lane_is_held_and_the_other_is_shown_as_it_is():
    """A pause of the images leaves the files on the screen."""
    run = transferring().hear(TransferStarted(image(5), 0, 100))
    view = run.hear(LanesHeld(frozenset({Lane.IMAGES}))).view
    assert [Lane.FILES] == [one.lane for one in view.transfers]
    assert view.files.rate > 0


def test_what_was_withdrawn_is_not_waited_for():
    """Counts fall by it, its transfers leave the screen, and the models come to an end."""
    run = transferring().read(2, file(2, model_id=2), file(3, model_id=2))
    run.hear(TargetsCancelled(("model:1",), {Lane.FILES: 1}, (1,), frozenset({file(1).key})))
    view = run.view
    assert (2, 0, ()) == (view.files.expected, view.files.failed, view.transfers)
    for number in (2, 3):
        run.settle(file(number, model_id=2), Stored(f"x/{number}", "00", 1000))
    assert (2, 2) == (run.view.models.done, run.view.models.total)
    assert 0 == run.view.files.open


def test_a_withdrawn_page_is_no_longer_listed():
    """The totals stop growing when the pages that were open are wanted no more."""
    run = Run(targets=1).find(model(1), model(2))
    assert run.view.files.growing
    run.hear(TargetsCancelled(("ann",), {Lane.MODEL_PAGES: 3}, (1, 2), frozenset()))
    assert not run.view.files.growing


def test_the_end_of_a_run_ends_its_pause():
    """A run that was stopped while it was paused says nothing of it in the end."""
    run = transferring().hear(EVERYTHING, RunFinished(RunReport()))
    assert frozenset() == run.view.held.lanes


@pytest.mark.parametrize("language", list(Language))
def test_each_is_said_in_a_line_and_noted_in_the_log(language):
    """Without a terminal a person reads it once; a program reads names that do not change."""
    sayings, teller = Sayings(Messages(language)), FactTeller()
    held = LanesHeld(FILES)
    cancelled = TargetsCancelled(("model:1", "user:ann"), {Lane.FILES: 4}, (), frozenset({"a"}))
    said = [sayings.hear(event, 1.0) for event in (held, cancelled, LanesHeld(frozenset()))]
    assert all(one is not None and one[0] == "info" for one in said)
    assert "model:1, user:ann" in said[1][1]
    assert [{"event": "held", "lanes": "files", "all": False}] == teller.tell(held, 1.0)
    (fact,) = teller.tell(cancelled, 1.0)
    assert ("cancelled", "model:1, user:ann", 4, 1) == (
        fact["event"],
        fact["label"],
        fact["things"],
        fact["ended"],
    )
