"""What the listing tells already of a file that will be refused."""

from __future__ import annotations

from ..entities import Model, Reason, Unavailable, Version

FREE = "Download"
"""The word for files that may be downloaded; any other is for generating on the site only."""


def foretell(model: Model, version: Version) -> Unavailable | None:
    """Why the files of a version will be refused, as far as its page says; None when it does not.

    A page does not say all: that a login is needed, that this key has no permission, or (in lists)
    that the creator disabled downloads comes to light when the link is asked for (server source).
    Who has bought early access gets the file all the same, so the run asks in any case.
    """
    if model.mode == "Archived":
        return Unavailable(Reason.ARCHIVED, "the model is archived; it has no downloads")
    until = version.early_access_until
    if until is not None:
        return Unavailable(Reason.EARLY_ACCESS, "early access", until=until.timestamp())
    if version.sold:
        return Unavailable(Reason.EARLY_ACCESS, "for those who bought it, for good")
    if version.usage not in (None, FREE):
        return Unavailable(Reason.DOWNLOADS_DISABLED, "the creator disabled downloads")
    return None
