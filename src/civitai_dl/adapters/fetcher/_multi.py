"""libcurl's transfers, driven by the events of the running loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pycurl

MOST_KEPT = 64
"""Connections that are kept for later requests, where there are handles enough."""

SHARE_KEPT = 8
"""Of so many handles that this process may have one is for a connection that is kept: nobody uses
it meanwhile, and files need some."""

Ended = Callable[[int], None]


def most_kept(handles: int | None) -> int:
    """How many connections are kept. handles: what the system allows, None for no limit."""
    return MOST_KEPT if handles is None else max(1, min(MOST_KEPT, handles // SHARE_KEPT))


def _handles() -> int | None:
    if sys.platform == "win32":
        return None
    import resource  # not there on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


class Multi:
    """Transfers that share connections. libcurl says which sockets and which moment it waits for.

    One belongs to the loop that runs when it is made. None of its methods may be called from one of
    libcurl's own callbacks: it is not made for that.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended: dict[pycurl.Curl, Ended] = {}
        self._watched: dict[int, int] = {}
        self._timer: asyncio.Handle | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most_kept(_handles()))

    def add(self, easy: pycurl.Curl, ended: Ended) -> None:
        """Begin a transfer. ended: told libcurl's code, 0 for none, once it is over."""
        self._ended[easy] = ended
        self._multi.add_handle(easy)

    def remove(self, easy: pycurl.Curl) -> None:
        """Break a transfer off, and close its connection. Safe to repeat, and when it is over."""
        if self._ended.pop(easy, None) is not None:
            self._multi.remove_handle(easy)

    def close(self) -> None:
        """Break off what is left and close every connection. Safe to repeat."""
        for easy in tuple(self._ended):
            self.remove(easy)
        self._multi.close()
        self._set_timer(-1)
        for handle, mask in self._watched.items():
            self._unwatch(handle, mask)
        self._watched.clear()

    def _watch(self, what: int, handle: int, _multi: object, _data: object) -> None:
        before = self._watched.pop(handle, 0)
        now = 0 if what == pycurl.POLL_REMOVE else what
        if now:
            self._watched[handle] = now
        self._unwatch(handle, before & ~now)
        if now & ~before & pycurl.POLL_IN:
            self._loop.add_reader(handle, self._act, handle, pycurl.CSELECT_IN)
        if now & ~before & pycurl.POLL_OUT:
            self._loop.add_writer(handle, self._act, handle, pycurl.CSELECT_OUT)

    def _unwatch(self, handle: int, mask: int) -> None:
        if mask & pycurl.POLL_IN:
            self._loop.remove_reader(handle)
        if mask & pycurl.POLL_OUT:
            self._loop.remove_writer(handle)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds == 0:
            self._timer = self._loop.call_soon(self._time_came)
        elif milliseconds > 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._time_came)

    def _time_came(self) -> None:
        self._timer = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, handle: int, mask: int) -> None:
        self._multi.socket_action(handle, mask)
        left = 1
        while left:
            left, done, failed = self._multi.info_read()
            for easy in done:
                self._end(easy, 0)
            for easy, code, _ in failed:
                self._end(easy, code)

    def _end(self, easy: pycurl.Curl, code: int) -> None:
        ended = self._ended.pop(easy, None)
        if ended is not None:
            self._multi.remove_handle(easy)
            ended(code)
