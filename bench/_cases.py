"""The cases of the fault matrix, and how one of them ends in the hands of another downloader."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from _peers import ROOT, Peer

# The matrix is not a package: its modules find each other by name, and so do we.
for _folder in ("tests", "tests/scenario", "tests/matrix"):
    sys.path.insert(0, str(ROOT / _folder))

from kinds import KINDS  # noqa: E402  # the path had to be told first
from places import AFTER, MODES, POSITIONS, Kind, Mode, Origin, Place  # noqa: E402  # as above
from stage import HELD  # noqa: E402  # as above

from civitai_dl.testing import FakeCivitai, Fault  # noqa: E402  # as above
from civitai_dl.testing._service._context import ACCOUNT  # noqa: E402  # as above
from civitai_dl.testing._wire import Request  # noqa: E402  # as above
from civitai_dl.testing._world import image_bytes  # noqa: E402  # as above
from civitai_dl.testing._world._render import file_body  # noqa: E402  # as above

LIMIT = 20.0
"""Seconds after which a case counts as one that hangs."""

EXACT, TOLD, SILENT = "exact", "told", "SILENT"
SHORT, WRONG, CRASHES, HANGS = "short left", "wrong left", "crashes", "hangs"
CLASSES = (EXACT, TOLD, SHORT, WRONG, CRASHES, HANGS, SILENT)
"""How a case ends.

exact: exit status 0 and the true bytes. told: another exit status, or nothing under the final name.
short left, wrong left: told, but the first bytes, or wrong bytes, lie under the final name with
nothing that marks them as unfinished. crashes: it died of a signal or of a bug of its own. SILENT:
exit status 0 and wrong bytes under the final name.
"""

STEP = 5
"""Coprime to the number of cases of a kind, so that a sample goes round all of them."""


@dataclass(frozen=True)
class Label:
    """What a case is called; unlike a case it can be handed from process to process."""

    origin: str
    kind: str
    ids: str
    position: str
    mode: str

    def words(self) -> str:
        """In a sentence."""
        return f"{self.origin} {self.kind}, {self.position}, {self.mode}"


@dataclass(frozen=True)
class Case:
    """A kind of trouble at a place of a transfer, fresh or resumed."""

    kind: Kind
    position: str | int
    mode: Mode

    @property
    def label(self) -> Label:
        """The same in words."""
        return Label(self.kind.origin, self.kind.name, self.kind.ids, str(self.position), self.mode)


@dataclass(frozen=True)
class Ending:
    """How a case ended. met: whether each of its faults was served.

    again: how the same command ended when it was given once more without trouble, None if nobody
    would give it.
    """

    case: Label
    tool: str
    how: str
    met: bool
    seconds: float
    status: int | None = None
    again: str | None = None
    note: str = ""


def cases(size: str) -> list[Case]:
    """All cases with files and images, or a sample in which each kind occurs once."""
    found = []
    kinds = [kind for kind in KINDS if kind.origin != "api"]
    for number, kind in enumerate(kinds):
        every = [Case(kind, position, mode) for mode in MODES for position in POSITIONS]
        sample = every[(number * STEP + number // len(every)) % len(every)]
        found += every if size == "full" else [sample]
    return found


@dataclass
class Left:
    """What a peer's broken run left, and where the peer goes on from it."""

    folder: Path
    offset: int


