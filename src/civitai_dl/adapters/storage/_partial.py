"""The bytes of one task on their way, on a local disk."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio.to_thread

from civitai_dl.domain.entities import Measured

from ._errors import storage_errors
from ._files import BINARY, HEAD, READ_SIZE, TAIL, give_name, make_folder, sync_folder

T = TypeVar("T")

BUFFER = 512 * 1024
"""Bytes gathered before one hop to a thread that writes and digests them; a whole small image
takes a single hop."""


class LocalPartial:
    """See ports.Partial. The file is made at the first flush, so that nothing leaves no trace."""

    def __init__(
        self,
        path: Path,
        resolve: Callable[[str], Path],
        quarantine: Path,
        limiter: anyio.CapacityLimiter,
    ) -> None:
        self.path = path
        self._resolve = resolve
        self._corrupted = quarantine
        self._limiter = limiter
        self._handle: int | None = None
        self._buffer = bytearray()
        self._written = 0
        self._sha256 = hashlib.sha256()
        self._crc: int | None = None
        self._head = b""
        self._spoilt: OSError | None = None
        self.gone = False

    @property
    def held(self) -> int:
        """See ports.Partial."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def size(self) -> int:
        """See ports.Partial."""
        return self._written + len(self._buffer)

    async def _hop(self, function: Callable[[], T]) -> T:
        # Abandoning the thread would leave it writing to a file that somebody else may own by then.
        return await anyio.to_thread.run_sync(function, limiter=self._limiter)

    async def begin(self, offset: int, *, crc: bool = False) -> None:
        """See ports.Partial."""
        self._buffer.clear()
        self._sha256 = hashlib.sha256()
        self._crc = 0 if crc else None
        self._head, self._written = b"", 0
        if offset or self._handle is not None or self.held:
            await self._hop(lambda: self._keep(offset))

    def _keep(self, offset: int) -> None:
        with self._errors(f"writing {self.path.name}"):
            handle = self._open()
            if os.fstat(handle).st_size < offset:
                # Truncating would make it longer, with zeros that nobody sent.
                raise OSError(errno.EIO, "the partial is shorter than it was")
            os.ftruncate(handle, offset)
            os.lseek(handle, 0, os.SEEK_SET)
            while self._written < offset:
                chunk = os.read(handle, min(READ_SIZE, offset - self._written))
                if not chunk:
                    raise OSError(errno.EIO, "the partial became shorter while it was read")
                self._digest(chunk)

    def _open(self) -> int:
        if self._handle is None:
            flags = os.O_RDWR | os.O_CREAT | BINARY
            self._handle = os.open(self.path, flags, 0o666)
        return self._handle

    async def write(self, chunk: bytes) -> None:
        """See ports.Partial."""
        self._buffer += chunk
        if len(self._buffer) >= BUFFER:
            await self._hop(self._flush)

    def _flush(self) -> None:
        if not self._buffer:
            return
        with self._errors(f"writing {self.path.name}"):
            handle = self._open()
            view = memoryview(self._buffer)
            done = 0
            try:
                while done < len(view):
                    done += os.write(handle, view[done:])
            finally:
                # What reached the disk before it was full must not be written a second time.
                self._digest(view[:done])
                view.release()
                del self._buffer[:done]

    def _digest(self, chunk: bytes | memoryview) -> None:
        self._sha256.update(chunk)
        if self._crc is not None:
            self._crc = zlib.crc32(chunk, self._crc)
        if len(self._head) < HEAD:
            self._head = (self._head + bytes(chunk[:HEAD]))[:HEAD]
        self._written += len(chunk)

    async def sync(self) -> int:
        """See ports.Partial."""
        await self._hop(self._sync)
        return self._written

    def _sync(self) -> None:
        self._flush()
        if self._handle is not None:
            with self._errors(f"writing {self.path.name}"):
                self._make_durable(self._handle)

    def _make_durable(self, handle: int) -> None:
        """Sync, once: after a failure the system believes its pages clean, so a second try lies."""
        if self._spoilt is not None:
            raise self._spoilt
        try:
            os.fsync(handle)
        except OSError as error:
            self._spoilt = error
            raise

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """As storage_errors; a partial that somebody deleted is an error of the storage, too."""
        with storage_errors(what):
            try:
                yield
            except FileNotFoundError as error:
                raise OSError(errno.EIO, "the partial is gone") from error

    async def finish(self) -> Measured:
        """See ports.Partial."""
        return await self._hop(self._finish)

    def _finish(self) -> Measured:
        self._flush()
        with self._errors(f"writing {self.path.name}"):
            handle = self._open()
            self._make_durable(handle)
            os.lseek(handle, max(0, self._written - TAIL), os.SEEK_SET)
            tail = os.read(handle, TAIL)
            # Close before the name is given: Windows refuses the reverse order.
            self._close()
        crc = "" if self._crc is None else f"{self._crc:08x}"
        return Measured(self._written, self._sha256.hexdigest(), crc, self._head, tail)

    async def publish(self, path: str) -> None:
        """See ports.Partial."""
        await self._hop(lambda: self._publish(path))

    def _publish(self, path: str) -> None:
        with self._errors(f"publishing {path}"):
            final = self._resolve(path)
            make_folder(final.parent)
            give_name(self.path, final)
        self.gone = True

    async def quarantine(self, name: str, evidence: Mapping[str, object]) -> str:
        """See ports.Partial."""
        return await self._hop(lambda: self._quarantine(name, evidence))

    def _quarantine(self, name: str, evidence: Mapping[str, object]) -> str:
        with self._errors(f"setting aside {name}"):
            make_folder(self._corrupted)
            self._close()
            for number in range(1, 1000):
                final = self._corrupted / (name if number == 1 else f"{number}-{name}")
                try:
                    give_name(self.path, final)
                except FileExistsError:
                    continue
                break
            note = final.with_name(f"{final.name}.evidence.json")
            text = json.dumps(dict(evidence), ensure_ascii=False, indent=2)
            note.write_text(f"{text}\n", encoding="utf-8")
            sync_folder(self._corrupted)
        self.gone = True
        return f"{self._corrupted.name}/{final.name}"

    async def discard(self) -> None:
        """See ports.Partial."""
        await self._hop(self._discard)

    def _discard(self) -> None:
        self._close()
        self._buffer.clear()
        with self._errors(f"removing {self.path.name}"):
            self.path.unlink(missing_ok=True)
        self.gone = True

    def _close(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)

    def close(self) -> None:
        """Let the file go without losing it, unless its bytes cannot be believed.

        Safe to repeat; does not block for long.
        """
        self._close()
        if self._spoilt is not None and not self.gone:
            self.path.unlink(missing_ok=True)
