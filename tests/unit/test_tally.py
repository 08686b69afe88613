"""From events to counters: what the display says is true at every moment."""

import sys
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.adapters.reporters._lane import LaneCount
from civitai_dl.adapters.reporters._tally import (
    ALERT_SECONDS,
    MOST_DEFERRED,
    MOST_TRANSFERS,
    Tally,
)
from civitai_dl.adapters.reporters._window import Window
from civitai_dl.domain.entities import (
    BytesReceived,
    CreatorRef,
    Deferred,
    DressRef,
    Expanded,
    Failed,
    Failure,
    FileRef,
    GalleryQuery,
    GalleryRef,
    ImageRef,
    Kind,
    Lane,
    LaneClosed,
    LanePaused,
    ModelRef,
    Notice,
    PageExpanded,
    Planned,
    Reason,
    Role,
    RunFinished,
    RunReport,
    RunStarted,
    Skipped,
    Stored,
    Task,
    TaskSettled,
    TransferStarted,
    Trouble,
    Unavailable,
)

BROKE = Failure(Trouble.TRANSIENT, "the connection broke", status=0)
STORED = Stored("p", "0" * 64, 1000)
LATER = Deferred(99.0, BROKE)
GIVEN_UP = Failed(BROKE)
GATED = Unavailable(Reason.EARLY_ACCESS, "buyers only")


def model(number):
    return Task(
        f"model:{number}",
        Kind.MODEL,
        Lane.MODEL_PAGES,
        Role.PAGE,
        ModelRef(number),
        f"model {number}",
        model_id=number,
    )


def file(number, model_id=1, size=1000):
    ref = FileRef(model_id, 1, number, f"{number}.pt", f"x/{number}", size_hint=size)
    label = f"{number}.pt (model {model_id})"
    key = f"file:{number}"
    return Task(key, Kind.FILE, Lane.FILES, Role.FILE, ref, label, model_id=model_id)


def image(number, model_id=None):
    ref = ImageRef("https://image.example/x", f"g/{number}")
    label = f"image {number}"
    key = f"image:{number}"
    return Task(key, Kind.IMAGE, Lane.IMAGES, Role.GALLERY, ref, label, model_id=model_id)


def dress(model_id):
    ref = DressRef(model_id)
    return Task(f"dress:{model_id}", Kind.DRESS, Lane.IMAGES, Role.DRESS, ref, "page")


CREATOR = Task(
    "creator:ann", Kind.CREATOR, Lane.MODEL_PAGES, Role.PAGE, CreatorRef("ann"), "models of ann"
)
GALLERY = Task(
    "gallery:user:ann",
    Kind.GALLERY,
    Lane.IMAGE_PAGES,
    Role.USER_IMAGE,
    GalleryRef(GalleryQuery(username="ann"), "users/ann"),
    "images of ann",
)


class Run:
    """A tally, and a clock that the test moves."""

    def __init__(self, targets=0, *, seeds=None):
        self.now = 1000.0
        self.tally = Tally()
        self.hear(RunStarted("out", targets, bool(seeds), seeds or {}))

    def hear(self, *events):
        for event in events:
            self.tally.hear(event, self.now)
        return self

    def settle(self, task, *outcomes):
        return self.hear(*(TaskSettled(task, outcome) for outcome in outcomes))

    def find(self, *tasks, page=CREATOR, known=0):
        planned = tuple(t if isinstance(t, Planned) else Planned(t) for t in tasks)
        return self.hear(PageExpanded(page, planned, known))

    def read(self, number, *found):
        """A model's page is read, as the scheduler tells it: first settled, then expanded."""
        self.settle(model(number), Expanded(tuple(map(Planned, found))))
        return self.find(*found, page=model(number))

    @property
    def view(self):
        return self.tally.view(self.now)


# --- lanes


def test_what_a_page_finds_is_expected():
    """Files and images of a page are expected from then on, also those inside of models."""
    inside = Planned(model(1), Expanded(), (Planned(file(1)), Planned(image(1))))
    view = Run().find(inside, image(2), GALLERY, dress(1)).view
    assert (view.files.expected, view.files.open) == (1, 1)
    assert (view.images.expected, view.images.open) == (2, 2)


