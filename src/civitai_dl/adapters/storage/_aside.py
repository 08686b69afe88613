"""Bad bytes move to the quarantine, and what is known of them is told beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from civitai_dl.domain.decisions import MAX_COMPONENT_BYTES, portable_component

from ._files import drop, give_name, is_same, write_document
from ._volume import Volume


def set_aside(
    volume: Volume, path: Path, folder: Path, name: str, evidence: Mapping[str, object]
) -> str:
    """Move bad bytes to the quarantine with the evidence beside them; returns the archive path."""
    volume.make_folder(folder)
    # A number may come before it, and the evidence has the same name and more.
    name = portable_component(name, max_bytes=MAX_COMPONENT_BYTES - len("999-.evidence.json"))
    for number in range(1, 1000):
        final = folder / (name if number == 1 else f"{number}-{name}")
        note = final.with_name(f"{final.name}.evidence.json")
        if final.is_file() and is_same(path, final):
            # Set aside by a process that died before it could say so, or by an earlier run.
            drop(volume.system, path)
            break
        if note.exists():
            # Evidence may have outlived its bytes: a user's deletion, or a crash between the two.
            continue
        try:
            give_name(volume.system, path, final)
        except FileExistsError:
            continue
        break
    text = f"{json.dumps(dict(evidence), ensure_ascii=False, indent=2)}\n"
    # Whole or not at all, and of bytes that came again the latest.
    write_document(volume.system, note, text.encode("utf-8", "backslashreplace"), volume.scratch)
    volume.sync_names([folder])
    return f"{folder.name}/{final.name}"
