"""Keys that `login` stored: one for each service, in the system's keyring or in a private file.

A small file beside the configuration says where the key of each service is, so that nobody pays for
the keyring, whose import takes longer than all of ours, unless the key is really there.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civitai_dl.domain.entities import Secret
from civitai_dl.errors import ConfigError

from ._file import STORED_NAME

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KEYRING_SERVICE = "civitai-dl"
"""The name under which the system's keyring shows the key; the account is the service's address."""

_AGAIN = "remove it, and run `civitai-dl login` again"
_INSTALL = "install the extra `keyring`, or run `civitai-dl login --store file`"

Told = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key and where it was: the file, or "keyring"."""

    secret: Secret
    place: str


class KeyStore:
    """The stored keys of a person. folder: that of the configuration; it need not be there.

    Nothing is stored for another service than the one that is named: scheme, host and port count.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STORED_NAME

    def place(self, base_url: str, *, on_wide: Told) -> str | None:
        """Where the key of a service is, without opening the keyring; None where there is none.

        on_wide: told of the file when others could read it; it is then private again. Raises:
        ConfigError.
        """
        entries = self._entries(on_wide)
        if (name := service_name(base_url)) not in entries:
            return None
        return "keyring" if entries[name] is None else str(self.path)

    def find(self, base_url: str, *, on_wide: Told) -> StoredKey | None:
        """The key of a service; None where none is stored.

        on_wide: see `place`. Raises: ConfigError, also for a keyring that cannot be opened: without
        the key the service would silently take us for nobody.
        """
        entries = self._entries(on_wide)
        if (name := service_name(base_url)) not in entries:
            return None
        if (secret := entries[name]) is not None:
            return StoredKey(secret, str(self.path))
        return StoredKey(_from_keyring(name), "keyring")

    def keep(self, base_url: str, secret: Secret, *, in_keyring: bool, on_wide: Told) -> str:
        """Store the key of a service in place of an earlier one; says where. Raises: ConfigError.

        in_keyring: use the keyring, which must be usable.
        """
        name = service_name(base_url)
        entries = self._entries(on_wide)
        if in_keyring:
            _into_keyring(name, secret)
        elif name in entries and entries[name] is None:
            _out_of_keyring(name)
        self._write({**entries, name: None if in_keyring else secret})
        return "keyring" if in_keyring else str(self.path)

    def forget(self, base_url: str, *, on_wide: Told) -> bool:
        """Remove the key of a service from wherever it is; False where there was none.

        Raises: ConfigError when the keyring does not let go of it.
        """
        name = service_name(base_url)
        entries = self._entries(on_wide)
        if name not in entries:
            return False
        if entries.pop(name) is None:
            _out_of_keyring(name)
        self._write(entries)
        return True

    def _entries(self, on_wide: Told) -> dict[str, Secret | None]:
        """By the service its key, None where the keyring has it."""
        try:
            with self.path.open("rb") as source:
                wide = is_wide(source.fileno())
                if wide:
                    os.fchmod(source.fileno(), 0o600)
                data = source.read()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be read as a private file: {error.strerror}",
                hint="it holds API keys, and must be yours alone (chmod 600)",
            ) from error
        if wide:
            on_wide(self.path)
        try:
            found = json.loads(data)["keys"]
            return {name: _read_entry(entry) for name, entry in found.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            # Nothing is chained: the words of a parser may hold a part of the key.
            raise ConfigError(f"{self.path} is not what was written there", hint=_AGAIN) from None

    def _write(self, entries: Mapping[str, Secret | None]) -> None:
        """Put the file in place whole, private from its first byte; without entries it goes."""
        draft = self.path.with_name(f"{STORED_NAME}.{os.getpid()}.tmp")
        keys = {
            name: {"keyring": True} if secret is None else {"key": secret.reveal()}
            for name, secret in entries.items()
        }
        try:
            if not entries:
                self.path.unlink(missing_ok=True)
                return
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as target:
                json.dump({"keys": keys}, target, indent=2)
                target.write("\n")
                target.flush()
                os.fsync(target.fileno())
            draft.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}") from error


def service_name(base_url: str) -> str:
    """A service as its key is filed: scheme, host and port in lower case."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _read_entry(entry: Mapping[str, object]) -> Secret | None:
    if entry.get("keyring") is True:
        return None
    key = entry["key"]
    if not isinstance(key, str) or not key:
        raise TypeError
    return Secret(key)


def is_wide(file: Path | int) -> bool:
    """Whether others may read or write a file, named or open.

    On Windows the rights of the user's own folder see to that. Raises: OSError.
    """
    if os.name == "nt":
        return False
    return bool(stat.S_IMODE(os.stat(file).st_mode) & 0o077)  # noqa: PTH116  # a handle, too


# --- the keyring of the system


def usable_keyring() -> KeyringBackend | None:
    """The system's keyring; None where the package is missing, or finds nothing it recommends."""
    if find_spec("keyring") is None:
        return None
    import keyring

    try:
        backend = keyring.get_keyring()
    except Exception:  # noqa: BLE001  # backends are other people's, and raise what they like
        return None
    # The package recommends backends from 1 on; below are plain files, and nothing at all.
    return backend if backend.priority >= 1 else None


def _opened() -> KeyringBackend:
    backend = usable_keyring()
    if backend is None:
        raise ConfigError("there is no keyring of the system that can be used", hint=_INSTALL)
    return backend


def _from_keyring(name: str) -> Secret:
    try:
        found = _opened().get_password(KEYRING_SERVICE, name)
    except Exception as error:  # noqa: BLE001  # what backends raise is theirs
        raise ConfigError(
            f"the API key for {name} is in the system's keyring, which cannot be opened: {error}",
            hint="unlock it, set CIVITAI_API_KEY, or run `civitai-dl login --store file`",
        ) from None
    if not found:
        raise ConfigError(
            f"the system's keyring has no API key for {name} any more",
            hint="run `civitai-dl login`, or `civitai-dl logout` to do without",
        )
    return Secret(found)


def _into_keyring(name: str, secret: Secret) -> None:
    try:
        backend = _opened()
        backend.set_password(KEYRING_SERVICE, name, secret.reveal())
        kept = backend.get_password(KEYRING_SERVICE, name) == secret.reveal()
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        why = str(error).replace(secret.reveal(), "***")
        raise ConfigError(f"the system's keyring did not take the key: {why}") from None
    if not kept:
        raise ConfigError("the system's keyring did not keep the key")


def _out_of_keyring(name: str) -> None:
    try:
        backend = _opened()
        if backend.get_password(KEYRING_SERVICE, name) is not None:
            backend.delete_password(KEYRING_SERVICE, name)
    except Exception as error:  # noqa: BLE001  # as above
        raise ConfigError(
            f"the API key for {name} cannot be taken out of the system's keyring: {error}",
            hint="unlock it and try again",
        ) from None
