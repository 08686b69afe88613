"""Proxies, authorities and fallbacks: from layers and environment to Ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from civitai_dl.domain.entities import Authorities, Proxy, ProxyText, Secret, Ways
from civitai_dl.errors import ConfigError

from ._layers import Kind, Layers
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

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_OF_WAYS = re.compile(r"_proxy$|^SSL_CERT_|_CA_BUNDLE$", re.IGNORECASE)
_HOST = re.compile(r"[0-9a-z_.-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class ActiveProxy:
    """A proxy that requests go through. scheme: of the addresses it is for. origin: where from."""

    scheme: str
    url: str
    origin: str


def proxies_in_force(ways: Ways) -> list[ActiveProxy]:
    """The proxies by the scheme of the addresses that go through them, without what is secret.

    This machine and what `no_proxy` names are reached directly all the same.
    """
    found = (("https", ways.https), ("http", ways.http))
    return [ActiveProxy(scheme, str(one), one.origin) for scheme, one in found if one is not None]


def parse_proxy(text: ProxyText, origin: str, *, by_environment: bool = False) -> Proxy | None:
    """A proxy from its URL; None for one that says that there is none.

    A missing scheme is http, a missing port that of the scheme (1080 for SOCKS). Raises:
    ConfigError, which names it without its user and password.
    """
    given = text.reveal().strip()
    if given.lower() in OFF:
        return None
    wrong = ConfigError(
        # The place of a setting is told by whoever looks for mistakes in it.
        f"this is no proxy: {text!r}{f' ({origin})' if by_environment else ''}",
        hint="for example http://proxy.example:3128 or socks5h://user:password@127.0.0.1:1080; "
        "--proxy none goes without",
    )
    try:
        parts = urlsplit(given if _SCHEME.match(given) else f"http://{given}")
        port, host = parts.port, (parts.hostname or "").lower()
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        raise wrong from None
    kind = KINDS.get(parts.scheme)
    strange = parts.path not in ("", "/") or bool(parts.query or parts.fragment)
    if kind is None or strange or port == 0 or not _HOST.fullmatch(host):
        raise wrong
    user = None if parts.username is None else unquote(parts.username)
    password = unquote(parts.password or "")
    if not f"{user}{password}".isprintable():
        raise wrong
    return Proxy(
        kind,
        host,
        port or PORTS[kind],
        None if user is None else Secret(user),
        Secret(password),
        origin,
        by_environment,
    )


def find_ways(
    layers: Layers, environment: Mapping[str, str], *, fallbacks: tuple[str, ...] = ()
) -> Ways:
    """Everything about the ways. Raises: ConfigError, before anything is asked.

    Of each layer `proxy_http` and `proxy_https` come before `proxy`, which is a text for both, or a
    table with `all`, `http`, `https` and `no_proxy`. What all programs read in the environment
    comes last: there the names in small letters come first, as curl has it, and HTTP_PROXY does not
    count in a CGI program, where a request can set it.
    """
    found = {}
    for scheme in ("http", "https"):
        named = _setting(scheme, layers) or _variable(scheme, environment)
        found[scheme] = parse_proxy(*named[:2], by_environment=named[2]) if named else None
    return Ways(
        found["http"],
        found["https"],
        _bypass(layers, environment),
        find_authorities(layers.raw("ca_file"), environment),
        fallbacks,
    )


_Named = tuple[ProxyText, str, bool]
"""A proxy as it is written, where, and whether it is for all programs."""


def _setting(scheme: str, layers: Layers) -> _Named | None:
    for layer in layers.layers:
        for name in (f"proxy_{scheme}", "proxy"):
            value = layer.values.get(name)
            if isinstance(value, dict):
                value = _of_table(value).get(scheme, value.get("all"))
            if value is False:
                value = ProxyText("")
            if value is None:
                continue
            origin = layer.origin(name)
            if not isinstance(value, ProxyText):
                raise ConfigError(f"{name} must be the URL of a proxy, or none, not {value!r}")
            return value, origin.place or name, False
    return None


def _of_table(table: dict[str, object]) -> dict[str, object]:
    unknown = sorted(set(table) - {"all", "http", "https", "no_proxy"})
    if unknown:
        raise ConfigError(
            f"proxy has settings that do not exist: {', '.join(unknown)}",
            hint="there are all, http, https and no_proxy",
        )
    return table


def _variable(scheme: str, environment: Mapping[str, str]) -> _Named | None:
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if scheme == "http" and environment.get("REQUEST_METHOD"):
        names.remove("HTTP_PROXY")
    name = next((name for name in names if environment.get(name, "").strip()), None)
    return None if name is None else (ProxyText(environment[name]), name, True)


def _bypass(layers: Layers, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Whom no proxy is for: by the settings, else by NO_PROXY, for whatever proxy there is."""
    value = layers.raw("no_proxy")
    table = layers.raw("proxy")
    if value is None and isinstance(table, dict):
        value = table.get("no_proxy")
    if value is None:
        value = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if not isinstance(value, (str, list)):
        raise ConfigError(f"no_proxy must be a list of hosts, not {value!r}")
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def without_ways(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command that asks nobody: nothing in it about ways can be wrong."""
    return {name: text for name, text in environment.items() if not _OF_WAYS.search(name)}


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
    texts = [_read(one) for one in _files(path)]
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


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    try:
        yield from sorted(one for one in path.iterdir() if one.is_file())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _read(path: Path, name: str = "") -> str:
    try:
        return path.read_text("latin-1")
    except OSError as error:
        raise ConfigError(
            f"{name}{': ' if name else ''}{str(path)!r} cannot be read: {error.strerror}",
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
            f"there is no certificate in {name!r}",
            hint="give a file, or a folder, of certificates in PEM",
        )


def read_base_urls(layers: Layers) -> tuple[str, tuple[str, ...]]:
    """The base URL and its fallbacks, each once. Raises: ConfigError.

    Texts, or one with commas or blanks between. Where nobody names any, the service with its own.
    """
    value = layers.raw("base_url")
    if isinstance(value, str):
        value = re.split(r"[,\s]+", value.strip())
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"base_url must be a URL, or a list of URLs, not {value!r}")
    named = tuple(dict.fromkeys(check_base_url(str(one)) for one in value if one))
    if not named or layers.origin("base_url").kind is Kind.DEFAULT:
        return BASE_URL, usual_fallbacks(BASE_URL)
    return named[0], named[1:]


def usual_fallbacks(base_url: str) -> tuple[str, ...]:
    """The fallbacks of a service of which nobody has named any."""
    return FALLBACKS.get(base_url, ())
