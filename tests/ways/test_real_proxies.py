"""Through real proxies: what goes by them, what they get to see, and what they do wrong."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import anyio
import pytest
from on_the_way import (
    NAME,
    PASSWORD,
    USER,
    WRITTEN,
    Private,
    far_away,
    is_whole,
    real_proxy,
    run,
    small_world,
    ways_of,
)

from civitai_dl.adapters.fetcher import open_engine
from civitai_dl.errors import ConfigError, ProxyRefused, ProxyTrouble, TransferError
from civitai_dl.testing import GOOD_KEY, FakeCivitai

KINDS = ("http", "socks5h")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("login", ["", WRITTEN])
async def test_everything_goes_through_the_proxy(
    kind: str, login: str, engine: str, private: Private, tmp_path: Path
) -> None:
    """A model comes whole by a proxy alone, with and without a login; the proxy sees no key."""
    world = small_world()
    async with far_away(world, private) as fake, real_proxy(kind, login=bool(login)) as proxy:
        ways = ways_of(proxy=proxy.url(login), ca=private.path)
        report = await run(fake, tmp_path / "archive", ways=ways, engine=engine)
    assert 0 == report.exit_code, report
    assert is_whole(world, tmp_path / "archive")
    # The proxy's own log: the API and storage were both asked for by their name.
    assert {NAME} == set(proxy.way.asked)
    assert proxy.came > 70_000
    # One of the API's, one to each origin of storage: they are kept and used again.
    assert len(proxy.heard) <= 4
    assert any(GOOD_KEY in str(seen.headers) for seen in fake.account.of())
    assert GOOD_KEY.encode() not in proxy.all_heard
    assert b"Bearer" not in proxy.all_heard
    assert fake.account.leaks(GOOD_KEY) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has no TLS inside TLS before 3.11")
async def test_a_proxy_may_be_spoken_to_by_tls(
    engine: str, private: Private, tmp_path: Path
) -> None:
    """A proxy of kind https proves itself first: the login is not seen on the way to it."""
    world = small_world()
    async with (
        far_away(world, private) as fake,
        real_proxy("https", login=True, tls=private.tls) as proxy,
    ):
        ways = ways_of(proxy=proxy.url(WRITTEN), ca=private.path)
        report = await run(fake, tmp_path / "archive", ways=ways, engine=engine)
    assert 0 == report.exit_code, report
    assert {NAME} == set(proxy.way.asked)
    assert is_whole(world, tmp_path / "archive")
    # The tap stands behind the TLS of the proxy: it hears the login, and still no key.
    assert b"Proxy-Authorization" in proxy.all_heard
    assert GOOD_KEY.encode() not in proxy.all_heard


async def test_a_name_is_looked_up_here_for_plain_socks5(
    engine: str, private: Private, tmp_path: Path
) -> None:
    """socks5 sends addresses to the proxy, socks5h names: whoever looks up is a choice."""
    world = small_world()
    async with (
        FakeCivitai(world) as fake,
        real_proxy("socks5") as proxy,
        open_engine("t", name=engine, ways=ways_of(proxy=proxy.url())) as opened,
    ):
        port = fake.base_url.rpartition(":")[2]
        reply = await opened.ask(f"http://localhost:{port}/api/v1/models/1", {})
        assert 200 == reply.head.status
        reply.close()
    assert proxy.way.asked
    assert {"127.0.0.1", "::1"} >= set(proxy.way.asked)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_the_environment_names_a_proxy_as_for_every_other_tool(
    name: str, engine: str, private: Private, tmp_path: Path
) -> None:
    """The variables that curl and others read count here, too."""
    world = small_world()
    async with far_away(world, private) as fake, real_proxy("http") as proxy:
        ways = ways_of(ca=private.path, **{name: proxy.url()})
        report = await run(fake, tmp_path / "archive", ways=ways, engine=engine)
    assert 0 == report.exit_code, report
    assert {NAME} == set(proxy.way.asked)


async def test_this_machine_is_never_reached_by_a_proxy_of_the_environment(
    engine: str, tmp_path: Path
) -> None:
    """A service on loopback is asked directly, so that its key stays on the machine."""
    world = small_world()
    async with FakeCivitai(world) as fake, real_proxy("http") as proxy:
        ways = ways_of(ALL_PROXY=proxy.url(), http_proxy=proxy.url())
        assert ways.http is not None
        report = await run(fake, tmp_path / "archive", ways=ways, engine=engine)
    assert 0 == report.exit_code
    assert [] == proxy.heard


@pytest.mark.parametrize("login", ["", "ann%40corp:wrong-pw", "bob:wrong-pw"])
async def test_a_wrong_password_ends_the_run_and_is_not_shown(
    login: str, engine: str, private: Private, tmp_path: Path
) -> None:
    """A 407 is a mistake in the settings: nothing is tried again, which could lock an account."""
    async with (
        far_away(small_world(), private) as fake,
        real_proxy("http", login=True) as proxy,
    ):
        ways = ways_of(proxy=proxy.url(login), ca=private.path)
        with pytest.raises(ProxyRefused) as told:
            await run(fake, tmp_path / "archive", ways=ways, engine=engine)
    said = f"{told.value.message} {told.value.hint}"
    assert "--proxy" in said
    assert f"127.0.0.1:{proxy.port}" in said
    assert "wrong-pw" not in said
    assert "ann" not in told.value.message
    assert [] == proxy.way.asked
    assert 1 == len(proxy.heard)
    assert [] == fake.account.of()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_dies_in_the_middle_costs_no_byte_twice(
    kind: str, engine: str, private: Private, tmp_path: Path
) -> None:
    """A transfer goes on where it stopped once the proxy is back, and the file is right."""
    size = 6 << 20
    world = small_world(size=size)
    async with far_away(world, private) as fake, real_proxy(kind) as proxy:
        proxy.die_after, proxy.away = size // 2, 2
        ways = ways_of(proxy=proxy.url(), ca=private.path)
        report = await run(fake, tmp_path / "archive", ways=ways, engine=engine)
    assert 0 == report.exit_code, report
    assert proxy.die_after is None
    assert 2 == proxy.turned_away
    assert is_whole(world, tmp_path / "archive")
    begun = fake.account.of(origin="storage")
    assert len(begun) >= 2
    assert any("range" in seen.headers for seen in begun)


# --- proxies that are none


async def answers(data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(data)
    await writer.drain()
    writer.close()


PAGE = b"<html><title>Sign in</title></html>"
STRANGE = {
    "http, a page and 200": ("http", b"HTTP/1.1 200 OK\r\n\r\n" + PAGE),
    "http, a page and 403": (
        "http",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE),
    ),
    "http, bad gateway": ("http", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    "http, nothing": ("http", b""),
    "http, what is no HTTP": ("http", b"220 mail.example ESMTP\r\n\r\n"),
    "socks, a web server": ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "socks, nothing": ("socks5h", b""),
    "socks, host unreachable": ("socks5h", b"\x05\x00\x05\x04\x00\x01\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("case", STRANGE.values(), ids=STRANGE)
async def test_what_a_proxy_does_wrong_is_told_as_its_own_trouble(
    case: tuple[str, bytes], engine: str
) -> None:
    """A proxy that is none, or goes nowhere, is named with a hint, and can be tried again."""
    kind, data = case
    server = await asyncio.start_server(lambda r, w: answers(data, r, w), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ways = ways_of(proxy=f"{kind}://ann:secret-pw@127.0.0.1:{port}")
    async with open_engine("t", name=engine, ways=ways, silence=5) as opened:
        with pytest.raises(ProxyTrouble) as told, anyio.fail_after(20):
            await opened.ask(f"https://{NAME}/a?sig=secret", {})
    server.close()
    assert f"127.0.0.1:{port}" in told.value.message
    assert "--proxy none" in told.value.hint
    assert "secret" not in told.value.message
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None


async def test_a_socks_proxy_that_refuses_the_login_is_told_so(engine: str) -> None:
    """The answer that RFC 1929 has for a wrong password is a mistake in the settings."""
    data = b"\x05\x02\x01\x01"
    server = await asyncio.start_server(lambda r, w: answers(data, r, w), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ways = ways_of(proxy=f"socks5h://ann:secret-pw@127.0.0.1:{port}")
    async with open_engine("t", name=engine, ways=ways, silence=5) as opened:
        with pytest.raises(ProxyRefused) as told, anyio.fail_after(20):
            await opened.ask(f"https://{NAME}/", {})
    server.close()
    assert "secret" not in told.value.message


@pytest.mark.parametrize("kind", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_a_proxy_that_is_not_there_is_connection_trouble(
    kind: str, host: str, engine: str
) -> None:
    """A closed port, or a name that nobody knows: the proxy's trouble, and not the host's."""
    ways = ways_of(proxy=f"{kind}://{host}:9")
    async with open_engine("t", name=engine, ways=ways, silence=5) as opened:
        with pytest.raises(ProxyTrouble) as told, anyio.fail_after(20):
            await opened.ask("https://civitai.com/", {})
    assert isinstance(told.value, TransferError)
    assert f"{kind}://{host}:9" in told.value.message


async def test_socks_without_its_library_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Libcurl speaks SOCKS by itself; the other client needs a package, and says so at once."""
    monkeypatch.setattr("civitai_dl.adapters.fetcher._proxied.find_spec", lambda _: None)
    ways = ways_of(proxy="socks5h://ann:secret-pw@127.0.0.1:1080")
    with pytest.raises(ConfigError) as told:
        open_engine("t", name="aiohttp", ways=ways)
    assert "pip install" in told.value.hint
    assert "[socks]" in told.value.hint
    assert "secret" not in told.value.message


