"""Whose certificates are believed: what Python's own connections believe, told to libcurl."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Authorities

KNOWN = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, openSUSE, and Alpine and macOS, keep the certificates of the system."""

FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Trust:
    """A file or a folder of certificates in PEM; both None: what libcurl was built with.

    added: certificates in PEM that are believed as well; "" for none. named: somebody has asked for
    these, rather than for the system's.
    """

    file: str | None = None
    folder: str | None = None
    added: str = ""
    named: bool = False

    def blob(self) -> bytes | None:
        """The file's certificates and those that were added, together; None when none were."""
        if not self.added:
            return None
        there = Path(self.file).read_bytes() if self.file is not None else b""
        return there + b"\n" + self.added.encode("latin-1")


def find_trust(environment: Mapping[str, str], ca: Authorities | None = None) -> Trust:
    """The store that counts: the one that is named, Python's own, the system's, certifi's.

    Never a file and a folder, with which libcurl would read the file anew for each connection. One
    that is named and cannot be read trusts nobody, rather than somebody else. ca: believed as well.
    """
    added = "" if ca is None else ca.pem
    file, folder = _named(environment)
    if file is not None or folder is not None:
        return Trust(file, folder, added, named=True)
    file, folder = _of_system()
    return Trust(file, folder, added, named=bool(added))


def _named(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """A file, or a folder, that the environment names, by the names of OpenSSL, requests, curl."""
    first, *others = FILES
    if named := environment.get(first):
        return named, None
    if named := environment.get("SSL_CERT_DIR"):
        return None, named
    for name in others:
        if named := environment.get(name):
            return (None, named) if Path(named).is_dir() else (named, None)
    return None, None


def _of_system() -> tuple[str | None, str | None]:
    paths = ssl.get_default_verify_paths()
    for file in (paths.cafile, *KNOWN):
        if file is not None and Path(file).is_file():
            return file, None
    if paths.capath is not None and any(Path(paths.capath).iterdir()):
        return None, paths.capath
    return _certifi(), None


def _certifi() -> str | None:
    if find_spec("certifi") is None:
        return None
    import certifi

    return str(certifi.where())


def tls_context(trust: Trust) -> ssl.SSLContext | None:
    """The same for Python's own connections; None where nobody has named anything."""
    if not trust.named:
        return None
    try:
        context = ssl.create_default_context(cafile=trust.file, capath=trust.folder)
    except (OSError, ssl.SSLError):
        # Whom nobody vouches for is not trusted: no certificate is there.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust.added:
        context.load_verify_locations(cadata=trust.added)
    # Authorities of a house seldom keep the letter of the standard, which newer Pythons ask of all
    # (3.13); libcurl does not ask for it either, and believes one that is itself named.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
