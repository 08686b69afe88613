"""T17: a million titles made to break an archive, as names of files, of versions and of users."""

from __future__ import annotations

import hashlib
import ntpath
import random
import re
import time
import unicodedata
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from civitai_dl.domain.decisions._names import portable_component
from civitai_dl.domain.decisions._place import (
    FOLDER_BYTES,
    file_destinations,
    user_folder,
    version_folder,
)
from civitai_dl.domain.entities import (
    CreatorName,
    File,
    FileId,
    ModelId,
    Placed,
    Version,
    VersionId,
)
from reliability_size import note, pick

TITLES = pick(quick=50_000, full=1_000_000, nightly=1_000_000)
SEEDS = pick(quick=[1], full=[1], nightly=[1, 2, 3])
FILE_BYTES = 231
SIDECARS = (".civitai.info", ".preview.jpeg")
NOWHERE = Placed({}, {})

Scripts = list[tuple[int, int]]

# Blocks of Unicode from which most titles are made; (first, last).
SCRIPTS = [
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x370, 0x3FF),
    (0x400, 0x52F),
    (0x530, 0x58F),
    (0x590, 0x5FF),
    (0x600, 0x6FF),
    (0x900, 0x97F),
    (0xE00, 0xE7F),
    (0x10A0, 0x10FF),
    (0x1100, 0x11FF),
    (0x13A0, 0x13FD),
    (0x1E00, 0x1FFF),
    (0x2000, 0x206F),
    (0x2100, 0x214F),
    (0x2C00, 0x2C5F),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAB70, 0xABBF),
    (0xAC00, 0xD7A3),
    (0xD800, 0xDFFF),
    (0xE000, 0xF8FF),
    (0xF900, 0xFAFF),
    (0xFB00, 0xFDFF),
    (0xFE00, 0xFE0F),
    (0xFF00, 0xFFEF),
    (0xFFF0, 0xFFFF),
    (0x10400, 0x1044F),
    (0x1D400, 0x1D7FF),
    (0x1E900, 0x1E943),
    (0x1F300, 0x1FAFF),
    (0x2F800, 0x2FA1F),
    (0xE0000, 0xE01EF),
    (0x0, 0x10FFFF),
]
ATOMS = [
    *"aAbiIıİsSßẞſσςΣkKKåÅÅéeﬁ＜／＼：．～｜＊？＂１①²ⅷ",
    *"/\\:*?\"<>|.~-_ $%#'`&;!()[]{}\x00\x07\x1b\x7f\x85\t\r\n",
    *"\u200b\u200c\u200d\u200e\u200f\u202e\u2066\u2069\ufeff\u00ad\u3164\u3000\u00a0\u2028",
    *"\u0301\u0327\u0345\u0338\u0323\u20e3\ufe0f\U000e0100",
    *("\ud800", "\udfff", "\ufffe", "\U0010ffff", "\uf03a", "\uf029"),
    *("👩\u200d🎤", "👨\u200d👩\u200d👧", "👍🏽", "🏴\U000e0067\U000e007f", "❤️", "🇯🇵"),
    *("CON", "con", "PRN", "AUX", "NUL", "COM1", "com¹", "LPT9", "CONIN$", "CLOCK$", "nul "),
    *("..", "../", "..\\", "/etc", "C:", "c:\\x", "~1", "AB~1", "MODELS~1.SAF", "\\\\host\\s"),
    *(".safetensors", ".SAFETENSORS", ".pt", ".ckpt", ".zip", ".civitai.info", ".preview.png"),
    *("previews", "PREVIEWS", "Model", "v1.0", "e\u0301", "ｐｔ", ".json", ".part", "-2", "-3"),
]
TWINS: list[Callable[[str], str]] = [
    str.upper,
    str.lower,
    str.casefold,
    str.title,
    str.swapcase,
    lambda text: unicodedata.normalize("NFC", text),
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFKC", text),
    lambda text: unicodedata.normalize("NFKD", text),
    lambda text: f"{text}.",
    lambda text: f" {text} ",
    lambda text: text.replace("a", "\u200ba"),
    lambda text: text.replace("/", "\\").replace("?", "*"),
    lambda text: f"{text}\u0301",
    lambda text: text * 9,
    lambda text: f"{text[:60]}{'あ' * 90}{text[-20:]}",
]


def title(chance: random.Random, scripts: Scripts) -> str:
    """One title that nobody should be allowed to have."""
    kind = chance.random()
    if kind < 0.35:
        return "".join(chance.choices(ATOMS, k=chance.randint(0, 5)))
    first, last = chance.choice(scripts)
    if kind < 0.75:
        count = chance.randint(1, 12)
    else:
        # About as many as fit 231 or 255 bytes or 255 units, whatever a letter takes.
        count = chance.choice((231, 255)) // chance.choice((1, 2, 3, 4)) + chance.randint(-3, 3)
    text = "".join(chr(chance.randint(first, last)) for _ in range(count))
    if kind < 0.5:
        return text + "".join(chance.choices(ATOMS, k=2))
    if kind > 0.9:
        return f"{text}.{'x' * chance.randint(1, 20)}"
    return text


