"""Where `login` keeps keys: a private file, or a keyring that a small file points to."""

import json
import os
import stat
import sys
from types import SimpleNamespace

import pytest

from civitai_dl.config import KeyStore, _stored, service_name, usable_keyring
from civitai_dl.domain.entities import Secret
from civitai_dl.errors import ConfigError

URL = "https://civitai.com"


def never(path):
    raise AssertionError(path)


@pytest.fixture
def store(tmp_path):
    return KeyStore(tmp_path / "civitai-dl")


@pytest.fixture
def ring(monkeypatch):
    """A keyring of the system, as far as can be told from outside; `broken` says what it raises."""
    kept = {}
    ring = SimpleNamespace(kept=kept, broken=None, priority=5)

    def tried(work):
        def call(*words):
            if ring.broken is not None:
                raise ring.broken
            return work(*words)

        return call

    ring.get_password = tried(lambda service, name: kept.get((service, name)))
    ring.set_password = tried(lambda service, name, key: kept.update({(service, name): key}))
    ring.delete_password = tried(lambda service, name: kept.pop((service, name)))
    keyring = SimpleNamespace(get_keyring=lambda: ring, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    return ring


@pytest.mark.skipif(os.name == "nt", reason="rights of files are POSIX'")
def test_the_file_is_private_before_the_key_is_in_it(store, monkeypatch):
    """Nobody else can read the file at any time, not even while it is written."""
    rights = []

    def dump(value, target, **how):
        rights.append(stat.S_IMODE(os.fstat(target.fileno()).st_mode))
        target.write(json.dumps(value))

    monkeypatch.setattr(_stored.json, "dump", dump)
    before = os.umask(0)
    try:
        store.keep(URL, Secret("k3y"), in_keyring=False, on_wide=never)
    finally:
        os.umask(before)
    assert rights == [0o600]
    assert store.find(URL, on_wide=never).secret.reveal() == "k3y"


def test_a_file_that_cannot_be_written_stays_as_it_was(store, monkeypatch):
    """A disk that fails in the middle costs neither the old key nor leaves a draft of the new."""
    store.keep(URL, Secret("old"), in_keyring=False, on_wide=never)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_stored.json, "dump", full)
    with pytest.raises(ConfigError, match="No space left") as told:
        store.keep(URL, Secret("new"), in_keyring=False, on_wide=never)
    assert "new" not in str(told.value)
    assert store.find(URL, on_wide=never).secret.reveal() == "old"
    assert [path.name for path in store.path.parent.iterdir()] == [store.path.name]


def test_a_key_moves_between_file_and_keyring(store, ring):
    """There is one stored key of a service: storing it again takes it out of the other place."""
    store.keep(URL, Secret("one"), in_keyring=False, on_wide=never)
    assert store.keep(URL, Secret("two"), in_keyring=True, on_wide=never) == "keyring"
    assert "one" not in store.path.read_text()
    assert ring.kept == {("civitai-dl", URL): "two"}
    assert store.find(URL, on_wide=never).place == "keyring"
    assert store.place(URL, on_wide=never) == "keyring"
    assert store.keep(URL, Secret("three"), in_keyring=False, on_wide=never) == str(store.path)
    assert ring.kept == {}
    assert store.find(URL, on_wide=never).secret.reveal() == "three"


def test_scheme_host_and_port_make_a_service(store):
    """Another port, host or scheme is another service; letters of either case are the same."""
    store.keep("https://Civitai.com", Secret("k3y"), in_keyring=False, on_wide=never)
    assert store.find(URL, on_wide=never) is not None
    for other in ("https://civitai.red", f"{URL}:8443", "http://civitai.com", "https://x.y"):
        assert store.find(other, on_wide=never) is None
    assert service_name("HTTPS://A.b:1/c?d") == "https://a.b:1"


def test_a_keyring_that_cannot_be_opened_is_an_error(store, ring):
    """A key that is there and cannot be had ends the command: without it we would be nobody."""
    store.keep(URL, Secret("k3y"), in_keyring=True, on_wide=never)
    ring.broken = RuntimeError("the collection is locked")
    for act in (store.find, store.forget):
        with pytest.raises(ConfigError, match="the collection is locked") as told:
            act(URL, on_wide=never)
        assert told.value.hint
    ring.broken = None
    ring.kept.clear()
    with pytest.raises(ConfigError, match="any more"):
        store.find(URL, on_wide=never)
    assert store.forget(URL, on_wide=never)
    assert not store.path.exists()


def test_a_keyring_that_does_not_keep_is_noticed(store, ring):
    """What the keyring did not take, or lost at once, is not said to be stored."""
    ring.broken = RuntimeError("no room for k3y")
    with pytest.raises(ConfigError, match=r"no room for \*\*\*"):
        store.keep(URL, Secret("k3y"), in_keyring=True, on_wide=never)
    ring.broken = None
    ring.set_password = lambda *_: None
    with pytest.raises(ConfigError, match="did not keep"):
        store.keep(URL, Secret("k3y"), in_keyring=True, on_wide=never)
    assert not store.path.exists()


@pytest.mark.parametrize("priority", [0, 0.5, -1])
def test_what_the_package_does_not_recommend_is_no_keyring(ring, priority):
    """Plain files and the empty backend are not used: our own file is safer and known."""
    assert usable_keyring() is ring
    ring.priority = priority
    assert usable_keyring() is None


def test_without_a_keyring_the_stored_key_is_named(store, ring, monkeypatch):
    """The package was taken away since, or its settings are broken: told, not raised."""
    store.keep(URL, Secret("k3y"), in_keyring=True, on_wide=never)

    def broken():
        raise ImportError("no such backend")

    monkeypatch.setattr(sys.modules["keyring"], "get_keyring", broken)
    with pytest.raises(ConfigError, match="cannot be opened"):
        store.find(URL, on_wide=never)
    monkeypatch.setattr(_stored, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="cannot be opened"):
        store.find(URL, on_wide=never)


def test_a_file_that_is_out_of_reach_is_named(store):
    """A folder in the place of the file is an error that names it."""
    store.path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read") as told:
        store.find(URL, on_wide=never)
    assert str(store.path) in told.value.message
