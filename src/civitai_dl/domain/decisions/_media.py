"""What a stored file is shown as."""

from __future__ import annotations

from ..entities import Media

_FILMS = frozenset({"mp4", "webm", "mov", "mkv", "m4v", "ogv", "avi"})
_SOUNDS = frozenset({"mp3", "ogg", "wav", "flac", "m4a"})


def media_of(path: str) -> Media:
    """What a stored file is; its extension follows its bytes."""
    ending = path.rsplit(".", 1)[-1].lower()
    if ending in _FILMS:
        return Media.VIDEO
    return Media.AUDIO if ending in _SOUNDS else Media.IMAGE
