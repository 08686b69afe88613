"""Nobody listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Event


class NullReporter:
    """Hears everything and says nothing."""

    def emit(self, event: Event) -> None:
        """Let it pass."""
