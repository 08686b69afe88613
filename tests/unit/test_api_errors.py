"""From an answer that is not the one hoped for to an error that says what to do."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.adapters.api_client._errors import read_reason, source_error
from civitai_dl.errors import (
    NeedsLogin,
    NotFound,
    NotPermitted,
    Rejected,
    SourceError,
    Throttled,
    Unavailable,
)

QUOTA = (
    "We've noticed an unusual amount of downloading from your account. "
    "Contact support@civitai.com or come back later."
)
PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
ZOD = {
    "error": {
        "issues": [{"code": "too_big", "maximum": 100, "path": ["limit"]}],
        "name": "ZodError",
    }
}


def error_of(status, body=b"", **headers):
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    return source_error(status, lower, data, "reading model 5")


# --- what each answer means

CASES = [
    (400, {"error": "Missing modelVersionId"}, Rejected, "Missing modelVersionId"),
    (400, ZOD, Rejected, '{"issues": [{"code": "too_big"'),
    (400, [{"code": "invalid_type", "path": ["id"]}], Rejected, '[{"code": "invalid_type"'),
    (400, {"message": "Invalid cursor"}, Rejected, "Invalid cursor"),
    (405, {"error": "Method not allowed"}, Rejected, "Method not allowed"),
    (401, {"error": "Unauthorized"}, NeedsLogin, "Unauthorized"),
    (403, {"error": "Forbidden"}, NotPermitted, "Forbidden"),
    (404, {"error": "No model with id 5"}, NotFound, "No model with id 5"),
    (410, {"error": "Model archived"}, NotFound, "Model archived"),
    (408, b"", Unavailable, ""),
    (425, b"", Unavailable, ""),
    (499, b"", Unavailable, ""),
    (
        500,
        {"message": "An unexpected error occurred", "error": "57014"},
        Unavailable,
        "An unexpected",
    ),
    (502, PAGE.format("Bad gateway"), Unavailable, "Bad gateway Bad gateway"),
    (524, PAGE.format("A timeout occurred"), Unavailable, "A timeout occurred"),
    (0, b"", Unavailable, ""),
    (200, PAGE.format("Civitai is down"), Unavailable, "Civitai is down"),
    (429, "error code: 1015", Throttled, "error code: 1015"),
    (503, {"error": "Server busy, please retry shortly."}, Throttled, "Server busy"),
    (503, PAGE.format("Maintenance"), Throttled, "Maintenance"),
    (
        451,
        {"error": "Not in your region", "code": "REGION_BLOCKED"},
        Rejected,
        "Not in your region",
    ),
    (418, b"\xff\xfe", Rejected, "\ufffd\ufffd"),
]


@pytest.mark.parametrize(("status", "body", "kind", "reason"), CASES)
def test_an_error_is_named_by_what_to_do_next(status, body, kind, reason):
    """Every status becomes the error that says whether to wait, to log in, or to give up."""
    error = error_of(status, body)
    assert kind is type(error)
    assert status == error.status
    assert error.reason.startswith(reason)
    assert "reading model 5" in error.message
    assert error.reason in error.message


def test_an_archived_model_is_gone_for_good():
    """410 is final and 404 may pass."""
    gone, missing = error_of(410), error_of(404)
    assert isinstance(gone, NotFound)
    assert isinstance(missing, NotFound)
    assert (gone.gone, missing.gone) == (True, False)


@pytest.mark.parametrize(
    ("said", "disabled"),
    [
        ("The creator of this asset requires you to be logged in to download it", False),
        ("The creator of this asset has disabled downloads on this file", True),
    ],
)
def test_two_meanings_of_401_are_told_apart_by_their_words(said, disabled):
    """A missing login asks for a key, and disabled downloads do not."""
    error = error_of(401, {"error": "Unauthorized", "message": said})
    assert isinstance(error, NeedsLogin)
    assert (disabled, said) == (error.disabled, error.reason)
    assert bool(error.hint) is not disabled


def test_early_access_tells_its_end():
    """A 403 of early access carries the date from which the file is free."""
    body = {
        "error": "Early Access",
        "deadline": "2026-08-20T00:00:00.000Z",
        "message": "This asset is in Early Access. You can use Buzz access it now!",
    }
    error = error_of(403, body)
    assert isinstance(error, NotPermitted)
    assert error.deadline == "2026-08-20T00:00:00.000Z"
    assert error.reason.startswith("This asset is in Early Access")


@pytest.mark.parametrize("deadline", [None, 5, ["2026"]])
def test_a_deadline_that_is_no_text_is_none(deadline):
    """A 403 with a strange deadline is still a 403."""
    error = error_of(403, {"error": "Early Access", "deadline": deadline})
    assert isinstance(error, NotPermitted)
    assert error.deadline is None


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE.format("Just a moment..."), {}),
        (PAGE.format("JUST A MOMENT"), {}),
        (b"", {"cf_mitigated": "challenge"}),
    ],
)
def test_a_challenge_of_the_edge_is_waited_for_a_quarter_of_an_hour(body, headers):
    """A page that wants to see a browser is no refusal: the lane rests for 15 minutes."""
    error = error_of(403, body, **headers)
    assert isinstance(error, Throttled)
    assert (error.retry_after, error.quota) == (900.0, False)
    assert "browser" in error.hint


@pytest.mark.parametrize("status", [429, 503])
def test_too_many_pages_is_final(status):
    """No patience helps against `page * limit > 1000`, so it is not waited for."""
    said = "You've requested too many pages, please use cursors instead"
    error = error_of(status, {"error": said}, retry_after="5")
    assert type(error) is Rejected
    assert said in error.message


def test_the_download_quota_is_recognised_by_its_words():
    """The 429 of the daily quota is told apart from a 429 of too much haste."""
    quota, haste = error_of(429, {"error": QUOTA}), error_of(429, {"error": "Rate limit exceeded"})
    assert isinstance(quota, Throttled)
    assert isinstance(haste, Throttled)
    assert (quota.quota, quota.retry_after) == (True, None)
    assert (haste.quota, haste.retry_after) == (False, None)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "2"}, 2.0),
        (
            {
                "retry_after": "Mon, 01 Jan 2024 00:02:00 GMT",
                "date": "Mon, 01 Jan 2024 00:00:00 GMT",
            },
            120.0,
        ),
        ({"retry_after": "999999999"}, 86_400.0),
        ({"retry_after": "-7"}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_service_says_how_long_to_wait(status, headers, seconds):
    """Retry-After in seconds or as a date is honoured; nonsense and a negative one are not."""
    error = error_of(status, b"", **headers)
    assert isinstance(error, Throttled)
    assert seconds == error.retry_after


def test_a_blocked_region_says_what_helps():
    """451 is final and speaks of the region."""
    assert "region" in error_of(451, {"error": "Not available"}).hint


# --- the words of the service


@pytest.mark.parametrize(
    ("body", "fields", "reason"),
    [
        (b'{"error":"a"}', {"error": "a"}, "a"),
        (b'{"error":"a","message":"b"}', {"error": "a", "message": "b"}, "b"),
        (b'{"message":"","error":"a"}', {"message": "", "error": "a"}, "a"),
        (b'{"error":{"x":[1]}}', {"error": {"x": [1]}}, '{"x": [1]}'),
        (b'{"error":[],"message":null}', {"error": [], "message": None}, ""),
        (b'{"other":"a"}', {"other": "a"}, ""),
        (b'"just words"', {}, "just words"),
        (b"[1,2]", {}, "[1, 2]"),
        (b"{}", {}, ""),
        (b"[]", {}, ""),
        (b"null", {}, ""),
        (b"5", {}, ""),
        (b"", {}, ""),
        (b"plain\r\n\twords", {}, "plain words"),
        (b"<p>a</p><br/>b", {}, "a b"),
        (b'{"error":"raw \x01 control"}', {"error": "raw \x01 control"}, "raw \x01 control"),
        ('{"error":"…"}'.encode(), {"error": "…"}, "…"),
    ],
)
def test_the_services_own_words_are_found_in_every_shape(body, fields, reason):
    """Texts, objects, lists and pages: what the service says is put into one line."""
    assert (fields, reason) == read_reason(body)


def test_long_words_are_cut_to_a_line():
    """A page of HTML does not fill the screen: 199 characters are shown, and that there is more."""
    _, reason = read_reason(b"x" * 500)
    assert reason == "x" * 199 + "…"
    assert read_reason(b"x" * 200)[1] == "x" * 200


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 12_000])
def test_a_body_of_endless_brackets_is_an_error_like_others(body):
    """An error body made to exhaust a parser does not end the run."""
    assert isinstance(error_of(500, body), Unavailable)


@given(
    st.integers(0, 599),
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["retry-after", "date", "cf-mitigated"]), st.text(max_size=40)),
)
def test_every_answer_becomes_an_error_of_one_line(status, body, headers):
    """Whatever comes in place of data, it is one expected error with a short line of words."""
    error = source_error(status, headers, body, "asking")
    assert isinstance(error, SourceError)
    assert status == error.status
    assert len(error.reason) <= 200
    assert "\n" not in error.message
    assert error.retry_after is None or 0.0 <= error.retry_after <= 86_400.0


# --- what the real service is known to say

SAMPLES = Path(
    os.environ.get("CIVITAI_DL_SAMPLES") or Path(__file__).parents[2].parent / "shared" / "samples"
)
EXPECTED = [
    ("GET /api/v1/models/0", NotFound),
    ("GET /api/v1/model-versions/", NotFound),
    ("GET /api/v1/models?page=11", Rejected),
    ("GET /api/v1/models?favorites=true", NeedsLogin),
    ("GET /api/v1/images while shedding load", Throttled),
    ("GET /api/v1/images upstream", Throttled),
    ("download: login needed", NeedsLogin),
    ("download: creator disabled", NeedsLogin),
    ("download: early access", NotPermitted),
    ("download: no grant", NotPermitted),
    ("download: file missing", NotFound),
    ("download: archived", NotFound),
    ("download: quota", Throttled),
    ("any /api/* from a blocked region", Rejected),
]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the captures are not here")
def test_the_known_errors_of_the_service_are_all_understood():
    """Each error body that the service is known for becomes the error that it means."""
    cases = json.loads((SAMPLES / "errors.json").read_text("utf-8"))
    assert len(EXPECTED) == len(cases)
    for case, (name, kind) in zip(cases, EXPECTED, strict=True):
        assert case["case"].startswith(name)
        headers = {key.lower(): value for key, value in case.get("headers", {}).items()}
        body = json.dumps(case["body"]).encode()
        error = source_error(case["status"], headers, body, "asking")
        assert kind is type(error), case["case"]
        assert error.reason in case["body"].values()
        wait = headers.get("retry-after")
        assert error.retry_after == (None if wait is None else float(wait))
