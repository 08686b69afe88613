"""Portable names: what may a file or folder be called on every disk.

Civitai names are free text: any script, emoji, slashes, device names, thousands of bytes. A path
component made here is valid on Windows, macOS and Linux at once, whatever system wrote it, so that
an archive can be moved. Readability comes second: Japanese, emoji and other scripts stay.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Final

MAX_COMPONENT_BYTES: Final = 255
"""Longest component, in UTF-8 bytes: what ext4 counts, never fewer than what NTFS counts."""

SIDECAR_ROOM: Final = 24
"""Bytes left free behind a placed name, for `.civitai.info`, `.preview.jpeg`, `.json`, `.part`."""

_MIN_PLACED_BYTES: Final = 64  # stem, "-" and 19 digits of an id, and an extension always fit
_LONGEST_CLUSTER: Final = 16  # code points of one visible character; beyond it, text is a prank

_MARK = re.compile(r"-[0-9a-f]{16}\Z")

# Written out, not asked of unicodedata: a name should not change with the interpreter. What is left
# to it (composition, case, what combines) only differs for characters newer than the interpreter.
_SPACES: Final = " \xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_JOINERS: Final = "\u180b-\u180d\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"
_BREAKS: Final = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")
# Bidirectional controls turn "gpj.exe" into "exe.jpg"; the rest shows nothing at all. Joiners and
# variation selectors are invisible too, but emoji, Persian and Japanese names are spelt with them.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# Behind the characters that Windows forbids: lone surrogates are no UTF-8; U+F000..F0FF is where
# SMB, Cygwin and WSL hide those same forbidden characters; noncharacters are refused by APFS.
_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0, 0x110000, 0x10000)
)
_FORBIDDEN: Final = re.compile(
    f'[/\\\\:*?"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff\uf000-\uf0ff{_NONCHARACTERS}]'
)
_LEADING: Final = re.compile(f"[{_SPACES}{_JOINERS}]+")
# What HFS+ and a caseless ext4 skip when they compare two names.
_IGNORED: Final = re.compile(f"{_INVISIBLE.pattern[:-1]}{_JOINERS}\u180f]")

_EXTENSION: Final = re.compile(r"\.(?=[0-9]*[A-Za-z_])[0-9A-Za-z_]{1,16}\Z")
# `MODELS~1.SAF` opens `models-of-mine.safetensors` on a Windows disk that keeps short names.
_SHORT_NAME: Final = re.compile(r"(?=[^.]{2,8}(?:\.|\Z))[^. ]*~[0-9]+(?:\.[^. ]{0,3})?")
_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)]
)


def portable_component(
    name: str, *, max_bytes: int = MAX_COMPONENT_BYTES, fallback: str = "_"
) -> str:
    r"""Turn any text into one file or folder name that every common system accepts.

    Deterministic and idempotent; never empty, `.` or `..`. The result is in NFC and differs from
    `name` only as follows:

    - line breaks and tabs become a space; invisible and bidirectional controls vanish
    - other control characters, lone surrogates and any of `/ \ : * ? " < > |` become `_`
    - white space in front, and white space and dots at the end, go
    - a leading `.` (hidden), `-` (option) or `~` (home), and a Windows device name with or without
      extension (`NUL.txt`, `COM1`), get a `_` in front
    - the `~` of a DOS short name (`MODELS~1.SAF`) becomes `_`
    - beyond `max_bytes` the stem is cut between two visible characters and the extension stays

    max_bytes: of UTF-8, at least 1.
    fallback: stands for a name of which nothing visible is left; it is made portable as well.
    Raises: ValueError when max_bytes is below 1.
    Two names may give one result: `place_names` keeps them apart.
    """
    if max_bytes < 1:
        raise ValueError(f"a name needs at least one byte, not {max_bytes}")
    for wish in (name, fallback):
        component = _within(_visible(wish), max_bytes)
        if component:
            return _guarded(component, max_bytes)
    return "_"


def name_key(component: str) -> str:
    """Tell which names one disk may take for the same: those with equal keys.

    Covers case (full folding, both directions), NFC, NFD and compatibility forms, and characters
    that comparison skips. Stricter than any single file system, so that the archive may move.
    Idempotent. Compare only keys made by one interpreter: case tables grow with Unicode.
    """
    if component.isascii():
        return component.lower()
    key = unicodedata.normalize("NFKC", component)
    while True:
        # Apart before the case changes: an iota below is a letter of its own in upper case, and
        # would take the accents of its vowel along. Upper before fold: NTFS compares in upper case,
        # where the dotless i meets the other one.
        caseless = unicodedata.normalize("NFKD", key).upper().casefold()
        folded = _IGNORED.sub("", unicodedata.normalize("NFKC", _iotas_last(caseless)))
        if folded == key:
            return key
        key = folded


def _iotas_last(caseless: str) -> str:
    """Move each iota behind the accents around it.

    Whether an accent stands on a vowel or on the iota that was below it depends on what a disk does
    first, composing or changing case; here both come out alike.
    """
    text = unicodedata.normalize("NFKD", caseless)
    if "\u03b9" not in text:
        return text
    found: list[str] = []
    iotas = 0
    for letter in text:
        if letter == "\u03b9":
            iotas += 1
            continue
        if not unicodedata.combining(letter):
            found.append("\u03b9" * iotas)
            iotas = 0
        found.append(letter)
    return "".join(found) + "\u03b9" * iotas


def split_extension(component: str) -> tuple[str, str]:
    """Split a name into stem and extension (with its dot, or empty).

    An extension is 1 to 16 ASCII letters, digits and `_`, not digits alone: `SDXL 1.0` has none.
    """
    found = _EXTENSION.search(component)
    if found is None or found.start() == 0:
        return component, ""
    return component[: found.start()], found.group()


def lone_component(name: str) -> str:
    """Turn any text into a portable name that no other text has, without knowing the others.

    Names that differ only in case, or in their canonical form, are taken for one. A name keeps its
    form when nothing but its case tells it from what a disk makes of it; any other gets `-` and 16
    digits of its digest, and so does one that looks as if it had them.
    """
    portable = portable_component(name)
    same = unicodedata.normalize("NFC", name).lower()
    if name_key(portable) == same and _MARK.search(same) is None:
        return portable
    digest = hashlib.sha256(same.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{portable_component(name, max_bytes=MAX_COMPONENT_BYTES - 17)}-{digest}"


def place_names(
    wanted: Sequence[tuple[int, str]],
    *,
    taken: Collection[str] = (),
    reserved: Collection[str] = (),
    max_bytes: int = MAX_COMPONENT_BYTES - SIDECAR_ROOM,
) -> dict[int, str]:
    """Give every id of one folder its own portable name.

    wanted: (id, raw name) pairs in any order, ids from 0 to 2**63 - 1; of an id that occurs twice
    the name that sorts first counts.
    taken: names in the folder that belong to others. reserved: names the layout itself uses there.
    max_bytes: of UTF-8, at least 64; the default leaves room for the suffix of a sidecar.

    No two results, and no result and a taken or reserved name, share a `name_key`. The lowest id
    keeps the plain name; a later one that collides becomes `<stem>-<id><extension>`, and
    `<stem>-<id>-2<extension>` and so on should a crafted name sit there already.
    Deterministic; adding ids larger than all present ones changes no earlier name.
    Raises: ValueError when max_bytes is below 64.
    """
    if max_bytes < _MIN_PLACED_BYTES:
        raise ValueError(f"placed names need {_MIN_PLACED_BYTES} bytes, not {max_bytes}")
    used = {name_key(name) for name in (*taken, *reserved)}
    placed: dict[int, str] = {}
    for number, raw in sorted(wanted):
        if number in placed:
            continue
        plain = portable_component(raw, max_bytes=max_bytes)
        name = next(
            name for name in _candidates(plain, number, max_bytes) if name_key(name) not in used
        )
        used.add(name_key(name))
        placed[number] = name
    return placed


def _candidates(plain: str, number: int, max_bytes: int) -> Iterator[str]:
    """Yield the plain name, then endlessly many that carry the id."""
    yield plain
    stem, extension = split_extension(plain)
    mark = f"-{number}"
    again = 1
    while True:
        room = max_bytes - len(mark) - len(extension)
        yield f"{_cut(stem, room)}{mark}{extension}"
        again += 1
        mark = f"-{number}-{again}"


def _visible(name: str) -> str:
    # Composed first: a `<` that carries an accent is a letter of its own, and stays.
    text = _BREAKS.sub(" ", unicodedata.normalize("NFC", name))
    text = _FORBIDDEN.sub("_", _INVISIBLE.sub("", text))
    # Composed again: what stood apart may now stand side by side.
    return _trimmed(unicodedata.normalize("NFC", text))


def _trimmed(text: str) -> str:
    text = text.rstrip(_SPACES + ".")
    leading = _LEADING.match(text)
    return text[leading.end() :] if leading else text


def _guarded(component: str, max_bytes: int) -> str:
    """Disarm a name that means something to a system; cutting may arm it again, hence the loop."""
    while True:
        harmless = component
        if _SHORT_NAME.fullmatch(harmless):
            harmless = harmless.replace("~", "_")
        if harmless[0] in ".-~" or _is_device(harmless):
            harmless = f"_{harmless}"
        if harmless == component:
            return component
        component = _within(harmless, max_bytes)


def _is_device(component: str) -> bool:
    # Windows looks at what stands before the first dot, without the spaces at its end. The key
    # folds the superscript digits, which count as digits there.
    return name_key(component.partition(".")[0].rstrip()) in _DEVICES


def _within(name: str, max_bytes: int) -> str:
    if len(name.encode()) <= max_bytes:
        return name
    stem, extension = split_extension(name)
    room = max_bytes - len(extension)
    if room < 1:
        stem, extension, room = name, "", max_bytes
    return _trimmed(_cut(stem, room) + extension)


def _cut(text: str, room: int) -> str:
    """Keep the longest start of `text` within `room` bytes that ends a visible character."""
    kept = text.encode()[:room].decode(errors="ignore")
    if len(kept) == len(text):
        return text
    for end in range(len(kept), max(0, len(kept) - _LONGEST_CLUSTER), -1):
        if not _is_joined(text[end - 1], text[end]):
            return text[:end]
    return kept


def _is_joined(left: str, right: str) -> bool:
    attaches = unicodedata.category(right) in ("Mn", "Mc", "Me", "Cf", "Sk")
    return left == "\u200d" or attaches
