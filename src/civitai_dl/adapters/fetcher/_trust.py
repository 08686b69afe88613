"""Whose certificates are believed: what Python's own connections believe, told to libcurl."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

KNOWN = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, openSUSE, and Alpine and macOS, keep the certificates of the system."""


@dataclass(frozen=True, slots=True)
class Trust:
    """A file or a folder of certificates in PEM; both None: what libcurl was built with."""

    file: str | None = None
    folder: str | None = None


def find_trust(environment: Mapping[str, str]) -> Trust:
    """The store that counts: the one that is named, Python's own, the system's, certifi's.

    Never a file and a folder, with which libcurl would read the file anew for each connection. One
    that is named and cannot be read trusts nobody, rather than somebody else.
    """
    if named := environment.get("SSL_CERT_FILE"):
        return Trust(file=named)
    if named := environment.get("SSL_CERT_DIR"):
        return Trust(folder=named)
    paths = ssl.get_default_verify_paths()
    for file in (paths.cafile, *KNOWN):
        if file is not None and Path(file).is_file():
            return Trust(file=file)
    if paths.capath is not None and any(Path(paths.capath).iterdir()):
        return Trust(folder=paths.capath)
    return Trust(file=_certifi())


def _certifi() -> str | None:
    if find_spec("certifi") is None:
        return None
    import certifi

    return str(certifi.where())