def test_what_cannot_be_had_is_counted_at_once():
    """A gated file counts as unavailable when it is found, one that is on disk as done."""
    run = Run().find(Planned(file(1), GATED), Planned(file(2), Skipped("there")), file(3))
    files = run.view.files
    assert (files.expected, files.unavailable, files.done, files.open) == (3, 1, 1, 1)
    assert run.view.unavailable == 1


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [(STORED, "done"), (Skipped("x"), "done"), (GIVEN_UP, "failed"), (GATED, "unavailable")],
)
def test_each_end_is_counted_where_it_belongs(outcome, counted):
    """A settled file is done, failed or unavailable, and no longer open."""
    files = Run().find(file(1)).settle(file(1), outcome).view.files
    assert {"done": files.done, "failed": files.failed, "unavailable": files.unavailable} == {
        **dict.fromkeys(("done", "failed", "unavailable"), 0),
        counted: 1,
    }
    assert files.open == 0


def test_a_deferred_task_is_retried_until_it_ends():
    """A task is being retried from its first deferral to its end, however often it is deferred."""
    run = Run().find(file(1))
    assert run.view.retrying == 0
    run.settle(file(1), LATER, LATER)
    assert (run.view.retrying, run.view.files.retrying, run.view.files.open) == (1, 1, 1)
    run.settle(file(1), STORED)
    assert (run.view.retrying, run.view.files.retrying, run.view.files.done) == (0, 0, 1)


def test_waiting_for_the_service_is_no_failure():
    """A task that waits because its lane rests is not one that is tried again."""
    asked = Failure(Trouble.THROTTLED, "slow down", status=429)
    run = Run().find(file(1)).settle(file(1), Deferred(5.0, asked, counts=False, pause=5.0))
    assert run.view.retrying == 0
    assert run.settle(file(1), Deferred(5.0, BROKE, counts=False, mismatch=True)).view.retrying == 1


def test_a_closed_lane_leaves_its_tasks_open():
    """A task whose lane was closed is neither failed nor done, and the lane says why it stopped."""
    run = Run().find(file(1)).settle(file(1), LaneClosed(BROKE, 9.0))
    assert run.view.files.open == 1
    assert [(p.lane, p.reason, p.left) for p in run.view.pauses] == [
        (Lane.FILES, BROKE.detail, None)
    ]


def test_a_continued_run_begins_with_what_was_left():
    """What an earlier run left is expected from the start, and settles like the rest."""
    run = Run(seeds={Lane.FILES: 2, Lane.IMAGES: 3})
    assert (run.view.files.expected, run.view.images.expected) == (2, 3)
    run.settle(file(1), STORED).settle(image(1), GIVEN_UP)
    assert (run.view.files.done, run.view.files.open) == (1, 1)
    assert (run.view.images.failed, run.view.images.open) == (1, 2)


def test_pages_to_write_are_not_things_to_store():
    """A model's page is neither expected nor done, whether this run found it or an earlier one."""
    run = Run().find(image(1), dress(1)).settle(image(1), STORED).settle(dress(1), Skipped("ok"))
    assert (run.view.images.expected, run.view.images.done) == (1, 1)
    run = Run(seeds={Lane.IMAGES: 2}).settle(dress(1), Skipped("ok")).settle(image(1), STORED)
    assert (run.view.images.expected, run.view.images.done, run.view.images.open) == (1, 1, 0)


def test_a_task_nobody_announced_is_counted_all_the_same():
    """A settled task that was not expected is expected from then on, and later news is none."""
    run = Run().settle(image(1), STORED)
    assert (run.view.images.expected, run.view.images.done) == (1, 1)
    assert run.find(image(1)).view.images.expected == 1


def test_failed_pages_count_as_failures():
    """A page that failed or cannot be had is counted, though it is neither file nor image."""
    run = Run(2).settle(model(1), GIVEN_UP).settle(model(2), GATED).settle(dress(1), GIVEN_UP)
    assert (run.view.failed, run.view.unavailable) == (2, 1)
    assert Run().find(Planned(model(3), GATED)).view.unavailable == 1


# --- models


def test_a_model_is_done_when_its_page_is_read_and_its_files_are_settled():
    """Neither the page alone nor some of the files make a model done; images do not matter."""
    run = Run(1, seeds={Lane.MODEL_PAGES: 1}).read(1, file(1), file(2), image(1, 1))
    assert (run.view.models.done, run.view.models.total) == (0, 1)
    run.settle(file(1), STORED)
    assert run.view.models.done == 0
    run.settle(file(2), GIVEN_UP)
    assert (run.view.models.done, run.view.models.failed) == (1, 1)


