"""Certificates of a private authority, and the helpers beside these tests by name."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import pytest
import trustme

sys.path.insert(0, str(Path(__file__).parent))

from on_the_way import NAME, RED, Private

from civitai_dl.config import ENGINES


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> Private:
    """An authority that no system knows, and a server's certificate from it."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "corporate.pem"
    authority.cert_pem.write_to_path(path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", NAME, RED).configure_cert(tls)
    return Private(path, tls)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each of the clients in turn."""
    if request.param == "curl":
        pytest.importorskip("pycurl")
    return str(request.param)
