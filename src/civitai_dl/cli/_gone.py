"""What the service no longer has and the archive keeps, as people and as programs read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from civitai_dl.domain.messages import printable

if TYPE_CHECKING:
    from civitai_dl._gone import GoneModel
    from civitai_dl.domain.entities import Tombstone
    from civitai_dl.domain.messages import Messages


def count_gone(found: Sequence[GoneModel]) -> dict[str, int]:
    """How many models, versions of other models, and files of other versions are gone."""
    whole = [gone for gone in found if gone.gone_since is not None]
    parts = [gone for gone in found if gone.gone_since is None]
    versions = sum(len(gone.versions) for gone in parts)
    files = 0
    for gone in parts:
        lost = {stone.version_id for stone in gone.versions}
        files += sum(stone.version_id not in lost for stone in gone.files)
    return {"models": len(whole), "versions": versions, "files": files}


def gone_in_all(found: Sequence[GoneModel], messages: Messages) -> str:
    """The figures in a sentence."""
    return messages.say(
        "gone from the service and kept here: {models} models, {versions} versions, {files} files",
        **count_gone(found),
    )


def gone_as_text(found: Sequence[GoneModel], messages: Messages) -> str:
    """Each model of which something is gone, with what and since when."""
    if not found:
        return messages.say("nothing of what is kept here is known to be gone from the service")
    lines = []
    for gone in found:
        name = f"{gone.model_id}  {printable(gone.name)}  {gone.folder}"
        if gone.gone_since is not None:
            lines.append(
                messages.say("model {name}: gone {since}", **_facts(name, gone.gone_since))
            )
            continue
        lines.append(messages.say("model {name}:", name=name))
        for stone in gone.versions:
            facts = _facts(_named(stone), stone.gone_since)
            lines.append(messages.say("  version {name}: gone {since}", **facts))
        for stone in gone.files:
            facts = _facts(_named(stone), stone.gone_since)
            text = "  file {name} of version {version}: gone {since}"
            lines.append(messages.say(text, version=stone.version_id, **facts))
    return "\n".join([*lines, gone_in_all(found, messages)])


def gone_as_json(found: Sequence[GoneModel]) -> str:
    """The same for programs; times in ISO 8601, UTC."""
    return json.dumps(
        [
            {
                "model_id": gone.model_id,
                "name": gone.name,
                "folder": gone.folder,
                "gone_since": _iso(gone.gone_since),
                "versions": [_entry(stone) for stone in gone.versions],
                "files": [
                    {**_entry(stone), "version_id": stone.version_id} for stone in gone.files
                ],
            }
            for gone in found
        ],
        ensure_ascii=False,
        indent=2,
    )


def _entry(stone: Tombstone) -> dict[str, object]:
    name = str(stone.raw.get("name") or "")
    return {"id": stone.id, "name": name, "gone_since": _iso(stone.gone_since)}


def _named(stone: Tombstone) -> str:
    return f"{stone.id} ({printable(str(stone.raw.get('name') or '?'))})"


def _facts(name: str, since: datetime | None) -> dict[str, object]:
    return {"name": name, "since": "?" if since is None else since.date().isoformat()}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