def test_a_read_page_is_not_yet_a_done_model():
    """Between the end of a page and the news of what it holds, the model does not flash as done."""
    run = Run().find(model(1)).settle(model(1), Expanded((Planned(file(1)),)))
    assert run.view.models.done == 0
    assert run.find(file(1), page=model(1)).view.models.done == 0
    assert run.settle(file(1), STORED).view.models.done == 1


def test_the_order_of_the_two_events_does_not_matter():
    """Another engine may tell of the children first."""
    run = Run().find(model(1)).find(file(1), page=model(1)).settle(model(1), Expanded())
    assert run.settle(file(1), STORED).hear(Notice("info", "x")).view.models.done == 1


def test_a_model_without_files_is_done_when_it_is_read():
    """A model with nothing to store does not stay open for ever."""
    assert Run().find(model(1)).read(1).view.models.done == 1


def test_a_page_that_goes_on_is_not_read():
    """A model that the list did not show is asked for alone, and open until then."""
    onward = Expanded(onward=ModelRef(1, single=True))
    run = Run().find(model(1)).settle(model(1), onward).find(page=model(1))
    assert (run.view.models.done, run.view.models.total) == (0, 1)
    assert run.read(1).view.models.done == 1


def test_a_model_listed_whole_needs_no_page():
    """A creator's list tells all of a model; a page that waited for it is then not waited for."""
    run = Run().find(model(1)).settle(CREATOR, Expanded())
    assert run.view.files.growing
    run.find(Planned(model(1), Expanded()), file(1))
    assert not run.view.files.growing
    assert run.settle(file(1), STORED).view.models.done == 1


def test_a_model_whose_page_failed_is_settled_and_failed():
    """A model that cannot be read does not keep the total from being reached."""
    run = Run().find(model(1), model(2)).settle(model(1), GIVEN_UP).read(2)
    models = run.view.models
    assert (models.done, models.total, models.failed) == (2, 2, 1)


def test_a_model_is_retrying_while_anything_of_it_is():
    """Page and files alike; a target's own page is not read because it is tried again."""
    run = Run(1, seeds={Lane.MODEL_PAGES: 1}).settle(model(1), LATER)
    assert (run.view.models.retrying, run.view.models.done, run.view.models.total) == (1, 0, 1)
    run.read(1, file(1), file(2))
    assert run.view.models.retrying == 0
    run.settle(file(1), LATER).settle(file(2), LATER).settle(file(1), STORED)
    assert run.view.models.retrying == 1
    run.settle(file(2), STORED)
    assert (run.view.models.retrying, run.view.models.done) == (0, 1)


def test_models_of_an_earlier_run_are_done_when_nothing_of_it_is_left():
    """Files left by an earlier run do not say how many their model has: none is done too early."""
    run = Run(seeds={Lane.FILES: 3})
    run.hear(TransferStarted(file(1, 5), 0, 1000))
    assert (run.view.models.done, run.view.models.total) == (0, 1)
    run.settle(file(1, 5), STORED).settle(file(2, 6), LATER)
    assert (run.view.models.done, run.view.models.total) == (0, 2)
    run.settle(file(2, 6), STORED).settle(file(3, 5), STORED)
    assert (run.view.models.done, run.view.models.total) == (2, 2)


def test_a_model_that_an_earlier_run_knew_is_not_done_too_early():
    """A model whose files were known before is open while files of the earlier run are."""
    run = Run(seeds={Lane.FILES: 2}).find(Planned(model(1), Expanded()))
    run.hear(TransferStarted(file(1), 0, 1000))
    assert run.view.models.done == 0
    run.settle(file(1), STORED)
    assert run.view.models.done == 0
    assert run.settle(file(2), STORED).view.models.done == 1


# --- the listing


def test_totals_are_marked_until_the_listing_ends():
    """While a creator or a gallery is being listed, totals that depend on it are lower bounds."""
    run = Run(2, seeds={Lane.MODEL_PAGES: 1, Lane.IMAGE_PAGES: 1})
    assert run.view.models.growing
    run.settle(CREATOR, Expanded(onward=CreatorRef("ann", cursor="2"))).find(model(1), known=4)
    assert run.view.models.growing
    run.settle(CREATOR, Expanded())
    assert not run.view.models.growing
    assert run.view.files.growing
    run.read(1)
    assert not run.view.files.growing
    assert run.view.images.growing
    assert (run.view.listing.going, run.view.listing.pages, run.view.listing.known) == (True, 2, 4)
    run.settle(GALLERY, Expanded())
    assert not run.view.images.growing
    assert not run.view.listing.going


