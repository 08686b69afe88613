"""Names on disk: portable, unique in their folder, stable."""

import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions._names import (
    MAX_COMPONENT_BYTES,
    SIDECAR_ROOM,
    lone_component,
    name_key,
    place_names,
    portable_component,
    split_extension,
)

# Every script and symbol; left out: the long runs of plain ideographs and unassigned planes.
POINTS = [
    *range(0x3500),
    *range(0xD700, 0x10800),
    *range(0x1D000, 0x1FC00),
    *range(0xE0000, 0xE1100),
]
FOLDER_BYTES = MAX_COMPONENT_BYTES - SIDECAR_ROOM
TRAPS = [
    "",
    ".",
    "..",
    "...",
    " ",
    "~",
    "-",
    "CON",
    "con.txt",
    "NUL .tar.gz",
    "COM1",
    "lpt\u00b9.safetensors",
    "CONIN$",
    "aux",
    "AB~1.TXT",
    "MODELS~1.SAF",
    "a/b",
    "a\\b",
    "C:",
    "x\u202egpj.exe",
    "\ud800",
    "\x00",
    "\u200b",
    "\u3164",
    "\u3000",
    "cafe\u0301",
    "caf\u00e9",
    "\ufb01",
    "fi",
    "\u212b",
    "\u00c5",
    "\u00df",
    "SS",
    "\u0131",
    "I",
    "\u0130",
    "i\u0307",
    "\u1fb4",
    "\u03b1\u0345\u0301",
    "\ufeffx",
    "a\u200d",
    "\u2764\ufe0f",
    "-7",
    "a-7",
    "a-7.pt",
    "a.pt",
    "A.PT",
    "a-7-2.pt",
    "\uff43\uff4f\uff4e",
    "e\u0301" * 200,
    "\U0001f468\u200d" * 90,
    "v1.5",
    "x.safetensors",
    "\uac00" * 120,
    "\u1100\u1161\u11a8",
    "\ufffe",
    "\U0010ffff",
    "\uf03a",
]
RAW = st.one_of(
    st.text(max_size=40),
    st.text(min_size=60, max_size=400),
    st.text(alphabet=" .-~_/\\:CONul1\u0131\u00df\u0301\u0345\u200d\u202e\U0001f468", max_size=24),
    st.sampled_from(TRAPS),
    st.builds("".join, st.lists(st.sampled_from(TRAPS), max_size=4)),
    st.text(alphabet=st.characters(codec=None), max_size=20),  # lone surrogates too
)
PAIRS = st.lists(st.tuples(st.integers(0, 2**63 - 1) | st.integers(0, 12), RAW), max_size=24)

# A second opinion, written from the manuals of the systems and not from the code under test.
DEVICE = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)", re.IGNORECASE
)
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def complaints(name: str, limit: int) -> list[str]:
    """List what some system would hold against a name."""
    first = name.split(".", maxsplit=1)[0].rstrip(" ")
    checks = {
        "empty": not name,
        "too long": len(name.encode("utf-8", "surrogatepass")) > limit,
        "too long in UTF-16": len(name.encode("utf-16-le", "surrogatepass")) > 2 * 255,
        "forbidden on Windows": bool(set(name) & set('/\\:*?"<>|')),
        "control character": any(unicodedata.category(letter) == "Cc" for letter in name),
        "surrogate": any(unicodedata.category(letter) == "Cs" for letter in name),
        "bidirectional control": bool(BIDI & set(name)),
        "end": name.endswith((".", " ")),
        "start": name.startswith((".", " ", "-", "~")),
        "device": bool(DEVICE.fullmatch(first)),
        "not NFC": unicodedata.normalize("NFC", name) != name,
        "nothing to see": not name_key(name),
    }
    return [complaint for complaint, holds in checks.items() if holds]


@given(RAW)
def test_any_name_becomes_portable(raw):
    """Whatever a creator types, the component is valid on every system and at most 255 bytes."""
    assert complaints(portable_component(raw), 255) == []


@given(RAW, st.integers(1, 300), RAW)
def test_any_limit_and_fallback_are_kept(raw, limit, fallback):
    """The limit holds down to a single byte, for the fallback too."""
    assert complaints(portable_component(raw, max_bytes=limit, fallback=fallback), limit) == []


