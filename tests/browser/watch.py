"""What a page must never do: complain, break its own policy, ask a stranger for anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

_REPORT = """
addEventListener("securitypolicyviolation", (event) => console.error(
  `policy: ${event.violatedDirective} against ${event.blockedURI} ${event.sample}`), true);
"""


@dataclass
class Watch:
    """Hears all that happens in a browser context. own: what every address begins with."""

    own: str
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of the complaints that a test provokes."""

    def over(self, context: BrowserContext) -> None:
        """Begin to listen."""
        context.add_init_script(_REPORT)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"error: {error.error}"))
        context.on("request", self._request)
        context.on("page", self._opened)

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text} ({message.page.url})")

    def _request(self, request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith(self.own):
            self.faults.append(f"asked a stranger: {request.url}")

    def _opened(self, page: Page) -> None:
        page.on("dialog", self._dialog)
        page.on("download", lambda one: self.faults.append(f"download: {one.url}"))

    def _dialog(self, dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def told(self) -> list[str]:
        """All that was wrong and is not what the test provoked."""
        return [fault for fault in self.faults if not any(part in fault for part in self.expected)]
