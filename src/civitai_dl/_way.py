"""What there is to know of the way to the service: names, proxies, answer, key and clock."""

from __future__ import annotations

import queue
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from civitai_dl._finding import OK, PROBLEM, WARNING, Finding
from civitai_dl._whoami import Heard, ask_service
from civitai_dl.config import proxies_in_force
from civitai_dl.domain.decisions import MOST_SKEW, Reach

if TYPE_CHECKING:
    from civitai_dl.config import Origin, Settings
    from civitai_dl.domain.entities import Ways
    from civitai_dl.ports import Clock

LOOK_UP_SECONDS = 10.0
"""Seconds for which an address is looked up; systems try for half a minute and longer."""

LATER = "try again later"
OPEN_SITE = "open the site in a browser from this address, then try again later"
NEW_KEY = "make a new key in the account settings of the site, then run `civitai-dl login`"

_REACHES = {
    Reach.REGION_BLOCKED: (
        PROBLEM,
        "the service blocks this region (HTTP 451)",
        "use a connection from another region",
    ),
    Reach.CHALLENGED: (
        PROBLEM,
        "the edge before the service wants to see a browser (HTTP {status})",
        OPEN_SITE,
    ),
    Reach.TURNED_AWAY: (
        PROBLEM,
        "the service refuses whoever asks from here (HTTP {status})",
        OPEN_SITE,
    ),
    Reach.BUSY: (WARNING, "the service asks to slow down (HTTP {status})", LATER),
    Reach.DOWN: (
        WARNING,
        "the service has trouble, or is being maintained (HTTP {status})",
        LATER,
    ),
    Reach.STRANGER: (
        PROBLEM,
        "a page came in place of data (HTTP {status}): maintenance, or this network's login page",
        "open the site in a browser, and sign in to this network if it asks",
    ),
}


async def look_at_the_way(
    settings: Settings, clock: Clock, key_from: Origin | None
) -> list[Finding]:
    """Everything between here and the service, within half a minute; raises nothing expected.

    key_from: where the key of the settings comes from.
    """
    active = proxies_in_force(settings.ways)
    address = await find_address(settings.base_url)
    if active:
        # The proxy may know names that nobody here does.
        address = [replace(one, level=WARNING) for one in address if one.level != OK]
    heard = await ask_service(settings, clock)
    return [
        of_proxies(settings.ways),
        *address,
        of_service(heard, settings.base_url),
        of_key(heard, key_from, has_key=settings.token is not None),
        *of_clock(heard),
    ]


def look_offline(settings: Settings, key_from: Origin | None) -> list[Finding]:
    """What can be told of it without asking anybody."""
    key = of_key(Heard(None), key_from, has_key=settings.token is not None)
    if settings.token is not None:
        key = Finding(OK, "key", "there is an API key ({origin})", {"origin": str(key_from)})
    untold = Finding(OK, "service", "the service was not asked (--offline)")
    return [of_proxies(settings.ways), untold, key]


def of_proxies(ways: Ways) -> Finding:
    """Which proxies are in force, and who names them; passwords are not repeated."""
    active = proxies_in_force(ways)
    if not active:
        return Finding(OK, "proxies", "no proxy is in force")
    names = ", ".join(f"{one.scheme}: {one.url} ({one.origin})" for one in active)
    return Finding(OK, "proxies", "proxies in force: {names}", {"names": names})


async def find_address(base_url: str, *, seconds: float = LOOK_UP_SECONDS) -> list[Finding]:
    """Whether the name of the service has an address; nothing where it is one itself."""
    host = urlsplit(base_url).hostname or ""
    if ":" in host or host.replace(".", "").isdigit():
        return []
    found = await anyio.to_thread.run_sync(_look_up, host, seconds)
    facts = {"host": host}
    if isinstance(found, str):
        text = "no address is known for {host}: {why}"
        todo = "look at your network and its name servers"
        return [Finding(PROBLEM, "address", text, {**facts, "why": found}, todo)]
    facts["addresses"] = ", ".join(found[:4])
    return [Finding(OK, "address", "{host} has the address {addresses}", facts)]


def _look_up(host: str, seconds: float) -> list[str] | str:
    """The addresses of a host, or why there are none."""
    answer: queue.SimpleQueue[list[str] | str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answer.put(list(dict.fromkeys(str(one[4][0]) for one in found)))
        except (OSError, UnicodeError) as error:
            answer.put(getattr(error, "strerror", None) or str(error))

    # The system's own limit is longer than anybody waits, and nothing can interrupt it: whoever
    # still asks at the end of the process is left behind.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return "no answer in time"


def of_service(heard: Heard, base_url: str) -> Finding:
    """Whether the service answers, and if not, what does."""
    facts: dict[str, object] = {"url": base_url, "status": heard.status}
    if heard.untrusted:
        text = "the certificate of {url} is not trusted"
        todo = "somebody may listen on the way: look at this network's proxy and at the clock"
        return Finding(PROBLEM, "service", text, facts, todo)
    if heard.reach is None:
        text, todo = "{url} cannot be reached: {why}", "look at your network, and at --base-url"
        return Finding(PROBLEM, "service", text, {**facts, "why": heard.why}, todo)
    if heard.reach in _REACHES:
        level, text, todo = _REACHES[heard.reach]
        return Finding(level, "service", text, facts, todo)
    facts["time"] = heard.seconds
    return Finding(OK, "service", "{url} answers, within {time}", facts)


def of_key(heard: Heard, key_from: Origin | None, *, has_key: bool) -> Finding:
    """Whether the key is good, as far as the answer tells."""
    facts = {"origin": "" if key_from is None else str(key_from)}
    if not has_key:
        text = "there is no API key: what wants a login cannot be had"
        return Finding(WARNING, "key", text, todo="run `civitai-dl login`")
    if heard.reach is Reach.KNOWN:
        who = f"{heard.name or '?'}, {heard.tier}" if heard.tier else heard.name or "?"
        text = "the API key is good: {who} ({origin})"
        return Finding(OK, "key", text, {**facts, "who": who})
    if heard.reach is Reach.REFUSED:
        text = (
            "Civitai refused the API key ({origin})" if key_from else "Civitai refused the API key"
        )
        return Finding(PROBLEM, "key", text, facts, NEW_KEY)
    text = "there is an API key, which could not be tried ({origin})"
    return Finding(WARNING, "key", text, facts)


def of_clock(heard: Heard) -> list[Finding]:
    """Whether our clock is right, by the service's; nothing where that was not heard."""
    skew = heard.skew
    if skew is None:
        return []
    facts = {"skew": abs(skew)}
    if abs(skew) <= MOST_SKEW:
        return [Finding(OK, "clock", "the clock is right, within {skew}", facts)]
    text = "the clock is {skew} ahead" if skew > 0 else "the clock is {skew} behind"
    todo = "set it: links and dates are misjudged, and certificates may not be trusted"
    return [Finding(WARNING, "clock", text, facts, todo)]