@dataclass
class Lane:
    """One service and one case at a time. lefts: shared by the lanes of a process."""

    fake: FakeCivitai
    folder: Path
    lefts: dict[tuple[str, str, int], Left] = field(default_factory=dict)

    def address(self, origin: str) -> tuple[str, str]:
        """The URL to give a peer, and the name for the file."""
        truth = self.fake.world.truth
        if origin == "cdn":
            image = truth.previews(2).popitem()[1][0]
            return f"{self.fake.cdn_url}/{ACCOUNT}/{image.uuid}/original=true/2.webp", "2.webp"
        (file,) = [one for one in truth.files() if one.model_id == 1]
        return f"{self.fake.base_url}/api/download/models/{file.version_id}", file.name

    def true_bytes(self, origin: str) -> bytes:
        """What a case with this origin should bring."""
        truth = self.fake.world.truth
        if origin == "cdn":
            image = truth.previews(2).popitem()[1][0]
            return bytes(image_bytes(truth.index.images[image.image_id]))
        (file,) = [one for one in truth.files() if one.model_id == 1]
        return bytes(file_body(truth.index.files[file.file_id][2]).read(0, file.size))

    async def play(self, peer: Peer, case: Case) -> Ending:
        """The whole case: what an earlier run left, the trouble, and once more without it."""
        began = time.monotonic()
        origin = case.kind.origin
        truth = self.true_bytes(origin)
        at = self.folder / "work"
        place = Place(case.position, case.mode, len(truth), len(truth), self.fake)
        if case.mode == "resume":
            left = await self._left(peer, origin, truth, place)
            shutil.copytree(left.folder, at)
            # Where all bytes are there already, the place is in the answer to the whole file.
            size = len(truth) - (left.offset if place.position != AFTER else HELD)
            place = replace(place, size=size)
        else:
            at.mkdir()
        self._calm()
        if case.mode == "resume":
            self.fake.faults.add(_look_first(origin))
        planted = [self.fake.faults.add(fault) for fault in case.kind.plant(place)]
        try:
            status = await self._call(peer, origin, truth, at)
            met = all(one.served for one in planted)
            how, note = judged(peer, at, status, truth)
            again = None
            if how not in (EXACT, SILENT):
                self._calm()
                once_more = await self._call(peer, origin, truth, at)
                again = judged(peer, at, once_more, truth)[0]
        finally:
            self.fake.faults.clear()
            shutil.rmtree(at)
        seconds = time.monotonic() - began
        return Ending(case.label, peer.name, how, met, seconds, status, again, note)

    def _calm(self) -> None:
        self.fake.faults.clear()
        self.fake.account.clear()

    async def _left(self, peer: Peer, origin: str, truth: bytes, place: Place) -> Left:
        """Let the peer break off with HELD bytes, or with all of them and no end; see its Range."""
        held = len(truth) if place.position == AFTER else HELD
        key = (peer.name, origin, held)
        if key in self.lefts:
            return self.lefts[key]
        at = self.folder / f"left-{peer.name}-{origin}-{held}"
        at.mkdir()
        end = {"omit_length": True, "unterminated": True}
        what = end if held == len(truth) else {"cut_after": held}
        self._calm()
        self.fake.faults.add(Fault(origin=origin, every=True, **what))
        await self._call(peer, origin, truth, at, first=True)
        probe = self.folder / "probe"
        shutil.copytree(at, probe)
        self._calm()
        await self._call(peer, origin, truth, probe)
        asked = [seen.headers.get("range", "") for seen in self.fake.account.of(origin=origin)]
        starts = [int(one.removeprefix("bytes=").split("-")[0]) for one in asked if one]
        shutil.rmtree(probe)
        self.lefts[key] = Left(at, starts[0] if starts else 0)
        return self.lefts[key]

    async def _call(
        self, peer: Peer, origin: str, truth: bytes, at: Path, *, first: bool = False
    ) -> int | None:
        """Run the peer; its exit status, None when it had to be ended."""
        address, name = self.address(origin)
        digest = hashlib.sha256(truth).hexdigest()
        command = peer.command(at, name, address, digest, first=first)
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        # No proxy, no settings, no cookies of whoever runs this.
        known = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
        process = await anyio.open_process(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=known,
            start_new_session=True,
        )
        with anyio.move_on_after(LIMIT):
            return await process.wait()
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return None


def _look_first(origin: Origin) -> Fault:
    """Lets through what comes before the first request for a part.

    aria2 asks for the whole, reads the head, hangs up, and only then asks for what it lacks.
    """
    asked = False

    def still_looking(request: Request) -> bool:
        nonlocal asked
        asked = asked or request.header("range") is not None
        return not asked

    return Fault(origin=origin, every=True, where=still_looking)


def judged(peer: Peer, folder: Path, status: int | None, truth: bytes) -> tuple[str, str]:
    """The class of an end, and what lies there when that is worth a word."""
    found = [path.read_bytes() for path in peer.published(folder)]
    if status is None:
        return HANGS, ""
    if status < 0:
        return CRASHES, f"signal {-status}"
    wrong = [data for data in found if data != truth]
    if status == 0:
        if wrong:
            return SILENT, _difference(wrong[0], truth)
        return (EXACT, "") if found else (TOLD, "exit status 0, no file")
    if not wrong:
        return TOLD, "the true bytes all the same" if found else ""
    if all(truth.startswith(data) for data in wrong):
        return SHORT, _difference(wrong[0], truth)
    return WRONG, _difference(wrong[0], truth)


def _difference(found: bytes, truth: bytes) -> str:
    shared = next(
        (at for at, (one, two) in enumerate(zip(found, truth, strict=False)) if one != two),
        min(len(found), len(truth)),
    )
    return f"{len(found)} bytes of {len(truth)}, the first {shared} are true"
