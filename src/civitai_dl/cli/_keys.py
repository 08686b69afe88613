"""The key that counts, and where it comes from; that of `login` is looked for last."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_dl.config import KeyStore, Kind, Origin, config_folder

if TYPE_CHECKING:
    from civitai_dl.config import Layers, Settings
    from civitai_dl.domain.entities import Secret
    from civitai_dl.domain.messages import Messages


def key_store() -> KeyStore:
    """The keys that this person has stored."""
    return KeyStore(config_folder())


class WideFile:
    """Says that others could read the file of the keys."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def __call__(self, path: Path) -> None:
        """Warn of it, once it is private again."""
        text = "others could read {path}, which holds API keys; it is private again"
        said = self._messages.warning(self._messages.say(text, path=path))
        sys.stderr.write(f"{said}\n")


def with_stored_key(settings: Settings, messages: Messages) -> tuple[Settings, Origin | None]:
    """The settings with the key that `login` stored for their service, if any, and where it was.

    Raises: ConfigError for one that is stored and cannot be had.
    """
    store, on_wide = key_store(), WideFile(messages)

    def stored_key(base_url: str) -> Secret | None:
        found = store.find(base_url, on_wide=on_wide)
        return None if found is None else found.secret

    found = store.find(settings.base_url, on_wide=on_wide)
    if found is None:
        return replace(settings, stored_key=stored_key), None
    settings = replace(settings, token=found.secret, stored_key=stored_key)
    return settings, Origin(Kind.LOGIN, found.place)


def with_key(
    settings: Settings, layers: Layers, messages: Messages
) -> tuple[Settings, Origin | None]:
    """The settings with the key that counts, and its origin; None where there is none.

    Raises: ConfigError.
    """
    if settings.token is not None:
        return settings, layers.origin("token")
    return with_stored_key(settings, messages)
