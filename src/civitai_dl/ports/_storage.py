"""The seams to the archive's files: partials on their way, and what has its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ..domain.decisions import Seen
from ..domain.entities import Island, Measured, OwnedFile
from ..errors import StorageError
from ._bytes import Chunk


class Ahead(Protocol):
    """A place in a partial, beyond its size, at which bytes are written in order."""

    @property
    def island(self) -> Island:
        """What has been written here so far; empty in the beginning."""

    @property
    def end(self) -> int:
        """Where the next byte belongs; some before it may not be written yet."""

    async def write(self, chunk: Chunk) -> None:
        """Write behind what was written here, soon; keeps no chunk.

        Raises: as Partial.write; what the island tells of is then still true.
        """

    async def flush(self) -> None:
        """Write what was not written yet. Raises: as `write`. Safe to repeat."""


class Partial(Protocol):
    """The bytes of one task on their way; its name is unique to this attempt."""

    @property
    def held(self) -> int:
        """Bytes that an earlier attempt left; how many of them are durable, the catalog knows."""

    async def reserve(self, size: int) -> None:
        """Set room aside for `size` bytes in all.

        Raises: NotEnoughRoom, before anything is written; StorageError. Safe to repeat.
        """

    async def begin(
        self, offset: int, *, crc: bool = False, islands: Sequence[Island] = ()
    ) -> None:
        """Keep the first `offset` bytes (digesting them) and these islands, and drop the rest.

        crc: measure the CRC32 as well. What lies between islands may be anything.
        Raises: StorageError. Safe to repeat.
        """

    def ahead(self, start: int) -> Ahead:
        """A place beyond the size at which bytes may be written.

        Several may be written at once, and while others append; none beyond what `take_in` has met.
        """

    async def take_in(self, island: Island, *, proven: bool = False) -> bool:
        """Make an island that begins at `size` part of what is held: read it back and digest it.

        proven: a digest of the service will tell in the end whether all bytes are right; then what
        was written since `begin` is read back without a look at its own CRC32. Returns False, with
        nothing changed, when its bytes are not those that were written there. Raises: StorageError.
        """

    async def write(self, chunk: Chunk) -> None:
        """Append and digest; keeps no chunk. Raises: StorageFull, StorageDenied, StorageError."""

    @property
    def size(self) -> int:
        """Bytes held from the first on, durable or not; islands do not count."""

    async def sync(self) -> int:
        """Make durable what was written, islands included; returns what the size then was at least.

        Raises: StorageError.
        """

    async def finish(self) -> Measured:
        """Say what it is. Nothing may be written afterwards. Raises: StorageError."""

    async def publish(self, path: str) -> None:
        """Make it durable and give it its name in the archive, replacing nothing.

        Raises: FileExistsError when something else is there; StorageError. Durable on return.
        """

    async def quarantine(self, name: str, evidence: Mapping[str, object]) -> str:
        """Move it to `corrupted/` with the evidence beside it; returns the archive path."""

    async def discard(self) -> None:
        """Forget the bytes. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a storage can do; differences are data."""

    name: str
    resumable: bool
    links: bool


class Storage(Protocol):
    """The archive's files. Paths are relative, with forward slashes, made of portable names."""

    @property
    def traits(self) -> Traits:
        """What it can do."""

    async def sizes(self, paths: Sequence[str]) -> list[int | None]:
        """The size of each path, None where there is no regular file."""

    async def measure(self, path: str) -> Measured | None:
        """Read and digest a file; None when there is none. Costs a full read."""

    async def inspect(
        self, paths: Sequence[str], *, read: bool, hear: Callable[[int], None] | None = None
    ) -> list[Seen]:
        """Say what lies at each path, where one file's trouble is an answer and raises nothing.

        read: digest files as well; cancellation is heeded between slices of 1 MiB. hear: told from
        another thread how many bytes more were read.
        """

    async def names_of(self, folder: str, identity: tuple[int, int]) -> list[str]:
        """The paths right in a folder that are names of one file. Raises: StorageError."""

    async def read_part(self, path: str, offset: int, size: int) -> bytes:
        """Up to `size` bytes of a file from `offset` on, in memory.

        Raises: FileNotFoundError, StorageError.
        """

    async def link(self, existing: str, path: str) -> None:
        """Give a file a second name: hard link, else copy; durable.

        Raises: FileExistsError; FileNotFoundError when `existing` is gone; StorageError.
        """

    async def save(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """Write small documents (path, content) whole, replacing older ones; durable.

        A document that is there already is not written again. Safe to repeat.
        """

    async def save_stream(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Write a large document whole, replacing an older one; memory stays flat."""

    async def remove(self, paths: Sequence[str]) -> None:
        """Remove documents; those that are not there are no error."""

    async def read(self, path: str) -> bytes | None:
        """A small document, None when there is none."""

    async def read_all(self, paths: Sequence[str]) -> list[bytes | None]:
        """Small documents, in order, all of them at once in memory."""

    def partial(self, key: str) -> AbstractAsyncContextManager[Partial]:
        """The partial of a task: what an earlier attempt left is taken over.

        Leaving the context keeps the bytes, unless they were published or discarded.
        """

    async def sync_all(self, partials: Sequence[Partial]) -> list[StorageError | None]:
        """Make the bytes of finished partials durable.

        One end for each, in order: None for done.
        """

    async def publish_all(
        self, named: Sequence[tuple[Partial, str]]
    ) -> list[FileExistsError | StorageError | None]:
        """Give durable partials their names, replacing nothing; durable on return.

        One end for each, in order: None for done. Raises: StorageError, for all of them.
        """

    async def quarantine(self, path: str, evidence: dict[str, object]) -> str:
        """Move a published file to `corrupted/` with the evidence; returns its new archive path.

        Raises: FileNotFoundError, StorageError.
        """

    async def sweep(self, keys: Collection[str]) -> int:
        """Remove partials that are a day old and belong to none of these tasks; returns how many.

        Raises: StorageError.
        """

    async def prove(self) -> None:
        """Show that the archive can be written; holds room in reserve. Raises: StorageError."""

    def free(self) -> int | None:
        """Bytes free for this user, None when the storage cannot tell."""


class Owned(Protocol):
    """Files of the user outside the archive, whose digests are known. They are never changed."""

    @property
    def only(self) -> Collection[str] | None:
        """The digests to which a run keeps, so that it transfers no file; None for any other."""

    async def find(self, sha256: str) -> Sequence[OwnedFile]:
        """The files that had this digest when they were read last."""

    async def link(self, file: OwnedFile, path: str) -> bool:
        """Give a file a second name in the archive, replacing nothing; durable.

        False where that cannot be, as on another file system. Raises: FileExistsError;
        FileNotFoundError when it is gone, or is not what it was; StorageError.
        """

    def chunks(self, file: OwnedFile) -> AsyncIterator[bytes]:
        """Its bytes as they are now, ended early where it cannot be read. Raises nothing."""