def test_first_pages_that_were_not_announced_are_waited_for():
    """Where no open page was told of, each target has one."""
    run = Run(2)
    assert run.view.models.growing
    run.read(1)
    assert run.view.models.growing
    assert not run.read(2).view.models.growing


def test_nothing_grows_after_the_end():
    """When the run is over the counts are final, and nothing is tried again or under way."""
    run = Run(3, seeds={Lane.MODEL_PAGES: 3}).find(file(1)).settle(file(1), LATER)
    run.hear(TransferStarted(file(1), 0, 10), LanePaused(Lane.FILES, 9, "x"))
    view = run.hear(RunFinished(RunReport())).view
    assert view.finished
    assert [view.models.growing, view.files.growing, view.listing.going] == [False] * 3
    assert (view.transfers, view.pauses, view.retrying) == ((), (), 0)


# --- bytes, rates, time left


def test_bytes_are_counted_by_lane():
    """Bytes count for their lane and for all; those of pages do not."""
    run = Run().hear(BytesReceived(file(1), 700), BytesReceived(image(1), 50))
    run.hear(BytesReceived(CREATOR, 9))
    assert (run.view.files.bytes, run.view.images.bytes, run.view.bytes) == (700, 50, 750)


def test_a_transfer_goes_on_where_it_stopped():
    """A resumed transfer shows the bytes it has, but counts only those that crossed the wire."""
    run = Run().hear(TransferStarted(file(1), 400, 1000), BytesReceived(file(1), 100))
    (transfer,) = run.view.transfers
    assert (transfer.name, transfer.have, transfer.size) == ("1.pt", 500, 1000)
    assert run.view.bytes == 100


def test_a_transfer_keeps_its_place_when_it_resumes():
    """A transfer that breaks and goes on does not jump to the end of the list."""
    run = Run().hear(TransferStarted(file(1), 0, 9), TransferStarted(file(2), 0, 9))
    run.hear(TransferStarted(file(1), 5, 9))
    assert [t.name for t in run.view.transfers] == ["1.pt", "2.pt"]
    assert run.view.transfers[0].have == 5
    run.settle(file(1), LATER)
    assert [t.name for t in run.view.transfers] == ["2.pt"]


def test_a_rate_is_that_of_the_last_seconds():
    """A steady stream has its rate from the first second on, and none when it has dried up."""
    run = Run().hear(TransferStarted(file(1), 0, None))
    for step in range(40):
        run.hear(BytesReceived(file(1), 500))
        run.now += 0.5
        assert step == 0 or run.view.rate == pytest.approx(1000, rel=0.15)
    assert run.view.transfers[0].rate == pytest.approx(1000, rel=0.15)
    run.now += 15
    assert run.view.rate == 0


def test_the_time_left_follows_from_sizes():
    """Files: bytes still to come, those of transfers under way taken off, over the rate."""
    one, two = file(1, size=60_000), file(2, size=60_000)
    run = Run().find(one, two)
    assert run.view.files.eta is None
    run.hear(TransferStarted(one, 0, 60_000))
    for _ in range(20):
        run.hear(BytesReceived(one, 1000))
        run.now += 1
    assert run.view.files.eta == pytest.approx(100, rel=0.1)
    run.settle(one, STORED)
    assert run.view.files.eta == pytest.approx(60, rel=0.1)
    assert run.settle(two, STORED).view.files.eta is None


def test_files_without_a_size_are_as_large_as_the_others():
    """A file of unknown size, or of an earlier run, is taken for an average one."""
    sized, unsized = file(2, size=10_000), file(3, size=None)
    run = Run(seeds={Lane.FILES: 1}).find(sized, unsized)
    for _ in range(10):
        run.hear(BytesReceived(sized, 1000))
        run.now += 1
    run.settle(sized, STORED)
    assert run.view.files.eta == pytest.approx(20, rel=0.1)
    run.settle(unsized, STORED)
    assert run.view.files.eta == pytest.approx(10, rel=0.1)