@given(RAW, st.integers(1, 300))
def test_a_portable_name_stays_as_it_is(raw, limit):
    """Naming is idempotent, also after the name went through a disk that decomposes it."""
    once = portable_component(raw, max_bytes=limit)
    assert once == portable_component(once, max_bytes=limit)
    assert once == portable_component(unicodedata.normalize("NFD", once), max_bytes=limit)


def test_every_code_point_alone_is_safe_and_settled():
    """No single character of Unicode, in front, inside or at the end, yields a bad name."""
    for point in POINTS:
        raw = f"{chr(point)}a{chr(point)}\u0301b{chr(point)}"
        once = portable_component(raw)
        if complaints(once, 255) or portable_component(once) != once:
            pytest.fail(f"U+{point:04X}: {once!r} {complaints(once, 255)}")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Detail Tweaker XL", "Detail Tweaker XL"),
        ("アニメ調 イラスト v2.safetensors", "アニメ調 イラスト v2.safetensors"),
        ("葛\U000e0100飾区", "葛\U000e0100飾区"),
        ("❤️\u200d🔥 flame 👩\u200d🎤", "❤️\u200d🔥 flame 👩\u200d🎤"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",) * 2,
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        ("..\\..\\etc/passwd", "_.._.._etc_passwd"),
        ("..", "_"),
        ("...hidden", "_...hidden"),
        (".civitai-dl", "_.civitai-dl"),
        ("-rf", "_-rf"),
        ("~root", "_~root"),
        ("NUL.txt", "_NUL.txt"),
        ("nul .tar.gz", "_nul .tar.gz"),
        ("COM1", "_COM1"),
        ("com\u00b9.pt", "_com\u00b9.pt"),
        ("CONIN$", "_CONIN$"),
        ("console", "console"),
        ("name. . .", "name"),
        ("\u3000\u200d name\u3000", "name"),
        ("line\r\nbreak\ttab", "line  break tab"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("half \ud83d pair", "half _ pair"),
        ("cafe\u0301", "café"),
        ("<\u0338", "\u226e"),
        ("a\u200b\u0301", "\u00e1"),
        ("MODELS~1.SAF", "MODELS_1.SAF"),
        ("models~1.safetensors", "models~1.safetensors"),
        ("~1", "_1"),
        ("\uf03a", "_"),
        ("\u3164\u200b", "_"),
    ],
)
def test_examples(raw, expected):
    """Readable text stays, what a system refuses becomes an underscore or goes."""
    assert expected == portable_component(raw)


def test_a_long_name_keeps_its_extension():
    """The stem gives way, between two characters, and the extension stays."""
    assert portable_component("あ" * 300 + ".safetensors") == "あ" * 81 + ".safetensors"
    assert portable_component("abcdef.pt", max_bytes=5) == "ab.pt"


def test_a_long_last_part_is_no_extension():
    """Text behind a dot in the middle of a sentence is cut like any other text."""
    assert portable_component("v1. a sentence", max_bytes=9) == "v1. a sen"
    assert split_extension("SDXL 1.0") == ("SDXL 1.0", "")
    assert split_extension("a.tar.7z") == ("a.tar", ".7z")
    assert split_extension(".safetensors") == (".safetensors", "")
    assert split_extension("noext") == ("noext", "")


def test_an_extension_without_room_is_cut_as_well():
    """With fewer bytes than the extension needs, the limit wins."""
    assert portable_component("a.safetensors", max_bytes=6) == "a.safe"
    assert portable_component("a.safetensors", max_bytes=2) == "a"


def test_a_cut_does_not_split_what_is_seen_as_one_character():
    """A family, a skin tone or an accent is kept whole or not at all."""
    family = "👨\u200d👩\u200d👧"
    assert portable_component(f"ab{family}", max_bytes=12) == "ab"
    assert portable_component("👍👍🏽", max_bytes=9) == "👍"
    assert portable_component("ab\u0323\u0304", max_bytes=3) == "a"


def test_endless_accents_are_cut_nevertheless():
    """Text of nothing but combining marks still gives a name that fills its room."""
    assert len(portable_component("x" + "\u0324" * 999).encode()) == 255


