"""What tests of the clients for bodies share."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from civitai_dl.adapters.fetcher import open_fetcher
from civitai_dl.config import ENGINES

OPENERS = ("test_engines", "test_fetcher_and_transfer", "test_transfer_doubts")
"""Modules that open fetchers, also for one another."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the clients in turn; the fetchers of these tests are made with it."""
    if request.param == "curl":
        pytest.importorskip("pycurl")
    opened = partial(open_fetcher, engine=request.param)
    for name in OPENERS:
        if name in sys.modules:
            monkeypatch.setattr(sys.modules[name], "open_fetcher", opened)
    return str(request.param)
