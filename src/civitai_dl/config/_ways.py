"""Proxies, authorities and fallbacks: from flags, file and environment to Ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from civitai_dl.domain.entities import Authorities, Proxy, Secret, Ways
from civitai_dl.errors import ConfigError

from ._load import check_base_url
from ._settings import BASE_URL

FALLBACKS = {BASE_URL: ("https://civitai.red",)}
"""Other hosts of the same service and database, asked only by those who name no host at all: in the
days after the mature front had moved there, the first one answered 404 for much (observed)."""

KINDS = {"http": "http", "https": "https", "socks5": "socks5", "socks5h": "socks5h"}
KINDS["socks"] = "socks5"  # as some desktops write it
PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

OFF = ("", "none")
"""Instead of a proxy: none at all."""

CERTIFICATE = re.compile(r"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")
CA_NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

_BEFORE_HOST = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HOST = re.compile(r"[0-9a-z_.-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class InForce:
    """A proxy that requests go through. scheme: of the addresses it is for. origin: where from."""

    scheme: str
    url: str
    origin: str


def proxies_in_force(ways: Ways) -> list[InForce]:
    """The proxies by the scheme of the addresses that go through them, without what is secret.

    This machine and what `no_proxy` names are reached directly all the same.
    """
    found = (("https", ways.https), ("http", ways.http))
    return [InForce(scheme, str(one), one.origin) for scheme, one in found if one is not None]


def parse_proxy(text: str, origin: str, *, by_environment: bool = False) -> Proxy | None:
    """A proxy from its URL; None for one that says that there is none.

    A missing scheme is http, a missing port that of the scheme (1080 for SOCKS). Raises:
    ConfigError, which names it without its user and password.
    """
    given = text.strip()
    if given.lower() in OFF:
        return None
    url = given if _SCHEME.match(given) else f"http://{given}"
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        raise _no_proxy(given, origin) from None
    kind = KINDS.get(parts.scheme)
    strange = parts.path not in ("", "/") or bool(parts.query or parts.fragment)
    if kind is None or strange or port == 0 or not _HOST.fullmatch(host):
        raise _no_proxy(given, origin)
    user = None if parts.username is None else unquote(parts.username)
    password = unquote(parts.password or "")
    if "\n" in f"{user}{password}" or "\r" in f"{user}{password}":
        raise _no_proxy(given, origin)
    return Proxy(
        kind,
        host,
        port or PORTS[kind],
        None if user is None else Secret(user),
        Secret(password),
        origin,
        by_environment,
    )


def _no_proxy(text: str, origin: str) -> ConfigError:
    shown = _BEFORE_HOST.sub(lambda found: f"{found[1] or ''}***@", text)
    return ConfigError(
        f"this is no proxy: {shown!r} ({origin})",
        hint="for example http://proxy.example:3128 or socks5h://user:password@127.0.0.1:1080; "
        "--proxy none goes without",
    )


def find_proxies(flag: object, file: Mapping[str, object], environment: Mapping[str, str]) -> Ways:
    """The proxies by the order of precedence, and whom they are not for. Raises: ConfigError.

    flag: of `--proxy`, for all traffic, None when it is not given. file: the settings `proxy` (a
    text, or a table with `all`, `http`, `https` and `no_proxy`), `proxy_http`, `proxy_https` and
    `no_proxy`. In the environment the names in small letters come first, as curl has it; HTTP_PROXY
    does not count in a CGI program, where a request can set it.
    """
    table = file.get("proxy")
    inner = {str(name): value for name, value in table.items()} if isinstance(table, dict) else {}
    unknown = sorted(set(inner) - {"all", "http", "https", "no_proxy"})
    if unknown:
        raise ConfigError(
            f"proxy has settings that do not exist: {', '.join(unknown)}",
            hint="there are all, http, https and no_proxy",
        )
    found = {}
    for scheme in ("http", "https"):
        named = _flag(flag) or _file(scheme, file, inner) or _variable(scheme, environment)
        found[scheme] = parse_proxy(*named[:2], by_environment=named[2]) if named else None
    without = file.get("no_proxy", inner.get("no_proxy"))
    if without is None:
        without = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if not isinstance(without, (str, list)):
        raise ConfigError(f"no_proxy must be a list of hosts, not {without!r}")
    text = ",".join(map(str, without)) if isinstance(without, list) else without
    bypass = tuple(word for word in re.split(r"[,\s]+", text) if word)
    return Ways(found["http"], found["https"], bypass)


_Named = tuple[str, str, bool]
"""A proxy as it is written, where, and whether in the environment."""


def _flag(value: object) -> _Named | None:
    return None if value is None else (str(value), "--proxy", False)


def _file(scheme: str, file: Mapping[str, object], inner: Mapping[str, object]) -> _Named | None:
    values = (
        (f"proxy_{scheme}", file.get(f"proxy_{scheme}")),
        (f"proxy.{scheme}", inner.get(scheme)),
        ("proxy.all", inner.get("all")),
        ("proxy", None if isinstance(file.get("proxy"), dict) else file.get("proxy")),
    )
    for name, value in values:
        if value is not None:
            if value is not False and not isinstance(value, str):
                raise ConfigError(f"{name} must be a text, not {value!r}")
            return value or "", f"the setting {name}", False
    return None


def _variable(scheme: str, environment: Mapping[str, str]) -> _Named | None:
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if environment.get("REQUEST_METHOD"):
        names.remove("HTTP_PROXY") if "HTTP_PROXY" in names else None
    name = next((name for name in names if environment.get(name, "").strip()), None)
    return None if name is None else (environment[name], name, True)


def find_authorities(value: object, environment: Mapping[str, str]) -> Authorities | None:
    """The certificates of `ca_file`, read; None without. Raises: ConfigError.

    What the environment names (CA_NAMES) is only looked at: it is read by who uses it.
    """
    for name in CA_NAMES:
        if text := environment.get(name):
            _look_at(text, name)
            break
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"ca_file must name a file or a folder, not {value!r}")
    path = Path(value).expanduser()
    texts = [_read(one, "ca_file") for one in _files(path, "ca_file")]
    pem = "\n".join(text for text in texts if CERTIFICATE.search(text))
    _prove(pem, value)
    return Authorities(value, pem)


def _look_at(text: str, name: str) -> None:
    """That there is something to read behind a variable. Raises: ConfigError."""
    paths = text.split(":") if name == "SSL_CERT_DIR" and ":\\" not in text else [text]
    if any(Path(path).is_dir() for path in paths):
        return
    if name == "SSL_CERT_DIR" or not CERTIFICATE.search(_read(Path(text), name)):
        raise ConfigError(
            f"{name} names no certificates: {text!r}",
            hint="correct it, or take it out of the environment",
        )


def _files(path: Path, name: str) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    try:
        yield from sorted(one for one in path.iterdir() if one.is_file())
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read: {error.strerror}") from error


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text("latin-1")
    except OSError as error:
        raise ConfigError(
            f"{name}: the certificates cannot be read: {error.strerror}: {str(path)!r}",
            hint="give a file, or a folder, of certificates in PEM",
        ) from error


def _prove(pem: str, name: str) -> None:
    """That these are certificates, as TLS itself reads them. Raises: ConfigError."""
    import ssl  # only those who give certificates of their own pay for it

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
        count = context.cert_store_stats()["x509"]
    except (ssl.SSLError, ValueError):
        count = 0
    if not count:
        raise ConfigError(
            f"ca_file: there is no certificate in {name!r}",
            hint="give a file, or a folder, of certificates in PEM",
        )


def read_base_urls(value: object) -> tuple[str, tuple[str, ...]]:
    """The base URL and its fallbacks, each once. Raises: ConfigError.

    value: texts, or one with commas or blanks between; without any, the service with its own.
    """
    if isinstance(value, str):
        value = re.split(r"[,\s]+", value.strip())
    texts = [str(one) for one in value] if isinstance(value, (list, tuple)) else []
    named = tuple(dict.fromkeys(check_base_url(one) for one in texts if one))
    if not named:
        return BASE_URL, usual_fallbacks(BASE_URL)
    return named[0], named[1:]


def usual_fallbacks(base_url: str) -> tuple[str, ...]:
    """The fallbacks of a service of which nobody has named any."""
    return FALLBACKS.get(base_url, ())


def find_ways(
    flags: Mapping[str, object],
    file: Mapping[str, object],
    environment: Mapping[str, str],
    *,
    fallbacks: tuple[str, ...] = (),
) -> Ways:
    """Everything about the ways. Raises: ConfigError, before anything is asked."""
    ways = find_proxies(flags.get("proxy"), file, environment)
    given = flags.get("ca_file")
    ca = find_authorities(file.get("ca_file") if given is None else given, environment)
    return replace(ways, ca=ca, fallbacks=fallbacks)