def test_the_time_left_for_images_follows_from_their_number():
    """Images have no sizes: what is left over how many a second are stored."""
    run = Run().find(*map(image, range(100)))
    for number in range(20):
        run.settle(image(number), STORED)
        run.now += 0.5
    assert run.view.images.eta == pytest.approx(40, rel=0.15)


# --- pauses and alerts


def test_a_pause_counts_down_and_ends():
    """A lane that rests shows how long; afterwards it shows nothing. Meanwhile no time is told."""
    run = Run().find(image(1), image(2)).settle(image(1), STORED)
    run.hear(LanePaused(Lane.IMAGES, 12, "busy"))
    run.now += 5
    (pause,) = run.view.pauses
    assert (pause.lane, pause.reason, pause.left) == (Lane.IMAGES, "busy", 7)
    assert run.view.images.eta is None
    run.now += 8
    assert run.view.pauses == ()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(Trouble.THROTTLED, "busy", status=429), "throttled"),
        (Failure(Trouble.QUOTA, "busy", status=429), "quota"),
        (Failure(Trouble.TRANSIENT, "busy"), "transient"),
        (Failure(Trouble.THROTTLED, "busy"), "busy"),
        (Failure(Trouble.QUOTA, "other", status=429), "busy"),
    ],
)
def test_the_task_that_caused_a_pause_explains_it(failure, reason):
    """A pause is named by the trouble behind it; a full disk is not the service's asking."""
    run = Run().hear(LanePaused(Lane.FILES, 12, "busy"))
    run.settle(file(1), Deferred(9.0, failure, counts=False, pause=12))
    assert run.view.pauses[0].reason == reason
    assert run.settle(image(1), Deferred(9.0, failure)).view.pauses[0].reason == reason


def test_the_last_alert_is_shown_for_a_while():
    """An alert stays for two minutes; warnings are no alerts."""
    run = Run().hear(Notice("alert", "first"), Notice("alert", "second"), Notice("warning", "w"))
    assert run.view.alert == "second"
    run.now += ALERT_SECONDS + 1
    assert run.view.alert == ""


# --- bounds


def test_a_million_images_leave_no_trace():
    """Memory does not grow with images: not with those found, stored, failed, nor deferred."""
    run = Run()
    for number in range(MOST_DEFERRED + 50):
        task = image(number)
        run.find(task).settle(task, LATER)
    assert run.view.retrying == MOST_DEFERRED
    kept = size_of(run.tally)
    for number in range(MOST_DEFERRED + 50, 3 * MOST_DEFERRED):
        task = image(number)
        run.find(task).hear(TransferStarted(task, 0, 9), BytesReceived(task, 9))
        run.settle(task, LATER, STORED)
    assert size_of(run.tally) == pytest.approx(kept, rel=0.01)
    assert run.view.images.expected == 3 * MOST_DEFERRED


