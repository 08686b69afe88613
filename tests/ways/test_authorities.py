"""A private authority, as in a company that looks into TLS: believed when named, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from on_the_way import Ear, Private, is_whole, run, small_world, ways_of
from test_real_proxies import command

from civitai_dl.domain.entities import Notice, Ways
from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeOptions, World


def private_service(world: World, private: Private) -> FakeCivitai:
    return FakeCivitai(world, options=FakeOptions(tls=private.tls))


@pytest.mark.parametrize("as_folder", [False, True])
async def test_with_its_certificate_a_private_authority_is_believed(
    as_folder: object, engine: str, private: Private, tmp_path: Path
) -> None:
    """--ca-file takes a file or a folder, and counts for the API and for storage."""
    world, named = small_world(), private.path
    if as_folder:
        named = tmp_path / "certificates"
        named.mkdir()
        shutil.copy(private.path, named / "corporate.crt")
        (named / "README").write_text("what lies beside them does no harm")
    async with private_service(world, private) as fake:
        report = await run(fake, tmp_path / "archive", ways=ways_of(ca=named), engine=engine)
    assert 0 == report.exit_code, report
    assert is_whole(world, tmp_path / "archive")
    assert {"api", "storage"} == {seen.origin for seen in fake.account.of()}


async def test_without_it_nothing_is_sent_and_the_way_out_is_told(
    engine: str, private: Private, tmp_path: Path
) -> None:
    """A certificate that nobody vouches for gets no request, no key, and a hint."""
    ear = Ear()
    async with private_service(small_world(), private) as fake:
        report = await run(fake, tmp_path / "archive", ways=Ways(), engine=engine, reporter=ear)
    assert 1 == report.exit_code
    assert [] == fake.account.of()
    (failure,) = report.failures
    assert "certificate" in failure.detail
    assert "--ca-file" in failure.hint
    told = [one.text for one in ear.heard if isinstance(one, Notice)]
    assert any("--ca-file" in text for text in told)
    assert GOOD_KEY not in str(told)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_the_variables_of_other_tools_name_the_authorities(
    name: str, engine: str, private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes curl, requests and OpenSSL believe an authority makes both clients believe it."""
    world = small_world()
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(private.path))
    async with private_service(world, private) as fake:
        report = await run(fake, tmp_path / "archive", ways=Ways(), engine=engine)
    assert 0 == report.exit_code, report


async def test_the_system_is_believed_beside_it(engine: str, private: Private) -> None:
    """What --ca-file names is added: a network that looks into some hosts only works, too."""
    from civitai_dl.adapters.fetcher._trust import find_trust, tls_context

    trust = find_trust({}, ways_of(ca=private.path).ca)
    alone = find_trust({})
    assert trust.blob() is not None
    assert (trust.file, trust.folder) == (alone.file, alone.folder)
    if alone.file is not None:
        assert Path(alone.file).read_bytes() in (trust.blob() or b"")
    context = tls_context(trust)
    assert context is not None
    usual = __import__("ssl").create_default_context().cert_store_stats()["x509"]
    assert context.cert_store_stats()["x509"] >= max(1, usual)
    assert tls_context(alone) is None


@pytest.mark.parametrize("by", ["--ca-file", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("wrong", ["is not there", "is empty"])
async def test_a_bundle_that_holds_nothing_is_refused_at_the_start(
    by: str, wrong: str, tmp_path: Path
) -> None:
    """A file that is not there, or has no certificate, is named before anything is asked."""
    path = tmp_path / "bundle.pem"
    if wrong == "is empty":
        path.write_text("-----BEGIN NOTHING-----\n")
    words = ["--ca-file", str(path)] if by == "--ca-file" else []
    environment = {} if words else {by: str(path)}
    async with FakeCivitai(small_world()) as fake:
        code, said = await command(
            tmp_path, "1", "-o", "archive", "--base-url", fake.base_url, *words, **environment
        )
        assert 2 == code, said
        assert "bundle.pem" in said
        assert by in said
        assert [] == fake.account.of()


async def test_what_only_looks_like_a_certificate_is_refused(tmp_path: Path) -> None:
    """The file is read as TLS will read it, and not only looked at."""
    path = tmp_path / "bundle.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    code, said = await command(tmp_path, "1", "-o", "archive", "--ca-file", str(path))
    assert 2 == code
    assert "no certificate" in said


def test_no_option_switches_the_check_off() -> None:
    """There is no way to believe everybody: a wrong certificate is mended, or nothing is sent."""
    from civitai_dl.cli._flags import _OPTIONS

    spelled = " ".join(word for spellings, _, _ in _OPTIONS.values() for word in spellings)
    assert not [word for word in ("insecure", "no-check", "no-verify") if word in spelled]
