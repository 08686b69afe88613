"""Faults on order: which request goes wrong, how often, and whether it ever did."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from civitai_dl.testing._service._ranges import with_range
from civitai_dl.testing._wire import Handler, Misbehaviour, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from civitai_dl.testing._service._alterations import Alteration
    from civitai_dl.testing._service._options import Origin

_WIRE = tuple(one.name for one in fields(Misbehaviour))


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, and when.

    It meets the requests whose origin, method and target fit, and is served to the `nth` of them
    (from 1) and the following ones, `times` in all; `every` serves it without end.
    With `status` or `body` the answer is replaced and the service never sees the request; without
    them the true answer is sent, spoiled. Durations are seconds, offsets bytes of the sent body;
    what has no words of its own here is told at Misbehaviour.
    """

    origin: Origin | None = None
    path: str = ""
    """Regular expression, searched in the path with its query, as they stood on the wire."""
    method: str | None = None
    where: Callable[[Request], bool] | None = None
    """Any further condition."""
    nth: int = 1
    times: int = 1
    every: bool = False
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    """Set, or with None taken away."""
    body: bytes | str | dict[str, object] | list[object] | None = None
    """Text and bytes as they are, anything else as JSON."""
    ignore_range: bool = False
    """Answer as if the request had no Range."""
    alter: Alteration | None = None
    """Make the answer from the request and the true service, where no other field can."""
    then: Callable[[], object] | None = None
    """Called when it is served, before the answer is made: the world may change just then."""
    cut_after: int | None = None
    reset_after: int | None = None
    reset: bool = False
    close: bool = False
    delay: float = 0.0
    bytes_per_second: float | None = None
    slow_after: int = 0
    stall_after: int | None = None
    stall: float = 3600.0
    corrupt_at: int | None = None
    omit_length: bool = False
    unframed: bool = False
    claimed_length: int | None = None
    framing: tuple[str, ...] | None = None
    bad_chunk_after: int | None = None
    unterminated: bool = False
    excess: bytes = b""
    preface: bytes = b""
    status_line: str | None = None
    extra_lines: tuple[str, ...] = ()
    cut_head: int | None = None
    head_bytes_per_second: float | None = None

    @property
    def replaces(self) -> bool:
        """Tell whether the service is not asked at all."""
        return self.status is not None or self.body is not None or self.reset or self.close

    def at(
        self, *, path: str | None = None, nth: int = 1, times: int = 1, every: bool = False
    ) -> Fault:
        """Return the same fault for other requests. path: None keeps its own."""
        place = self.path if path is None else path
        return replace(self, path=place, nth=nth, times=times, every=every)

    def misbehaviour(self) -> Misbehaviour:
        """Return what goes wrong on the wire."""
        return Misbehaviour(**{name: getattr(self, name) for name in _WIRE})


@dataclass
class Planted:
    """A fault in place, with its counts."""

    fault: Fault
    met: int = 0
    """Requests that fitted it."""
    served: int = 0
    """Requests that got it."""


class Faults:
    """The faults of one fake. The first planted one whose turn it is wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planted: list[Planted] = []

    def add(self, fault: Fault) -> Planted:
        """Plant a fault; what is returned counts how often it was served."""
        planted = Planted(fault)
        with self._lock:
            self._planted.append(planted)
        return planted

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._planted.clear()

    def unserved(self) -> list[Fault]:
        """Return the faults that no request has met in its turn."""
        with self._lock:
            return [planted.fault for planted in self._planted if not planted.served]

    def assert_all_served(self) -> None:
        """Raise AssertionError when a fault was never served: then the test proves nothing."""
        missed = self.unserved()
        assert not missed, f"never served: {missed}"

    def answer(self, origin: Origin, request: Request, handler: Handler) -> Response:
        """Answer a request by the fault whose turn it is, or truly."""
        fault = self._due(origin, request)
        if fault is None:
            return handler(request)
        if fault.then is not None:
            fault.then()
        if fault.replaces:
            return _replaced(fault)
        if fault.ignore_range:
            request = with_range(request, None)
        true = handler(request) if fault.alter is None else fault.alter(request, handler)
        wire = true.wire if fault.misbehaviour() == Misbehaviour() else fault.misbehaviour()
        return replace(true, headers=_merged(true.headers, fault.headers), wire=wire)

    def _due(self, origin: Origin, request: Request) -> Fault | None:
        with self._lock:
            for planted in self._planted:
                if not _fits(planted.fault, origin, request):
                    continue
                planted.met += 1
                fault = planted.fault
                last = float("inf") if fault.every else fault.nth + fault.times - 1
                if fault.nth <= planted.met <= last:
                    planted.served += 1
                    return fault
        return None


def _fits(fault: Fault, origin: Origin, request: Request) -> bool:
    return (
        fault.origin in (None, origin)
        and fault.method in (None, request.method)
        and re.search(fault.path, request.target) is not None
        and (fault.where is None or fault.where(request))
    )


def _replaced(fault: Fault) -> Response:
    body, kind = fault.body, "text/plain; charset=utf-8"
    if isinstance(body, (dict, list)):
        body, kind = json.dumps(body, ensure_ascii=False), "application/json; charset=utf-8"
    elif isinstance(body, str) and body.lstrip().startswith("<"):
        kind = "text/html; charset=utf-8"
    data = body.encode() if isinstance(body, str) else body or b""
    headers = _merged({"Content-Type": kind}, fault.headers)
    return Response(fault.status or 200, headers, data, fault.misbehaviour())


def _merged(true: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    lower = {name.lower() for name in changes}
    kept = {name: value for name, value in true.items() if name.lower() not in lower}
    return kept | {name: value for name, value in changes.items() if value is not None}