# --- the command


OURS = re.compile("CIVITAI|SSL_CERT|CA_BUNDLE|_proxy$", re.IGNORECASE)
"""What the environment of whoever runs the tests must not say here."""


async def command(tmp_path: Path, *words: str, **environment: str) -> tuple[int, str]:
    process = await anyio.run_process(
        [sys.executable, "-m", "civitai_dl", *words],
        cwd=tmp_path,
        env={
            **{name: text for name, text in os.environ.items() if not OURS.search(name)},
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            **environment,
        },
        check=False,
    )
    return process.returncode, (process.stdout + process.stderr).decode()


async def test_the_password_of_a_proxy_is_written_nowhere(private: Private, tmp_path: Path) -> None:
    """Neither the state nor the log, nor retry.sh, nor what is shown has it; the run is good."""
    world = small_world()
    secrets = (USER, PASSWORD, WRITTEN, "pass%3Aw")
    async with far_away(world, private) as fake, real_proxy("http", login=True) as proxy:
        code, said = await command(
            tmp_path,
            *("1", "2", "-o", "archive", "--only", "models", "--max-rate-model", "0", "-v"),
            *("--base-url", fake.base_url, "--ca-file", str(private.path)),
            *("--retries", "1", "--proxy", proxy.url(WRITTEN)),
            CIVITAI_API_KEY=GOOD_KEY,
        )
    assert 1 == code, said
    assert is_whole(world, tmp_path / "archive")
    assert {NAME} == set(proxy.way.asked)
    assert "--proxy" not in (tmp_path / "archive" / "retry.sh").read_text()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    for path in written:
        data = path.read_bytes()
        assert not [one for one in secrets if one.encode() in data], path
    assert not [one for one in secrets if one in said]


async def test_a_bad_proxy_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    """The mistake is told without its password, and status 2 is left."""
    async with FakeCivitai(small_world()) as fake:
        for words, environment in (
            (["--proxy", "ftp://ann:secret-pw@proxy.example:3128"], {}),
            ([], {"HTTPS_PROXY": "http://ann:secret-pw@proxy.example:port"}),
        ):
            code, said = await command(
                tmp_path, "1", "-o", "archive", "--base-url", fake.base_url, *words, **environment
            )
            assert 2 == code, said
            assert "proxy.example" in said
            assert "secret-pw" not in said
            assert ("--proxy" if words else "HTTPS_PROXY") in said
        assert [] == fake.account.of()


async def test_none_switches_the_proxies_of_the_environment_off(tmp_path: Path) -> None:
    """--proxy none, or an empty one, mends even an environment that is wrong."""
    async with FakeCivitai(small_world()) as fake:
        for word in ("none", ""):
            code, said = await command(
                tmp_path,
                *("1", "-o", "archive", "--only", "models", "--base-url", fake.base_url),
                *("--proxy", word),
                HTTPS_PROXY="gopher://x:y@z",
            )
            assert 0 == code, said
