"""A stream that a reporter can write to without a thought for what may become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Sink:
    """Writes text; a sign the stream cannot encode becomes `?`.

    A stream that breaks (closed pipe, terminal gone, disk full) is written to no more: a listener
    must not raise, and a run does not end because nobody watches it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.broken = False

    @property
    def encoding(self) -> str:
        """The encoding of the stream, "utf-8" when it has none."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write text; returns its length."""
        if not self.broken:
            try:
                self._stream.write(self._encodable(text))
            except (OSError, ValueError):
                # ValueError: a file that was closed.
                self.broken = True
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        if not self.broken:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.broken = True

    def line(self, text: str) -> None:
        """Write one line, at once."""
        self.write(text + "\n")
        self.flush()

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""
        return not self.broken and self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor. Raises: OSError where there is none."""
        return self._stream.fileno()

    def _encodable(self, text: str) -> str:
        if text.isascii():
            return text
        return text.encode(self.encoding, "replace").decode(self.encoding)
