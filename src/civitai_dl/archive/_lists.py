"""The enumerated lists: everything that was found behind the things asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from civitai_dl.domain.decisions import download_path
from civitai_dl.domain.entities import FileRef, ImageRef, Kind, Task

FLUSH = 256 * 1024


def describe(task: Task, state: str) -> dict[str, object]:
    """One line of a list: what it is, where it comes from, where it goes, how it stands."""
    line: dict[str, object] = {"key": task.key, "state": state, "model_id": task.model_id}
    subject = task.subject
    if isinstance(subject, FileRef):
        line |= {
            "version_id": subject.version_id,
            "file_id": subject.file_id,
            "name": subject.name,
            "url": download_path(subject.version_id, subject.file_id),
            "path": subject.destination,
            "sha256": subject.digests.sha256,
            "size": subject.size_hint,
        }
    elif isinstance(subject, ImageRef):
        line |= {
            "role": task.role.value,
            "image_id": subject.image_id,
            "media": subject.media.value,
            "url": subject.url,
            "path": subject.stem,
        }
    return line


async def list_chunks(rows: AsyncIterator[tuple[Task, str]], kind: Kind) -> AsyncIterator[bytes]:
    """A JSON array, a line per thing, in pieces of some hundred KiB; memory stays flat."""
    buffer, size, first = ["["], 0, True
    async for task, state in rows:
        if task.kind is not kind:
            continue
        text = json.dumps(describe(task, state), ensure_ascii=True)
        buffer.append(f"\n{text}" if first else f",\n{text}")
        first = False
        size += len(text)
        if size >= FLUSH:
            yield "".join(buffer).encode()
            buffer, size = [], 0
    buffer.append("\n]\n")
    yield "".join(buffer).encode()
