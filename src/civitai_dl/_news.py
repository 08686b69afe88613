"""What a run brought: the changes it saw and the things it stored, noted as it goes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from civitai_dl.domain.entities import (
    Change,
    Changed,
    ChangeKind,
    Event,
    FileRef,
    ImageRef,
    Role,
    Stored,
    TaskSettled,
)

COUNTED = {
    "new_models": (ChangeKind.NEW_MODEL,),
    "new_versions": (ChangeKind.NEW_VERSION,),
    "new_files": (ChangeKind.NEW_FILE, ChangeKind.FILE_REPLACED),
    "changed": (
        ChangeKind.RENAMED,
        ChangeKind.TEXT,
        ChangeKind.WITHDRAWN,
        ChangeKind.RESTORED,
    ),
    "gone": (ChangeKind.GONE_MODEL, ChangeKind.GONE_VERSION, ChangeKind.GONE_FILE),
    "back": (ChangeKind.BACK_MODEL, ChangeKind.BACK_VERSION, ChangeKind.BACK_FILE),
}


@dataclass(frozen=True, slots=True)
class NewFile:
    """A model file that was stored. how: see Stored."""

    model_id: int
    version_id: int
    file_id: int
    name: str
    path: str
    size: int
    how: str


@dataclass(slots=True)
class News:
    """A Reporter that keeps what is new. of_models, of_users: images stored, by whose they are."""

    changes: list[Change] = field(default_factory=list)
    files: list[NewFile] = field(default_factory=list)
    of_models: Counter[int] = field(default_factory=Counter)
    of_users: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.changes or self.files or self.of_models or self.of_users)

    @property
    def images(self) -> int:
        """All images that were stored."""
        return sum(self.of_models.values()) + sum(self.of_users.values())

    def counts(self) -> dict[str, int]:
        """How many changes there are of each sort, and how many files and images were stored."""
        kinds = Counter(change.kind for change in self.changes)
        told = {name: sum(kinds[kind] for kind in sort) for name, sort in COUNTED.items()}
        return {**told, "stored_files": len(self.files), "stored_images": self.images}

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, Changed):
            self.changes.append(event.change)
        elif isinstance(event, TaskSettled) and isinstance(event.outcome, Stored):
            self._store(event, event.outcome)

    def _store(self, event: TaskSettled, stored: Stored) -> None:
        subject = event.task.subject
        if isinstance(subject, FileRef):
            ids = (int(subject.model_id), int(subject.version_id), int(subject.file_id))
            self.files.append(NewFile(*ids, subject.name, stored.path, stored.size, stored.how))
        elif isinstance(subject, ImageRef) and event.task.role is Role.USER_IMAGE:
            # users/<name>/images/...
            self.of_users[subject.stem.split("/")[1]] += 1
        elif isinstance(subject, ImageRef) and event.task.model_id is not None:
            self.of_models[int(event.task.model_id)] += 1
        elif isinstance(subject, ImageRef):
            # model_<shard>/<id>/gallery/..., of a single version
            self.of_models[int(subject.stem.split("/")[1])] += 1
