"""The report of a run as JSON: kept in the archive, printed, handed to whoever is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Change, RunReport

    from ._news import NewFile, News


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a finished command.

    command: download or sync. started: seconds since the epoch. full: things looked at in full.
    text: one line in the language of the person.
    """

    command: str
    output: str
    status: int
    started: float
    seconds: float
    targets: int
    full: int
    runs: Sequence[RunReport]
    news: News
    text: str


def describe(told: Told) -> dict[str, object]:
    """The report; its form is described in docs/reference/layout.md. It holds no key."""
    moment = datetime.fromtimestamp(told.started, timezone.utc)
    return {
        "command": told.command,
        "output": told.output,
        "status": told.status,
        "started": moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(told.seconds, 3),
        "text": told.text,
        "targets": told.targets,
        "targets_in_full": told.full,
        "counts": told.news.counts(),
        "bytes_received": sum(run.bytes_received for run in told.runs),
        "failed": sum(len(run.failures) for run in told.runs),
        "unavailable": sum(len(run.unavailable) for run in told.runs),
        "left": sum(run.left for run in told.runs),
        "models": _models(told.news),
        "users": [
            {"username": name, "stored_images": count}
            for name, count in sorted(told.news.of_users.items())
        ],
    }


def _models(news: News) -> list[dict[str, object]]:
    changes: dict[int, list[Change]] = {}
    files: dict[int, list[NewFile]] = {}
    for change in news.changes:
        changes.setdefault(int(change.model_id), []).append(change)
    for file in news.files:
        files.setdefault(file.model_id, []).append(file)
    return [
        {
            "id": number,
            **_name(changes.get(number, ())),
            "changes": [_change(change) for change in changes.get(number, ())],
            "stored_files": [
                {
                    "version_id": file.version_id,
                    "file_id": file.file_id,
                    "name": file.name,
                    "path": file.path,
                    "bytes": file.size,
                    "how": file.how,
                }
                for file in files.get(number, ())
            ],
            "stored_images": news.of_models[number],
        }
        for number in sorted({*changes, *files, *news.of_models})
    ]


def _name(changes: Sequence[Change]) -> dict[str, object]:
    if not changes:
        return {}
    return {"name": changes[-1].model, "creator": changes[-1].creator}


def _change(change: Change) -> dict[str, object]:
    told: dict[str, object] = {"change": change.kind.value}
    if change.number is not None:
        told["id"] = change.number
    if change.what:
        told["what"] = change.what
    if change.kept:
        told["kept"] = change.kept
    return told