def size_of(thing, seen=None):
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    parts = []
    if isinstance(thing, dict):
        parts = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set)) or type(thing).__name__ == "deque":
        parts = list(thing)
    parts += [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
    parts += list(getattr(thing, "__dict__", {}).values())
    return sys.getsizeof(thing) + sum(size_of(part, seen) for part in parts)


def test_transfers_that_never_end_are_forgotten():
    """Transfers whose end was not heard do not pile up."""
    run = Run()
    for number in range(MOST_TRANSFERS + 10):
        run.hear(TransferStarted(file(number), 0, 9))
    assert len(run.view.transfers) == MOST_TRANSFERS
    assert run.view.transfers[0].name == "10.pt"


# --- any order

TASKS = st.one_of(
    st.builds(file, st.integers(1, 6), st.integers(1, 3), st.sampled_from([None, 0, 10, 5000])),
    st.builds(image, st.integers(1, 6)),
    st.builds(model, st.integers(1, 3)),
    st.builds(dress, st.integers(1, 3)),
    st.sampled_from([CREATOR, GALLERY]),
)
OUTCOMES = st.sampled_from(
    [
        STORED,
        LATER,
        GIVEN_UP,
        GATED,
        Skipped("x"),
        Expanded(),
        Expanded(onward=CreatorRef("x")),
        LaneClosed(BROKE, 9.0),
        Deferred(9.0, BROKE, counts=False, pause=3.0),
    ]
)
VERDICTS = st.sampled_from([None, None, None, GATED, Skipped("x"), Expanded()])
PLANS = st.builds(
    Planned,
    TASKS,
    VERDICTS,
    st.lists(st.builds(Planned, TASKS, VERDICTS), max_size=3).map(tuple),
)
EVENTS = st.one_of(
    st.builds(TaskSettled, TASKS, OUTCOMES),
    st.builds(TaskSettled, TASKS, OUTCOMES),
    st.builds(PageExpanded, TASKS, st.lists(PLANS, max_size=3).map(tuple), st.integers(0, 9)),
    st.builds(TransferStarted, TASKS, st.integers(0, 99), st.none() | st.integers(0, 99)),
    st.builds(BytesReceived, TASKS, st.integers(0, 9999)),
    st.builds(LanePaused, st.sampled_from(Lane), st.floats(0, 99), st.just(BROKE.detail)),
    st.builds(Notice, st.sampled_from(["info", "warning", "alert"]), st.text(max_size=3)),
    st.builds(
        RunStarted,
        st.just("out"),
        st.integers(0, 3),
        st.booleans(),
        st.dictionaries(st.sampled_from(Lane), st.integers(0, 3)),
    ),
    st.just(RunFinished(RunReport())),
)


@given(st.lists(EVENTS, max_size=60), st.floats(0, 3))
def test_counters_add_up_in_any_order(events, step):
    """Whatever comes in whatever order: nothing is negative, and the parts make up the whole."""
    tally = Tally()
    for number, event in enumerate(events):
        now = 1000.0 + number * step
        tally.hear(event, now)
        view = tally.view(now)
        for lane in (view.files, view.images):
            parts = (lane.done, lane.failed, lane.unavailable, lane.open)
            assert min(parts) >= 0
            assert sum(parts) == lane.expected
            assert min(lane.retrying, lane.bytes, lane.rate) >= 0
            assert lane.eta is None or lane.eta >= 0
        models = view.models
        assert 0 <= models.done <= models.total
        assert 0 <= models.failed <= models.total
        assert 0 <= models.retrying <= models.total
        assert min(view.failed, view.unavailable, view.retrying) >= 0
        assert all(pause.left is None or pause.left > 0 for pause in view.pauses)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([STORED, GIVEN_UP, GATED, LATER]))),
    st.randoms(use_true_random=False),
)
def test_a_run_told_in_order_ends_with_nothing_open(ends, random):
    """When everything that was found has been settled, every model is done and nothing is open."""
    run, numbers = Run(1, seeds={Lane.MODEL_PAGES: 1}), count(1)
    tasks = [
        (file(n, n % 4) if kind else image(n), end)
        for n, (kind, end) in zip(numbers, ends, strict=False)
    ]
    run.find(*[model(number) for number in range(4)]).settle(CREATOR, Expanded())
    for number in range(4):
        run.read(number, *[task for task, _ in tasks if task.model_id == number])
    run.find(*[task for task, _ in tasks if task.model_id is None])
    random.shuffle(tasks)
    for task, end in tasks:
        run.settle(task, end)
        if end is LATER:
            run.settle(task, STORED)
    view = run.view
    assert (view.files.open, view.images.open, view.retrying) == (0, 0, 0)
    assert (view.models.done, view.models.total, view.listing.going) == (4, 4, False)
    assert view.files.expected + view.images.expected == len(tasks)
    assert view.failed == sum(end is GIVEN_UP for _, end in ends)


# --- the parts


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 1000))), st.integers(1, 60))
def test_a_window_is_never_negative_and_forgets(amounts, span):
    """A rate lies between nothing and all that came in one second; a window's memory is bounded."""
    window, now = Window(span), 0.0
    for step, amount in amounts:
        now += step
        window.add(now, amount)
        assert 0 <= window.rate(now) <= sum(amount for _, amount in amounts)
        assert len(window._buckets) <= span
    assert window.rate(now + span + 1) == 0


def test_a_clock_that_stands_still_is_borne():
    """Amounts at one and the same moment fall into one bucket."""
    window = Window(5)
    for _ in range(3):
        window.add(7.9, 10)
    assert window.rate(7.9) == 30
    assert Window(5).rate(1.0) == 0


def test_a_lane_without_anything_has_nothing_to_tell():
    """A lane begins empty, and a chore that nobody announced changes nothing."""
    lane = LaneCount(Lane.IMAGES)
    lane.close_chore()
    assert lane.view(0.0, growing=False, paused=False, under_way=0).expected == 0
