"""When is a model done? One small record per model, and counters that are always up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.domain.entities import ModelId


class _Record:
    """How one model stands. pages, open: its unread pages and unsettled files.

    inherited: its files were planned by an earlier run, so how many are left is only known for all
    such models together.
    """

    __slots__ = ("failed", "inherited", "open", "pages", "retrying")

    def __init__(self, *, inherited: bool) -> None:
        self.pages = 0
        self.open = 0
        self.retrying = 0
        self.failed = False
        self.inherited = inherited

    @property
    def quiet(self) -> bool:
        return not self.pages and not self.open


class ModelBook:
    """Counts models; costs one record per model, and no look at all of them at any time."""

    def __init__(self) -> None:
        self._records: dict[ModelId, _Record] = {}
        self._quiet = 0
        self._quiet_inherited = 0
        self.failed = 0
        self.retrying = 0

    @property
    def total(self) -> int:
        """Models met so far."""
        return len(self._records)

    def done(self, *, inheritance_settled: bool) -> int:
        """Models of which nothing is open; inherited ones only when nothing inherited is open."""
        return self._quiet + (self._quiet_inherited if inheritance_settled else 0)

    def knows(self, model_id: ModelId) -> bool:
        """Whether the model was met."""
        return model_id in self._records

    def meet_page(self, model_id: ModelId) -> None:
        """A page of the model is to be read."""
        self._add(self._record(model_id), pages=1)

    def settle_page(self, model_id: ModelId) -> bool:
        """A page of the model was read, or never will be; whether one was waiting for that."""
        record = self._record(model_id)
        if not record.pages:
            return False
        self._add(record, pages=-1)
        return True

    def meet_file(self, model_id: ModelId) -> None:
        """A file of the model is to be stored."""
        self._add(self._record(model_id), files=1)

    def touch_file(self, model_id: ModelId) -> None:
        """A file of the model is being worked on, be it met by this run or by an earlier one."""
        record = self._record(model_id, inherited=True)
        if not record.open and not record.inherited:
            # The file is none of those that were met: an earlier run left it, and maybe others.
            self._count(record, -record.quiet)
            record.inherited = True
            self._count(record, record.quiet)

    def settle_file(self, model_id: ModelId) -> bool:
        """A file of the model is settled; whether it was one that this run had met."""
        self.touch_file(model_id)
        record = self._record(model_id)
        if not record.open:
            return False
        self._add(record, files=-1)
        return True

    def fail(self, model_id: ModelId) -> None:
        """Something of the model was given up."""
        record = self._record(model_id)
        self.failed += not record.failed
        record.failed = True

    def drop(self, model_id: ModelId) -> None:
        """Nothing of the model is to be done any more."""
        record = self._records.get(model_id)
        if record is not None:
            self._add(record, pages=-record.pages, files=-record.open)
            self.retry(model_id, -record.retrying)

    def retry(self, model_id: ModelId, change: int) -> None:
        """One thing of the model more (1) or less (-1) is waiting to be tried again."""
        record = self._record(model_id)
        before = record.retrying
        record.retrying = max(0, before + change)
        self.retrying += (record.retrying > 0) - (before > 0)

    def _record(self, model_id: ModelId, *, inherited: bool = False) -> _Record:
        record = self._records.get(model_id)
        if record is None:
            record = self._records[model_id] = _Record(inherited=inherited)
            self._count(record, 1)
        return record

    def _add(self, record: _Record, *, pages: int = 0, files: int = 0) -> None:
        if record.quiet:
            self._count(record, -1)
        record.pages += pages
        record.open += files
        if record.quiet:
            self._count(record, 1)

    def _count(self, record: _Record, change: int) -> None:
        if record.inherited:
            self._quiet_inherited += change
        else:
            self._quiet += change
