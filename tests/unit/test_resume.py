"""Where a transfer begins, and which answers may be written: a truth table."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    Complete,
    FreshStart,
    Resume,
    StartOver,
    Take,
    TurnAway,
    decide_resume,
    is_trickle,
    judge_answer,
    promised_size,
)
from civitai_dl.domain.entities import Answer, Held, Trouble

HERE, THERE = "r2.example.org", "b2.example.org"
HELD = Held(700, etag='"abc"', host=HERE, total=1300)
ASKED = Resume(700, '"abc"')
PART = Answer(206, length=600, etag='"abc"', start=700, end=1299, total=1300, host=HERE)


# --- how to ask


@pytest.mark.parametrize(
    ("held", "allowed", "hint", "reason"),
    [
        (HELD, False, None, "resuming is switched off"),
        (None, True, None, "nothing is held"),
        (Held(0), True, 1300, "nothing is held"),
        (Held(-1), True, 1300, "nothing is held"),
        (replace(HELD, size=1301), True, 5000, "more is held than the file has"),
        (Held(1301), True, 1300, "more is held than the file has"),
    ],
)
def test_what_cannot_be_continued_is_fetched_whole(held, allowed, hint, reason):
    """Nothing held, too much held, or --no-resume: the whole file is asked for."""
    assert FreshStart(reason) == decide_resume(held, host=HERE, allowed=allowed, size_hint=hint)


@pytest.mark.parametrize(
    ("held", "host", "if_range"),
    [
        (HELD, HERE, '"abc"'),
        (HELD, THERE, None),
        (replace(HELD, etag='W/"abc"'), HERE, None),
        (replace(HELD, etag=None), HERE, None),
        (replace(HELD, etag='""'), HERE, None),
        (replace(HELD, etag="abc"), HERE, None),
        (replace(HELD, etag='"'), HERE, None),
    ],
)
def test_only_a_strong_etag_of_the_same_host_is_a_condition(held, host, if_range):
    """If-Range carries a strong ETag, and never to another store, whose ETags are other ones."""
    assert Resume(700, if_range, total=1300) == decide_resume(held, host=host, allowed=True)


def test_the_promised_size_counts_for_more_than_the_listed_one():
    """A listed size that is too small does not stop a file from being continued."""
    asked = decide_resume(HELD, host=HERE, allowed=True, size_hint=10)
    assert Resume(700, '"abc"', total=1300) == asked


def test_a_file_that_is_held_whole_is_still_asked_about():
    """With all 1300 bytes held the server is asked for byte 1300, and answers 416."""
    whole = replace(HELD, size=1300)
    asked = decide_resume(whole, host=HERE, allowed=True)
    assert Resume(1300, '"abc"', total=1300) == asked
    assert Complete() == judge_answer(asked, whole, Answer(416, total=1300, host=HERE))


# --- what has no digest

WEAK = replace(HELD, etag='W/"abc"')


@pytest.mark.parametrize(
    ("held", "host"), [(WEAK, HERE), (replace(HELD, etag=None), HERE), (HELD, THERE)]
)
def test_without_a_digest_or_a_strong_tag_nothing_is_continued_unseen(held, host):
    """Where nothing tells what belongs together, the last bytes are asked for again, or all."""

    def decide(comparable):
        return decide_resume(held, host=host, allowed=True, proven=False, comparable=comparable)

    assert isinstance(decide(0), FreshStart)
    assert Resume(700, None, overlap=64, proven=False, total=1300) == decide(64)
    assert Resume(700, None, overlap=700, proven=False, total=1300) == decide(9_999)
    assert (636, 0) == (Resume(700, None, overlap=64).first, Resume(700, None, overlap=700).first)


def test_a_strong_tag_of_the_same_host_is_proof_enough():
    """Without a digest a file goes on under the strong ETag that it began with."""
    asked = decide_resume(HELD, host=HERE, allowed=True, proven=False, comparable=64)
    assert Resume(700, '"abc"', proven=False, total=1300) == asked
    assert Take(700) == judge_answer(asked, HELD, PART)


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        (HELD, replace(PART, host=THERE)),
        (WEAK, replace(PART, etag='W/"abc"')),
        (None, PART),
    ],
    ids=["by a redirect to another host", "weak", "nothing known before"],
)
def test_a_part_that_nobody_vouches_for_is_dropped(held, answer):
    """A part without digest, of another host or under a weak tag, is not appended unseen."""
    unproven = Resume(700, None, proven=False)
    assert isinstance(judge_answer(unproven, held, answer), StartOver)
    assert Take(700) == judge_answer(Resume(700, None), held, answer)


def test_an_overlap_is_skipped_and_compared():
    """Bytes that are asked for again are not written, and must be those that are held."""
    asked = Resume(700, None, overlap=64, proven=False)
    part = replace(PART, start=636, etag=None)
    held = replace(HELD, etag=None)
    assert Take(700, skip=64, compare=64) == judge_answer(asked, held, part)
    early = Take(700, skip=700, compare=64)
    assert early == judge_answer(asked, held, replace(part, start=0))
    assert isinstance(judge_answer(asked, held, replace(part, start=650)), StartOver)
    # A file that ends where the overlap begins is a shorter one, not a complete one.
    assert isinstance(judge_answer(asked, held, Answer(416, total=636)), StartOver)
    assert isinstance(judge_answer(asked, held, Answer(416, total=700)), StartOver)


@pytest.mark.parametrize(
    ("total", "said", "complete"),
    [
        (700, None, True),
        (700, 700, True),
        (None, 700, True),
        (1300, 700, True),
        (None, None, False),
        (1300, None, False),
        (600, None, False),
        (700, 1300, False),
    ],
)
def test_a_416_ends_a_file_only_at_its_known_size(total, said, complete):
    """Nothing behind byte 700 of a file of 700 bytes: it is whole, and goes to be verified."""
    verdict = judge_answer(Resume(700, None, total=total), HELD, Answer(416, total=said))
    assert isinstance(verdict, Complete if complete else StartOver)


# --- crawling


@pytest.mark.parametrize(
    ("rate", "others", "expected"),
    [
        (9.0, [100.0, 100.0, 100.0], True),
        (11.0, [100.0, 100.0, 100.0], False),
        (9.0, [100.0, 100.0], False),
        (0.0, [], False),
        (9.0, [1.0, 1.0, 5_000.0], False),
        (9.0, [1.0, 200.0, 5_000.0], True),
    ],
)
def test_a_trickle_is_what_is_ten_times_slower_than_most(rate, others, expected):
    """A transfer is slow beside others from its host; a link that is slow for all is just slow."""
    assert expected is is_trickle(rate, others)


# --- what may be written

TABLE = [
    # the whole, as asked
    ("200", FreshStart(""), None, Answer(200, length=1300), Take(0)),
    ("200 without length", FreshStart(""), None, Answer(200), Take(0)),
    ("200 to a Range: the whole comes", ASKED, HELD, Answer(200, length=1300), Take(0)),
    # the part, as asked
    ("206", ASKED, HELD, PART, Take(700)),
    ("206 that begins earlier", ASKED, HELD, replace(PART, start=0), Take(700, skip=700)),
    ("206 that ends earlier", ASKED, HELD, replace(PART, end=900), Take(700)),
    ("206 of one byte", ASKED, HELD, replace(PART, end=700), Take(700)),
    ("206 of another store", ASKED, HELD, replace(PART, etag='"x"', host=THERE), Take(700)),
    ("206 as tagless as before", ASKED, replace(HELD, etag=None), PART, Take(700)),
    ("206 of another store, no tag", ASKED, HELD, replace(PART, etag=None, host=THERE), Take(700)),
    ("206, size unknown before", ASKED, replace(HELD, total=None), PART, Take(700)),
    ("206, nothing known before", ASKED, None, PART, Take(700)),
    # everything is held
    ("416 at the end", ASKED, HELD, Answer(416, total=700), Complete()),
]

DROPPED = [
    ("416 of a longer file", ASKED, HELD, Answer(416, total=1300)),
    ("416 of a shorter file", ASKED, HELD, Answer(416, total=600)),
    ("416 without a size", ASKED, HELD, Answer(416)),
    ("206 encoded", ASKED, HELD, replace(PART, encoded=True)),
    ("206 in several parts", ASKED, HELD, replace(PART, multipart=True)),
    ("206 without Content-Range", ASKED, HELD, replace(PART, start=None, end=None, total=None)),
    ("206 without start", ASKED, HELD, replace(PART, start=None)),
    ("206 without end", ASKED, HELD, replace(PART, end=None)),
    ("206 of unknown total", ASKED, HELD, replace(PART, total=None)),
    ("206 that begins later", ASKED, HELD, replace(PART, start=701)),
    ("206 that ends before", ASKED, HELD, replace(PART, start=0, end=699)),
    ("206 beyond its own total", ASKED, None, replace(PART, total=1299)),
    ("206 of another size", ASKED, HELD, replace(PART, total=1301)),
    ("206 of another object", ASKED, HELD, replace(PART, etag='"x"')),
    ("206 with another weak tag", ASKED, HELD, replace(PART, etag='W/"x"')),
    ("206 that lost its tag", ASKED, HELD, replace(PART, etag=None)),
]

REFUSED = [
    ("200 without a byte", ASKED, Answer(200, length=0), Trouble.TRANSIENT, False),
    ("200 encoded", FreshStart(""), Answer(200, encoded=True), Trouble.TRANSIENT, False),
    ("206 unasked", FreshStart(""), PART, Trouble.TRANSIENT, False),
    ("416 unasked", FreshStart(""), Answer(416), Trouble.TRANSIENT, False),
    ("400", ASKED, Answer(400), Trouble.LINK, True),
    ("401", ASKED, Answer(401), Trouble.LINK, True),
    ("403", FreshStart(""), Answer(403), Trouble.LINK, True),
    ("404", FreshStart(""), Answer(404), Trouble.LINK, True),
    ("410", FreshStart(""), Answer(410), Trouble.LINK, True),
    ("429", ASKED, Answer(429), Trouble.THROTTLED, False),
    ("503", FreshStart(""), Answer(503), Trouble.THROTTLED, False),
    ("408", FreshStart(""), Answer(408), Trouble.TRANSIENT, False),
    ("500", FreshStart(""), Answer(500), Trouble.TRANSIENT, False),
    ("502", ASKED, Answer(502), Trouble.TRANSIENT, False),
    ("507", ASKED, Answer(507), Trouble.TRANSIENT, False),
    ("524", ASKED, Answer(524), Trouble.TRANSIENT, False),
    ("204", FreshStart(""), Answer(204), Trouble.TRANSIENT, False),
    ("304", ASKED, Answer(304), Trouble.TRANSIENT, False),
    ("412", ASKED, Answer(412), Trouble.TRANSIENT, False),
    ("418", ASKED, Answer(418), Trouble.TRANSIENT, False),
]


@pytest.mark.parametrize(
    ("asked", "held", "answer", "verdict"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_an_answer_that_fits_is_taken_where_it_belongs(asked, held, answer, verdict):
    """Bytes are written at the place that the answer gives them, and nowhere else."""
    assert verdict == judge_answer(asked, held, answer)


@pytest.mark.parametrize(
    ("asked", "held", "answer"), [row[1:] for row in DROPPED], ids=[row[0] for row in DROPPED]
)
def test_an_answer_that_does_not_fit_starts_the_file_over(asked, held, answer):
    """A part that is not the rest of what is held is not appended to it."""
    assert isinstance(judge_answer(asked, held, answer), StartOver)


@pytest.mark.parametrize(
    ("asked", "answer", "trouble", "gated"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_an_answer_without_the_bytes_is_turned_away(asked, answer, trouble, gated):
    """An error answer writes nothing; a refused link may be asked for anew."""
    verdict = judge_answer(asked, HELD if isinstance(asked, Resume) else None, answer)
    assert isinstance(verdict, TurnAway)
    assert (trouble, gated) == (verdict.trouble, verdict.gated)
    assert verdict.why


sizes = st.none() | st.integers(0, 40)
etags = st.sampled_from([None, '"a"', '"b"', 'W/"a"'])
hosts = st.sampled_from([HERE, THERE])
answers = st.builds(
    Answer,
    status=st.sampled_from([200, 204, 206, 206, 206, 304, 400, 403, 404, 416, 429, 500, 503]),
    length=sizes,
    etag=etags,
    start=sizes,
    end=sizes,
    total=sizes,
    encoded=st.booleans(),
    multipart=st.booleans(),
    host=hosts,
)
helds = st.none() | st.builds(Held, st.integers(0, 30), etag=etags, host=hosts, total=sizes)


@given(
    held=helds,
    answer=answers,
    allowed=st.booleans(),
    host=hosts,
    hint=st.none() | st.just(20),
    proven=st.booleans(),
    comparable=st.integers(0, 40),
)
def test_what_is_written_always_continues_what_is_held(
    held, answer, allowed, host, hint, proven, comparable
):
    """Whatever a server says, bytes are put at 0 or at the very end of what is held."""
    asked = decide_resume(
        held, host=host, allowed=allowed, size_hint=hint, proven=proven, comparable=comparable
    )
    verdict = judge_answer(asked, held, answer)
    if isinstance(asked, Resume):
        assert held is not None
        assert (held.size, True) == (asked.offset, allowed)
    if isinstance(verdict, Complete):
        assert isinstance(asked, Resume)
        known = asked.total if answer.total is None else answer.total
        assert (416, asked.offset) == (answer.status, known)
    if isinstance(verdict, Take):
        assert not answer.encoded
        if answer.status == 200:
            assert Take(0) == verdict
        else:
            assert isinstance(asked, Resume)
            assert verdict.offset == asked.offset
            assert answer.start is not None
            assert answer.start + verdict.skip == verdict.offset
            assert verdict.compare <= verdict.skip
            assert promised_size(answer, offset=verdict.offset) == answer.total


@pytest.mark.parametrize(
    ("answer", "offset", "expected"),
    [
        (Answer(200, length=1300), 0, 1300),
        (Answer(200), 0, None),
        (PART, 700, 1300),
        (replace(PART, length=None), 700, 1300),
        (Answer(200, length=5), 10, 15),
    ],
)
def test_the_promised_size_is_that_of_the_whole_file(answer, offset, expected):
    """A part of 600 bytes from byte 700 on promises a file of 1300 bytes."""
    assert expected == promised_size(answer, offset=offset)