def folders(seed: int, titles: int, scripts: Scripts) -> Iterator[list[tuple[int, str]]]:
    """Folders full of names that are at war with each other: (id, title), `titles` in all."""
    chance = random.Random(seed)
    made = 0
    previous: list[str] = []
    while made < titles:
        size = min(titles - made, chance.randint(2, 24))
        names = [title(chance, scripts) for _ in range(max(1, size // 3))]
        ids = chance.sample(range(1, 10**6), size)
        while len(names) < size:
            base = chance.choice(names)
            way = chance.random()
            if way < 0.5:
                names.append(chance.choice(TWINS)(base)[:400])
            elif way < 0.8:
                # What the suffix will make of somebody else's name, or just may make of it.
                stem, dot, ending = base.rpartition(".")
                mark = f"-{chance.choice(ids)}{chance.choice(('', '', '-2', '-3'))}"
                names.append(f"{stem or base}{mark}{dot}{ending if stem else ''}")
            elif previous:
                names.append(chance.choice(previous))
            else:
                names.append(base)
        chance.shuffle(names)
        yield list(zip(ids, names, strict=False))
        made += size
        previous = names


# A second opinion, written from the manuals of the systems and not from the code under test.
_BAD = re.compile(
    '[/\\\\:*?"<>|\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)
_DEVICE = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$) *(\.|$)", re.IGNORECASE
)
_SHORT = re.compile(r"(?=[^.]{2,8}(\.|$))[^. ]{1,6}~[0-9]+(\.[^. ]{0,3})?")


def complaints(name: str, limit: int) -> list[str]:
    """What some system would hold against a name."""
    size = len(name.encode("utf-8", "surrogatepass"))
    found = {
        "empty": not name,
        "too long": size > limit,
        "too long in UTF-16": len(name.encode("utf-16-le", "surrogatepass")) > 2 * 255,
        "a forbidden character": _BAD.search(name) is not None,
        "its end": name[-1:] in (".", " "),
        "its start": name[:1] in (".", " ", "-", "~"),
        "a device": _DEVICE.match(name) is not None,
        "a short name": len(name) <= 12 and _SHORT.fullmatch(name) is not None,
        "a drive or a root": bool(ntpath.splitdrive(name)[0]) or ntpath.isabs(name),
        "not NFC": not unicodedata.is_normalized("NFC", name),
        "changes when it is named again": portable_component(name, max_bytes=limit) != name,
    }
    return [complaint for complaint, holds in found.items() if holds]


VIEWS: list[Callable[[str], str]] = [
    str.casefold,
    str.upper,
    str.lower,
    lambda name: unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold()),
    lambda name: unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()),
    lambda name: unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()),
    lambda name: unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).upper()),
]
"""How disks look at names: all that they may take for the same must differ in each of these."""


def twins_among(names: list[str]) -> list[str]:
    """Names of one folder that some disk would take for the same."""
    found = []
    for view in VIEWS:
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(view(name), name)
            if other is not name:
                found.append(f"{other!r} and {name!r}")
    return found


def version_of(number: int, name: str, files: tuple[File, ...] = ()) -> Version:
    return Version(id=VersionId(number), model_id=ModelId(7), name=name, files=files)


def files_of(titles: list[tuple[int, str]]) -> tuple[File, ...]:
    return tuple(
        File(id=FileId(number), version_id=VersionId(5), name=name) for number, name in titles
    )


def check_files(titles: list[tuple[int, str]], chance: random.Random) -> list[str]:
    """The files of one version: all kept, apart, portable, the same from run to run."""
    files = files_of(titles)
    version = version_of(5, "v", files)
    placed = file_destinations(version, files, NOWHERE)
    prefix = "model_0/7/5-v/"
    names = [path.removeprefix(prefix) for path in placed.values()]
    bad = [f"{name!r}: {why}" for name in names for why in complaints(name, FILE_BYTES)]
    bad += [f"{name!r}: no room for a sidecar" for name in names if not _has_room(name)]
    bad += [f"{path!r}: outside" for path in placed.values() if path.count("/") != 3]
    bad += twins_among([*names, "previews"])
    if set(placed) != {number for number, _ in titles}:
        bad.append("a file has no place")
    shuffled = tuple(chance.sample(files, len(files)))
    if chance.random() < 0.3 and file_destinations(version, shuffled, NOWHERE) != placed:
        bad.append("another order, other places")
    # A run that knows only some of them, and one after it that finds the others.
    some = {FileId(number): placed[number] for number, _ in titles if chance.random() < 0.5}
    later = file_destinations(version, files, Placed({5: "5-v"}, some))
    if any(later[number] != path for number, path in some.items()):
        bad.append("a file was moved")
    bad += twins_among([*(path.removeprefix(prefix) for path in later.values()), "previews"])
    return bad


