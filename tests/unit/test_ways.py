"""Which proxy, for whom, from where: the rules that curl and its like have in common."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from civitai_dl._memory import recall, remember
from civitai_dl.adapters.fetcher._proxied import judge_curl
from civitai_dl.adapters.fetcher._trust import find_trust
from civitai_dl.cli._again import retry_command
from civitai_dl.cli._options import load_settings
from civitai_dl.config import (
    Kind,
    Layer,
    Layers,
    Settings,
    find_ways,
    proxies_in_force,
    read_base_urls,
)
from civitai_dl.config._layers import hidden, of_environment, of_flags
from civitai_dl.config._ways import parse_proxy
from civitai_dl.domain.decisions import choose_proxy, is_this_machine, passes_by
from civitai_dl.domain.entities import Proxy, ProxyText, Ways
from civitai_dl.errors import ConfigError, ConnectionLost, ProxyRefused, ProxyTrouble

FAR = Proxy("http", "proxy.example", 3128, origin="HTTPS_PROXY", by_environment=True)
OWN = Proxy("http", "proxy.example", 3128, origin="--proxy")
NEAR = Proxy("socks5h", "127.0.0.1", 1080, origin="--proxy")


def layers_of(flags: dict, file: dict, environment: dict | None = None) -> Layers:
    given = Layer(Kind.FILE, hidden(file), "config.toml")
    return Layers([of_flags(flags), of_environment(environment or {}), given])


def ways_of(flag: str | None, file: dict, environment: dict) -> Ways:
    return find_ways(layers_of({"proxy": flag}, file, environment), environment)


# --- whom a proxy is not for


@pytest.mark.parametrize(
    ("entry", "host", "port", "verdict"),
    [
        ("*", "civitai.com", 443, True),
        ("civitai.com", "civitai.com", 443, True),
        ("civitai.com", "b2.civitai.com", 443, True),
        (".civitai.com", "b2.civitai.com", 443, True),
        (".civitai.com", "civitai.com", 443, True),
        ("*.civitai.com", "b2.civitai.com", 443, True),
        ("CIVITAI.com.", "civitai.com", 443, True),
        ("civitai.com", "notcivitai.com", 443, False),
        ("vitai.com", "civitai.com", 443, False),
        ("b2.civitai.com", "civitai.com", 443, False),
        ("civitai.com:443", "civitai.com", 443, True),
        ("civitai.com:8443", "civitai.com", 443, False),
        ("civitai.com:x", "civitai.com", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:80", "10.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("10.0.0.0/99", "10.1.2.3", 443, False),
        ("example", "10.1.2.3", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("[fd00::1]:80", "fd00::1", 443, False),
        ("[fd00::1]", "fd00::1", 443, True),
        (".", "civitai.com", 443, False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(
    entry: str, host: str, port: int, verdict: object
) -> None:
    """Names with all below them, addresses, networks and ports, in any case of letters."""
    assert verdict == passes_by((entry,), host, port)


@pytest.mark.parametrize(
    ("ways", "url", "proxy"),
    [
        (Ways(), "https://civitai.com/", None),
        (Ways(https=FAR), "https://civitai.com/", FAR),
        (Ways(https=FAR), "http://x.org/", None),
        (Ways(http=FAR), "http://x.org/", FAR),
        (Ways(http=FAR), "https://civitai.com/", None),
        (Ways(https=FAR, no_proxy=("x.org", "civitai.com")), "https://civitai.com/", None),
        (Ways(https=FAR, no_proxy=("civitai.com:80",)), "https://civitai.com/", FAR),
        (Ways(https=FAR, no_proxy=("civitai.com:8443",)), "https://civitai.com:8443/", None),
        # This machine: never by a proxy of the environment, nor by one that stands elsewhere.
        (Ways(FAR, FAR), "http://127.0.0.1:9/", None),
        (Ways(FAR, FAR), "https://localhost/", None),
        (Ways(OWN, OWN), "http://[::1]:9/", None),
        (Ways(replace(NEAR, by_environment=True)), "http://127.0.0.1:9/", None),
        (Ways(NEAR, NEAR), "http://127.0.0.1:9/", NEAR),
        (Ways(NEAR, NEAR), "http://a.localhost./", NEAR),
    ],
)
def test_the_scheme_of_the_address_and_its_host_choose_the_proxy(
    ways: Ways, url: str, proxy: Proxy | None
) -> None:
    """Per scheme of what is asked for; and what is local does not leave the machine."""
    assert proxy == choose_proxy(ways, url)


def test_this_machine_has_several_names() -> None:
    """Names below localhost, and all addresses of loopback."""
    assert [True, True, True, False, False] == [
        is_this_machine(host)
        for host in ("localhost", "a.localhost", "127.8.8.8", "10.0.0.1", "localhost.example")
    ]


# --- what a proxy is


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("http://proxy.example:3128", "http", "proxy.example", 3128),
        ("proxy.example:3128/", "http", "proxy.example", 3128),
        ("proxy", "http", "proxy", 80),
        ("HTTPS://Proxy.Example", "https", "proxy.example", 443),
        ("socks5://10.0.0.1", "socks5", "10.0.0.1", 1080),
        ("socks5h://[::1]:9050", "socks5h", "::1", 9050),
        ("socks://127.0.0.1:1080/", "socks5", "127.0.0.1", 1080),
        ("http://bücher.example:1", "http", "xn--bcher-kva.example", 1),
    ],
)
def test_a_proxy_is_written_as_for_other_tools(text: str, kind: str, host: str, port: int) -> None:
    """Without a scheme it is an HTTP proxy; without a port that of its scheme."""
    found = parse_proxy(ProxyText(text), "--proxy")
    assert found is not None
    assert (kind, host, port) == (found.kind, found.host, found.port)
    assert found.user is None


def test_a_login_is_decoded_and_never_shown() -> None:
    """What stands before the @ is read percent-decoded, and printed by nothing."""
    found = parse_proxy(ProxyText("http://ann%40corp:p%3Aw@proxy.example:3128"), "HTTPS_PROXY")
    assert found is not None
    assert found.user is not None
    assert ("ann@corp", "p:w") == (found.user.reveal(), found.password.reveal())
    shown = f"{found} {found!r} {Ways(https=found)!r} {Settings(ways=Ways(https=found))!r}"
    for secret in ("ann", "p:w", "p%3Aw"):
        assert secret not in shown
    assert "http://***@proxy.example:3128" == str(found)
    assert "socks5h://[::1]:9" == str(Proxy("socks5h", "::1", 9))


@pytest.mark.parametrize(
    "text",
    [
        "ftp://ann:secret-pw@proxy.example",
        "socks4://ann:secret-pw@proxy.example",
        "http://ann:secret-pw@proxy.example:port",
        "http://ann:secret-pw@proxy.example:0",
        "http://ann:secret-pw@proxy.example:99999",
        "http://ann:secret-pw@",
        "http://ann:secret-pw@proxy example",
        "http://ann:secret-pw@proxy.example/path",
        "http://ann:secret-pw@proxy.example/?x",
        "http://ann:secret-pw%0d@proxy.example",
        "http://ann:secret-pw@[::1",
        "ann:secret-pw@//x",
    ],
)
def test_what_is_no_proxy_is_named_without_its_password(text: str) -> None:
    """The text, where it stands, and how to go without; nothing before the @."""
    with pytest.raises(ConfigError) as told:
        parse_proxy(ProxyText(text), "ALL_PROXY", by_environment=True)
    assert "ALL_PROXY" in told.value.message
    assert "secret" not in told.value.message
    assert "ann" not in told.value.message
    assert "--proxy none" in told.value.hint


# --- where it comes from

ENVIRONMENT = {"HTTPS_PROXY": "http://env:1", "http_proxy": "http://plain:2", "NO_PROXY": "a, b c"}


@pytest.mark.parametrize(
    ("flag", "file", "environment", "https", "http"),
    [
        (None, {}, {}, None, None),
        (None, {}, ENVIRONMENT, "http://env:1", "http://plain:2"),
        (None, {}, {"https_proxy": "low:1", "HTTPS_PROXY": "up:1"}, "http://low:1", None),
        (None, {}, {"https_proxy": " ", "HTTPS_PROXY": "up:1"}, "http://up:1", None),
        (None, {}, {"ALL_PROXY": "all:1"}, "http://all:1", "http://all:1"),
        (None, {}, {"HTTPS_PROXY": "none", "ALL_PROXY": "all:1"}, None, "http://all:1"),
        (None, {}, {"HTTP_PROXY": "up:1"}, None, "http://up:1"),
        (None, {}, {"HTTP_PROXY": "up:1", "REQUEST_METHOD": "GET"}, None, None),
        (None, {"proxy": "file:1"}, ENVIRONMENT, "http://file:1", "http://file:1"),
        (None, {"proxy_https": "file:1"}, ENVIRONMENT, "http://file:1", "http://plain:2"),
        (None, {"proxy": "a:1", "proxy_http": "b:1"}, {}, "http://a:1", "http://b:1"),
        (None, {"proxy": {"https": "t:1", "all": "u:1"}}, {}, "http://t:1", "http://u:1"),
        (None, {"proxy": "none"}, ENVIRONMENT, None, None),
        (None, {"proxy": False}, ENVIRONMENT, None, None),
        ("socks5h://f:1", {"proxy": "file:1"}, ENVIRONMENT, "socks5h://f:1", "socks5h://f:1"),
        ("", {"proxy": "file:1"}, ENVIRONMENT, None, None),
        ("NONE", {"proxy_https": "file:1"}, ENVIRONMENT, None, None),
    ],
)
def test_flags_come_before_the_file_and_the_file_before_the_environment(
    flag: str | None,
    file: dict[str, object],
    environment: dict[str, str],
    https: str | None,
    http: str | None,
) -> None:
    """A setting of our own is meant for us; the environment is meant for all programs."""
    ways = ways_of(flag, file, environment)
    found = [None if one is None else one.address for one in (ways.https, ways.http)]
    assert [https, http] == found
    assert ("a", "b", "c") == ways.no_proxy or "NO_PROXY" not in environment


def test_no_proxy_of_the_file_comes_before_that_of_the_environment() -> None:
    """A list or a text, also inside the table; an empty one takes it back."""
    for file in ({"no_proxy": ["x", "y"]}, {"no_proxy": "x,y"}, {"proxy": {"no_proxy": "x y"}}):
        assert ("x", "y") == ways_of(None, file, ENVIRONMENT).no_proxy
    assert () == ways_of(None, {"no_proxy": ""}, ENVIRONMENT).no_proxy


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ({"proxy": 3128}, "proxy"),
        ({"proxy_http": ["x"]}, "proxy_http"),
        ({"proxy": {"ftp": "x"}}, "ftp"),
        ({"no_proxy": 7}, "no_proxy"),
        ({"proxy": {"https": True}}, "proxy must be"),
    ],
)
def test_a_setting_of_another_kind_is_named(file: dict[str, object], named: str) -> None:
    """What the file says wrongly is told by its name."""
    with pytest.raises(ConfigError, match=named):
        ways_of(None, file, {})


@pytest.mark.parametrize("value", [7, " ", ["a"]])
def test_a_ca_file_must_be_a_path(value: object) -> None:
    """Anything else is told as what it is."""
    with pytest.raises(ConfigError, match="ca_file"):
        ways_of(None, {"ca_file": value}, {})


def test_the_proxies_in_force_are_told_without_secrets() -> None:
    """Scheme, address and where from, for whoever asks why nothing comes."""
    environment = {"HTTPS_PROXY": "http://ann:secret-pw@proxy.example:3128"}
    found = proxies_in_force(ways_of(None, {}, environment))
    assert [("https", "http://***@proxy.example:3128", "HTTPS_PROXY")] == [
        (one.scheme, one.url, one.origin) for one in found
    ]
    assert [] == proxies_in_force(Ways())


# --- the settings


def test_a_command_that_asks_nobody_does_not_mind_a_wrong_environment() -> None:
    """`browse` works offline, whatever HTTPS_PROXY says."""
    wrong = {"HTTPS_PROXY": "gopher://x"}
    assert load_settings({"output": "x"}, wrong).ways.https is None
    with pytest.raises(ConfigError, match="HTTPS_PROXY"):
        load_settings({"token": None}, wrong)


@pytest.mark.parametrize(
    ("given", "base", "fallbacks"),
    [
        (None, "https://civitai.com", ("https://civitai.red",)),
        ((), "https://civitai.com", ("https://civitai.red",)),
        ("", "https://civitai.com", ("https://civitai.red",)),
        (("https://civitai.com",), "https://civitai.com", ()),
        ("https://civitai.red/", "https://civitai.red", ()),
        (["https://a.example", "https://b.example/x"], "https://a.example", ("https://b.example",)),
        ("https://a.example, https://a.example", "https://a.example", ()),
    ],
)
def test_who_names_a_host_gets_just_that_host(
    given: object, base: str, fallbacks: tuple[str, ...]
) -> None:
    """The second front of the service is asked only by those who name none."""
    flags, file = (
        ({}, {"base_url": given}) if isinstance(given, list) else ({"base_url": given}, {})
    )
    assert (base, fallbacks) == read_base_urls(layers_of(flags, file))


def test_the_base_urls_come_from_flags_environment_and_file() -> None:
    """--base-url may be repeated, CIVITAI_BASE_URL may hold several."""
    asked = {"token": None}
    several = ("https://a.example", "https://b.example")
    assert ("https://b.example",) == load_settings(
        {**asked, "base_url": several}, {}
    ).ways.fallbacks
    by_environment = load_settings(asked, {"CIVITAI_BASE_URL": " ".join(several)})
    assert ("https://b.example",) == by_environment.ways.fallbacks
    with pytest.raises(ConfigError, match="in the clear"):
        load_settings({**asked, "base_url": ("https://a.example", "http://b.example")}, {})


def test_an_archive_remembers_no_proxy_and_names_no_further_host() -> None:
    """What is handed around with an archive holds no password, and sends the key nowhere else."""
    proxy = parse_proxy(ProxyText("http://ann:secret-pw@proxy.example"), "--proxy")
    settings = Settings(
        base_url="https://a.example", ways=Ways(https=proxy, fallbacks=("https://evil.example",))
    )
    text = remember(settings)
    assert not [word for word in ("proxy", "secret", "evil") if word in text]
    usual = Ways(https=proxy, fallbacks=("https://civitai.red",))
    found = recall(Settings(ways=usual), text, given=())
    assert ("https://a.example", ()) == (found.base_url, found.ways.fallbacks)
    assert proxy is found.ways.https
    other = Settings(base_url="https://b.example", ways=Ways(fallbacks=("https://c.example",)))
    back = recall(other, json.dumps({}), given=())
    assert ("https://civitai.red",) == back.ways.fallbacks
    assert usual == recall(Settings(ways=usual), json.dumps({}), given=()).ways


@pytest.mark.parametrize("words", [["--proxy", "http://a:pw@h:1"], ["--proxy=http://a:pw@h:1"]])
def test_retry_sh_holds_no_password_of_a_proxy(words: list[str]) -> None:
    """It is left to the environment, as the key is; a proxy without a login is kept."""
    assert ["civitai-dl", "1", "-q"] == retry_command(["1", *words, "-q"], [])
    assert ["civitai-dl", "--proxy", "none"] == retry_command(["--proxy=none"], [])


# --- what goes wrong


@pytest.mark.parametrize(
    ("code", "tunnel", "socks", "kind"),
    [
        (7, 407, 0, ProxyRefused),
        (97, 0, 33, ProxyRefused),
        (97, 0, 12, ProxyRefused),
        (7, 403, 0, ProxyTrouble),
        (5, 0, 0, ProxyTrouble),
        (7, 0, 0, ProxyTrouble),
        (97, 0, 20, ProxyTrouble),
        (28, 0, 0, ProxyTrouble),
        (35, 200, 0, ProxyTrouble),
        (56, 0, 0, ProxyTrouble),
        (60, 0, 0, type(None)),
        (60, 200, 0, type(None)),
        (56, 200, 0, type(None)),
        (28, 200, 0, type(None)),
    ],
)
def test_libcurl_tells_whose_trouble_it_is(code: int, tunnel: int, socks: int, kind: type) -> None:
    """Before the tunnel is there it is the proxy's, afterwards that of the host behind it."""
    judged = judge_curl(OWN, "civitai.com", code=code, tunnel=tunnel, socks=socks)
    assert kind is type(judged)


def test_the_certificate_of_a_proxy_is_the_proxys() -> None:
    """A proxy that is spoken to by TLS must prove itself, too."""
    secure = replace(OWN, kind="https")
    judged = judge_curl(secure, "civitai.com", code=60, tunnel=0, socks=0)
    assert isinstance(judged, ConnectionLost)
    assert "proxy.example" in judged.message


def test_a_folder_may_stand_in_a_bundles_variable(tmp_path) -> None:
    """REQUESTS_CA_BUNDLE may name a folder, as requests has it."""
    assert str(tmp_path) == find_trust({"REQUESTS_CA_BUNDLE": str(tmp_path)}).folder
    assert "/x.pem" == find_trust({"CURL_CA_BUNDLE": "/x.pem"}).file
