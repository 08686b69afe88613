"""How many tasks of a lane may be at work at once: fewer when handles are scarce, or in trouble."""

from __future__ import annotations

from dataclasses import dataclass, replace

CLEAN = 20
"""Tasks that must end well before one more is allowed again."""


@dataclass(frozen=True, slots=True)
class Width:
    """most: as configured. now: at present. clean: tasks that ended well since it was changed.

    needed: of them so many allow one more; few for a lane that only begins, for each that ends well
    then lets in two.
    """

    most: int
    now: int
    clean: int = 0
    needed: int = CLEAN

    def narrowed(self) -> Width:
        """Half of it, and at least one."""
        return replace(self, now=max(1, self.now // 2), clean=0, needed=CLEAN)

    def succeeded(self) -> Width:
        """One more ended well; after enough of them, one more may be at work."""
        if self.now >= self.most:
            return self
        if self.clean + 1 < self.needed:
            return replace(self, clean=self.clean + 1)
        return replace(self, now=self.now + 1, clean=0)