def test_cutting_never_uncovers_a_device_name():
    """`CONSOLE` in three bytes is not the console; `PRN-AB~1x` cut short is no short name."""
    assert portable_component("CONSOLE", max_bytes=3) == "_CO"
    assert portable_component("-AB~1xyz", max_bytes=6) == "_-AB_1"


def test_the_fallback_stands_for_a_name_without_visible_text():
    """The caller may say what an invisible name is called; an unusable wish gives `_`."""
    assert portable_component("\u200b", fallback="model") == "model"
    assert portable_component("", fallback="nul") == "_nul"
    assert portable_component("", fallback="...") == "_"
    assert portable_component("あ", max_bytes=1) == "_"


def test_a_limit_below_one_byte_is_an_error():
    """A caller that leaves no room hears of it."""
    with pytest.raises(ValueError, match="at least one byte"):
        portable_component("a", max_bytes=0)


@given(RAW)
def test_names_that_one_disk_confuses_share_a_key(raw):
    """Case in any direction and each normal form lead to one key."""
    name = portable_component(raw)
    key = name_key(name)
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    cases = [name.upper(), name.lower(), name.casefold(), name.title()]
    assert [key] * 8 == [name_key(form) for form in forms + cases]
    assert key == name_key(key)


def test_every_code_point_has_a_settled_key():
    """The key is a fixed point for each character, and blind to its case and form."""
    for point in POINTS:
        letter = chr(point)
        key = name_key(letter)
        others = {
            name_key(other)
            for other in (key, letter.upper(), letter.lower(), letter.casefold(), key + "\u200d")
        } | {name_key(unicodedata.normalize(form, letter)) for form in ("NFD", "NFKC")}
        if others != {key}:
            pytest.fail(f"U+{point:04X}: {key!r} {others!r}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MODEL.pt", "model.PT"),
        ("caf\u00e9", "cafe\u0301"),
        ("stra\u00dfe", "STRASSE"),
        ("\uff21\uff22", "ab"),
        ("\u212bngstr\u00f6m", "\u00e5ngstro\u0308m"),
        ("\u0131", "i"),
        ("ガ", "カ\u3099"),
        ("ガ", "\uff76\uff9e"),
        ("❤\ufe0f", "❤"),
        ("\u1ffc\u0342", "\u1ff7"),
        ("\u1fb4\u0301", "\u0386\u038a"),
        ("\u1fb4\u0301b", "\u0386\u038aB"),
    ],
)
def test_equal_keys(one, other):
    """Pairs that a Mac, Windows or a caseless disk takes for one file."""
    assert name_key(one) == name_key(other)


@given(PAIRS, st.lists(RAW, max_size=6), st.lists(RAW, max_size=3))
def test_a_folder_never_holds_two_names_with_one_key(wanted, taken, reserved):
    """T17: any raw names map to distinct, portable names, away from what is there already."""
    placed = place_names(wanted, taken=taken, reserved=reserved)
    assert {number for number, _ in wanted} == set(placed)
    keys = [name_key(name) for name in placed.values()]
    assert len(keys) == len(set(keys))
    assert not set(keys) & {name_key(name) for name in (*taken, *reserved)}
    for name in placed.values():
        assert complaints(name, FOLDER_BYTES) == []
        assert name == portable_component(name, max_bytes=FOLDER_BYTES)