def _has_room(name: str) -> bool:
    return all(len((name + tail).encode("utf-8", "surrogatepass")) <= 255 for tail in SIDECARS)


def check_versions(titles: list[tuple[int, str]]) -> list[str]:
    """The version folders of one model: portable, apart, and with the id to be found by."""
    made = [version_folder(version_of(number, name), NOWHERE) for number, name in titles]
    names = [path.removeprefix("model_0/7/") for path in made]
    bad = [f"{name!r}: {why}" for name in names for why in complaints(name, FOLDER_BYTES)]
    bad += [f"{path!r}: outside" for path in made if path.count("/") != 2]
    numbers = [int(name.split("-", 1)[0]) for name in names]
    if numbers != [number for number, _ in titles]:
        bad.append(f"ids lost: {names!r}")
    return bad + twins_among([*names, "gallery", "description_files", "model.json"])


class Users:
    """The folders of all users, as disks see them: eight bytes for a folder, eight for its user."""

    def __init__(self) -> None:
        self.folders = [array("Q") for _ in VIEWS]
        self.users = array("Q")
        self.known: set[int] = set()

    def check(self, username: str) -> list[str]:
        """The folder of a user, and of one who is called like that folder, is portable."""
        bad = self._check(username)
        crafted = user_folder(CreatorName(username)).split("/")[1]
        # One in four is enough to meet whatever a digest does not keep apart.
        if crafted != username and len(username) % 4 == 0:
            bad += self._check(crafted)
        return bad

    def _check(self, username: str) -> list[str]:
        path = user_folder(CreatorName(username))
        head, name, tail = path.split("/")
        known = digest(username)
        if known not in self.known:
            self.known.add(known)
            # Names that differ in case only, or in how accents are written, are one user.
            self.users.append(digest(unicodedata.normalize("NFC", username).lower()))
            for view, seen in zip(VIEWS, self.folders, strict=True):
                seen.append(digest(view(name)))
        bad = [f"{name!r}: {why}" for why in complaints(name, 255)]
        return bad if (head, tail) == ("users", "images") else [*bad, f"{path!r}: outside"]

    def shared(self) -> set[int]:
        """Folders that some disk would give to more than one user."""
        found = set()
        for seen in self.folders:
            pairs = sorted(zip(seen, self.users, strict=True))
            found |= {
                one for (one, mine), (other, its) in pairwise(pairs) if one == other and mine != its
            }
        return found

    @staticmethod
    def named(folders: set[int], titles: Iterator[list[tuple[int, str]]]) -> list[str]:
        """Who has these folders; found by going through all titles once more."""
        names = (name for group in titles for _, name in group)
        found = []
        for username in names:
            path = user_folder(CreatorName(username))
            if folders & {digest(view(path.split("/")[1])) for view in VIEWS}:
                found.append(f"{username!a} has {path!a}")
        return found


def digest(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


CASED: dict[str, Scripts] = {
    "Greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF), (0x300, 0x345)],
    "Latin": [(0x41, 0x17F), (0x300, 0x36F), (0x1E00, 0x1EFF), (0x2100, 0x214F), (0xFB00, 0xFB17)],
    "others": [
        (0x400, 0x58F),
        (0x10A0, 0x10FF),
        (0x13A0, 0x13FD),
        (0x1C80, 0x1CBF),
        (0xA640, 0xA7FF),
    ],
}
"""Where case, composition and accents meet; letters of few blocks meet more often."""


def search(seed: int, count: int, scripts: Scripts, part: str) -> None:
    """Fail with the folder, the seed and what is wrong, when any title breaks a name."""
    chance, users, done, began = random.Random(seed), Users(), 0, time.monotonic()
    for titles in folders(seed, count, scripts):
        done += len(titles)
        bad = check_files(titles, chance) + check_versions(titles)
        bad += [why for _, name in titles for why in users.check(name)]
        if bad:
            pytest.fail(f"seed {seed}, title {done}: {titles!a}\n" + "\n".join(map(ascii, bad)))
    assert done == count
    shared = users.shared()
    assert not shared, (seed, Users.named(shared, folders(seed, count, scripts)))
    note("names", part=part, seed=seed, seconds=time.monotonic() - began, titles=count, wrong=0)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_title_breaks_a_name(seed: int) -> None:
    """Whatever things are called, names are portable, apart, inside, and the same every time."""
    search(seed, TITLES, SCRIPTS, f"all {seed}")


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CASED)
def test_no_title_in_letters_with_case_breaks_a_name(name: str, seed: int) -> None:
    """Where case and accents meet, what one disk takes for the same is kept apart, too."""
    search(seed, TITLES // 20, CASED[name], f"{name} {seed}")
