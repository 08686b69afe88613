"""A plan for programs: one JSON document of figures, or CSV with a row for each thing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Role
from civitai_dl.domain.outlook import Foreseen, Prospect

if TYPE_CHECKING:
    from civitai_dl._outlook import View
    from civitai_dl.domain.entities import RunReport
    from civitai_dl.domain.outlook import Outlook, Scope, Share

COLUMNS = (
    "target",
    "model",
    "version",
    "file",
    "image",
    "name",
    "type",
    "bytes",
    "sha256",
    "state",
    "reason",
    "until",
    "path",
)
"""The first row of the CSV."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula; names are what strangers chose."""

FLUSH = 1000


def outlook_json(outlook: Outlook, report: RunReport, *, output: str, status: int) -> str:
    """The figures of a plan; the keys are those of the reference page."""
    space, time, pace = outlook.space, outlook.time, outlook.pace
    return json.dumps(
        {
            "output": output,
            "exit_status": status,
            "interrupted": report.interrupted,
            "total": _scope(outlook.total),
            "targets": [
                {"text": scope.text, "origin": scope.origin, **_scope(scope)}
                for scope in outlook.targets
            ],
            "unlisted": [
                {
                    "target": outlook.targets[page.target].text,
                    "page": page.label,
                    "reason": page.reason,
                    "detail": page.detail,
                    "hint": page.hint,
                }
                for page in outlook.unlisted
            ],
            "space": {
                "free": space.free,
                "needed": space.needed,
                "images_guess": space.images,
                "left": space.left,
                "lacking": space.lacking,
                "fits": None if space.free is None else not space.lacking,
            },
            "time": {
                "seconds": time.seconds,
                "files_seconds": time.files,
                "images_seconds": time.images,
                "at_least": time.at_least,
                "files_bytes_per_second": pace.files,
                "images_per_second": pace.images,
                "links_per_second": pace.links or None,
                "limit_bytes_per_second": pace.limit or None,
            },
        },
        ensure_ascii=False,
        indent=2,
    )


def _scope(scope: Scope) -> dict[str, object]:
    return {
        "models": scope.models,
        "versions": scope.versions,
        "files": scope.things(files=True),
        "images": scope.things(files=False),
        "unlisted": scope.unread,
        "bytes_to_transfer": scope.bytes(Prospect.FETCH),
        "states": {
            prospect.value: _sum([s for s in scope.shares if s.prospect is prospect])
            for prospect in Prospect
            if prospect is not Prospect.UNLISTED
        },
        "shares": [_share(share) for share in scope.shares],
    }


def _sum(shares: list[Share]) -> dict[str, int]:
    return {
        "count": sum(share.count for share in shares),
        "bytes": sum(share.bytes for share in shares),
        "unsized": sum(share.unsized for share in shares),
    }


def _share(share: Share) -> dict[str, object]:
    return {
        "role": share.role.value,
        "type": share.kind or share.role.value,
        "state": share.prospect.value,
        "reason": share.reason or None,
        "count": share.count,
        "bytes": share.bytes,
        "unsized": share.unsized,
        "on_disk": share.held,
        "first_until": _moment(share.first),
        "last_until": _moment(share.last),
    }


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


async def csv_chunks(view: View) -> AsyncIterator[str]:
    """The CSV in pieces: memory stays flat."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    targets = [scope.text for scope in view.outlook.targets]
    count = 0
    async for thing in view.things.rows():
        writer.writerow([_cell(value) for value in _row(thing, targets[thing.target])])
        count += 1
        if count % FLUSH == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _row(thing: Foreseen, target: str) -> tuple[object, ...]:
    return (
        target,
        thing.model_id,
        thing.version_id,
        thing.file_id,
        thing.image_id,
        thing.label if thing.role is Role.PAGE else thing.name,
        thing.kind,
        thing.bytes,
        thing.sha256,
        thing.prospect.value,
        thing.reason,
        _moment(thing.until),
        thing.path,
    )


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