@given(PAIRS, st.randoms(use_true_random=False), st.integers(64, 255))
def test_order_does_not_matter_and_larger_ids_change_nothing(wanted, chance, limit):
    """Names are stable: shuffled input is the same folder, a later id leaves it alone."""
    shuffled = chance.sample(wanted, len(wanted))
    placed = place_names(wanted, max_bytes=limit)
    assert placed == place_names(shuffled, max_bytes=limit)
    if placed:
        middle = sorted(placed)[len(placed) // 2]
        early = [(number, raw) for number, raw in wanted if number <= middle]
        assert {number: placed[number] for number, _ in early} == place_names(
            early, max_bytes=limit
        )


def test_the_lowest_id_keeps_the_plain_name():
    """Full and pruned files of one version often share a name; the later one carries its id."""
    assert place_names([(9, "vsk.safetensors"), (3, "VSK.safetensors")]) == {
        3: "VSK.safetensors",
        9: "vsk-9.safetensors",
    }


def test_a_crafted_name_does_not_take_the_place_of_another():
    """A file called like the suffix of a later id pushes that id on, and nobody is lost."""
    wanted = [(1, "a.pt"), (2, "a-9.pt"), (3, "A-9-2.pt"), (9, "a.pt")]
    assert place_names(wanted) == {1: "a.pt", 2: "a-9.pt", 3: "A-9-2.pt", 9: "a-9-3.pt"}


def test_names_of_others_are_left_alone():
    """What lies in the folder, and what the layout wants for itself, is not given away."""
    placed = place_names([(5, "Previews"), (6, "x.pt")], taken=["X.PT"], reserved=["previews"])
    assert placed == {5: "Previews-5", 6: "x-6.pt"}


def test_an_id_listed_twice_has_one_name():
    """The same pair twice is one file; of two names the first in order counts."""
    assert place_names([(5, "b"), (5, "a"), (5, "a")]) == {5: "a"}


def test_long_names_that_are_cut_to_the_same_text_stay_apart():
    """Titles that differ only behind the limit get their id, inside the limit."""
    placed = place_names([(1, "あ" * 300 + "1.pt"), (2**63 - 1, "あ" * 300 + "2.pt")])
    assert placed[2**63 - 1] == "あ" * 69 + "-9223372036854775807.pt"
    assert len({name_key(name) for name in placed.values()}) == 2


@pytest.mark.parametrize("raw", ["ann", "Ann_B", "アニメ", "j.doe-2", "caf\u00e9", "cafe\u0301"])
def test_a_user_with_a_portable_name_has_a_folder_of_that_name(raw):
    """Nothing is added to a name that every disk takes as it is."""
    assert unicodedata.normalize("NFC", raw) == lone_component(raw)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/b", "a_b"),
        ("a/b", "a:b"),
        ("ann.", "ann"),
        (" ann", "ann"),
        ("con", "_con"),
        ("x" * 300, "x" * 301),
        ("", "_"),
        ("..", "_"),
        ("\u0131an", "ian"),
        ("\uff41nn", "ann"),
        ("a\u200bnn", "ann"),
        ("stra\u00dfe", "strasse"),
        ("\ud800", "\ud801"),
    ],
)
def test_two_users_never_share_a_folder(one, other):
    """What a disk would take for one, or portable names would make one, is kept apart."""
    assert name_key(lone_component(one)) != name_key(lone_component(other))
    assert lone_component(one) == lone_component(one)
    assert complaints(lone_component(one), 255) == []


def test_nobody_gets_a_users_folder_by_taking_its_name():
    """A user called like the folder of another one has a folder with a digest of its own."""
    victim = lone_component("a/b")
    assert re.fullmatch(r"a_b-[0-9a-f]{16}", victim)
    assert name_key(victim) != name_key(lone_component(victim))
    assert name_key(lone_component(victim.upper())) == name_key(lone_component(victim))


def test_a_user_in_another_case_is_the_same_user():
    """The service does not tell such names apart, and neither does a Mac."""
    assert name_key(lone_component("ANN")) == name_key(lone_component("ann"))
    assert name_key(lone_component("A/B")) == name_key(lone_component("a/b"))


def test_too_little_room_for_an_id_is_an_error():
    """Below 64 bytes a suffix could eat the name, so the caller is told."""
    with pytest.raises(ValueError, match="64 bytes"):
        place_names([(1, "a")], max_bytes=63)


def test_twenty_thousand_names_find_room_in_one_folder():
    """A crowded folder, most of it collisions, is named; the time-out says if it takes for ever."""
    chance = random.Random(20_000)
    words = ["Anime", "ANIME", "アニメ", "caf\u00e9", "cafe\u0301", "stra\u00dfe", "x" * 300, "CON"]
    wanted = [
        (number, " ".join(chance.choices(words, k=chance.randint(1, 3))) + f"{number % 9}.pt")
        for number in range(20_000)
    ]
    placed = place_names(wanted)
    assert len({name_key(name) for name in placed.values()}) == 20_000
    assert all(portable_component(name) == name for name in placed.values())
