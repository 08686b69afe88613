"""Every error a caller may meet, named by what to do next.

CivitaiDLError                    what happened, to which task, and a hint
  UsageError                      correct the command and run it again (exit 2)
    TargetError                   a line or argument that names nothing Civitai has
    ConfigError                   a setting that cannot be read
      ProxyRefused                the proxy wants another user or password
  SourceError                     the Civitai API did not give what was asked
    NotFound                      404, 410: it is not there (or not there yet)
    NeedsLogin                    401: a key is needed, or the creator disabled downloads
    KeyRefused                    the key given is not valid (exit 3)
    NotPermitted                  403: early access, no grant, blocked
    Throttled                     429, 503: the service asks to slow down
    Unavailable                   5xx, network trouble, maintenance, timeouts
    Rejected                      400, 451 and other final refusals of the request itself
    UnexpectedShape               an answer that is not what the service documents
  TransferError                   bytes did not arrive
    ConnectionLost                reset, early end: continue where it stopped
      ProxyTrouble                the proxy on the way, not the host behind it
    Stalled                       the connection lives but nothing comes
    LinkExpired                   a signed link is no longer accepted: ask for a new one
    BadAnswer                     a page or error text came where a file is due
  StorageError                    the disk (exit 4)
    StorageFull                   no space is left: the run waits, and goes on by itself
      NotEnoughRoom               this one file is too large for what is left
    StorageDenied                 not permitted, read-only, directory gone
    StorageBroken                 the disk itself failed (I/O error)
    StorageUnfit                  the file system cannot hold such a file, or such a name
    OutOfHandles                  too many files are open
  CatalogError                    the state database
    CatalogTooNew                 written by a newer civitai-dl
  Busy                            another run uses the directory (exit 5)
"""

from __future__ import annotations

import errno


class CivitaiDLError(Exception):
    """What happened, in one sentence; `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CivitaiDLError):
    """The command cannot be carried out as it was given."""


class TargetError(UsageError):
    """A text that names no model, version, creator, image or post."""


class ConfigError(UsageError):
    """A setting that cannot be read or does not fit."""


class ProxyRefused(ConfigError):
    """The proxy wants a user and password, or others; asking again would only lock the account."""


class SourceError(CivitaiDLError):
    """The Civitai API did not give what was asked for.

    status: the HTTP status, 0 when no answer came. `reason` is the service's own text, cut to
    200 characters; it never holds a key or a signed link.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class NotFound(SourceError):
    """404 or 410. `gone` is True when the service says it is final (410, archived)."""

    def __init__(self, message: str, *, gone: bool = False, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # same keywords, passed on
        self.gone = gone


class NeedsLogin(SourceError):
    """401 without a valid key; `disabled` when the creator turned downloads off."""

    def __init__(self, message: str, *, disabled: bool = False, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # same keywords, passed on
        self.disabled = disabled


class KeyRefused(SourceError):
    """The key itself is not accepted by /me."""


class NotPermitted(SourceError):
    """403. `deadline` is the ISO time at which an early access ends, where the service tells it."""

    def __init__(self, message: str, *, deadline: str | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # same keywords, passed on
        self.deadline = deadline


class Throttled(SourceError):
    """429 or 503. retry_after: seconds asked for, None when the service does not say.

    `quota` marks the rolling 24-hour download quota, whose 429 carries no Retry-After; `blocked`
    an edge in front of the service that lets nothing of us through.
    """

    def __init__(
        self, message: str, *, quota: bool = False, blocked: bool = False, **facts: object
    ) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # same keywords, passed on
        self.quota = quota
        self.blocked = blocked


class Unavailable(SourceError):
    """The service or the way to it is down: 5xx, HTML instead of JSON, DNS, resets, timeouts."""


class Rejected(SourceError):
    """The request itself is refused for good: 400, 405, too many pages, region blocked."""


class UnexpectedShape(SourceError):
    """An answer that cannot be read as what was asked for."""


class TransferError(CivitaiDLError):
    """Bytes did not arrive; status is the HTTP status of the answer, 0 when none came."""

    def __init__(
        self, message: str, *, status: int = 0, retry_after: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after


class ConnectionLost(TransferError):
    """The connection broke or ended early."""


class ProxyTrouble(ConnectionLost):
    """The proxy cannot be reached, does not let us through, or is none."""


class Stalled(TransferError):
    """Nothing arrived for the whole read timeout."""


class LinkExpired(TransferError):
    """The storage host no longer accepts the signed link."""


class BadAnswer(TransferError):
    """The far side answered with something that is not the file."""


class StorageError(CivitaiDLError):
    """The archive's disk did not do what was asked."""


class StorageFull(StorageError):
    """No space, or no quota, is left on the volume."""


class NotEnoughRoom(StorageFull):
    """A file that is known to be larger than what is free; nothing of it was written.

    needed, lacking: bytes.
    """

    def __init__(self, needed: int, lacking: int) -> None:
        super().__init__(
            f"not enough room: {needed:,} bytes are to come, {lacking:,} are lacking",
            hint="free some space: it goes on by itself",
        )
        self.needed = needed
        self.lacking = lacking


class StorageDenied(StorageError):
    """Permission denied, read-only file system, or a directory that is gone."""


class StorageBroken(StorageError):
    """An I/O error: what was written to this file last may not be what is on the disk."""


class StorageUnfit(StorageError):
    """The file system takes other files, but not this one: too large, or its name too long."""


class OutOfHandles(StorageError):
    """The system, or this process, has no file handles left; connections need them, too."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"too many open files: {what}",
            hint="raise the limit of open files (ulimit -n), or use a lower --concurrency",
        )

    @staticmethod
    def explains(error: BaseException) -> bool:
        """Whether this is why an error of the operating system came about."""
        return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


class CatalogError(CivitaiDLError):
    """The state database cannot be used."""


class CatalogTooNew(CatalogError):
    """The state database was written by a newer civitai-dl; it was not touched."""


class Busy(CivitaiDLError):
    """Another run holds the directory; the message names its process."""
