"""Several listeners where one is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from civitai_dl.domain.entities import Event
    from civitai_dl.ports import Reporter


class Fan:
    """Passes each event on to every listener, in their order.

    A listener that raises breaks its promise; the error is let through, for it is a bug.
    """

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self._reporters = tuple(reporters)

    def emit(self, event: Event) -> None:
        """Pass it on."""
        for reporter in self._reporters:
            reporter.emit(event)
