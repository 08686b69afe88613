"""What civitai-dl says: complete in both languages, and never wider than the screen."""

import ast
import re
import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import civitai_dl
from civitai_dl.domain._japanese import JAPANESE as DISPLAY
from civitai_dl.domain.entities import Lane, Reason, Trouble
from civitai_dl.domain.messages import (
    JAPANESE,
    Language,
    Messages,
    cell_width,
    cut,
    cut_middle,
    format_bytes,
    format_clock,
    format_duration,
    format_moment,
    format_rate,
    pad,
    pick_language,
    printable,
    wrap,
)

SOURCES = sorted(Path(civitai_dl.__file__).parent.rglob("*.py"))
EN, JA = Messages(Language.EN), Messages(Language.JA)
BOTH = pytest.mark.parametrize("messages", [EN, JA], ids=["en", "ja"])

# Letters, wide signs, combining marks, emoji, and what must never reach a terminal.
TEXTS = st.text(
    st.sampled_from("ab .,-_/\\|")
    | st.sampled_from("日本語モデル、。「」ーっｱ")
    | st.sampled_from("\u0301\u3099\u200d\ufe0f\u202e\u200b\x1b\x07\x00\t\n\r\x85\u2028\ud800")
    | st.sampled_from("🦊👩💻🇯🇵é…━")
    | st.characters()
)


def asked_for() -> dict[str, str]:
    """Every sentence that the package asks for by name, and where."""
    found = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            position = {"say": 0, "count": 1}.get(node.func.attr)
            if position is None or len(node.args) <= position:
                continue
            key = node.args[position]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found[key.value] = f"{path.name}:{node.lineno}"
    return found


def constants() -> set[str]:
    found = set()
    for path in SOURCES:
        if not path.name.startswith("_japanese"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


# --- the catalogue


def test_every_sentence_is_translated():
    """Each English sentence that the package says has a Japanese one."""
    asked = {key: where for key, where in asked_for().items() if " " in key or "{" in key}
    assert len(asked) > 40
    assert {key: where for key, where in asked.items() if key not in JAPANESE} == {}


def test_no_translation_is_left_over():
    """Each Japanese sentence of the display and the account is one that is said somewhere."""
    assert set(DISPLAY) - constants() == set()


@pytest.mark.parametrize("key", sorted(JAPANESE))
def test_both_languages_tell_the_same_facts(key):
    """A sentence and its translation have the same placeholders."""
    assert placeholders(key) == placeholders(JAPANESE[key])


def test_one_and_many_tell_the_same_facts():
    """The singular of a counted sentence has the placeholders of its plural."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr == "count" and len(node.args) > 2:
                texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
                assert len({frozenset(placeholders(text)) for text in texts}) <= 1


def test_english_is_ascii():
    """An English sentence is plain ASCII, for logs and old consoles."""
    assert [key for key in JAPANESE if not key.isascii()] == []


def test_japanese_is_japanese():
    """Only the service's own names stand in Latin letters in the Japanese catalogue."""
    same = {key for key, text in JAPANESE.items() if text.isascii()}
    assert same == {"Model API", "Image API"}


def test_a_sentence_without_translation_is_a_bug():
    """Asking for an unknown sentence raises in both languages, so that English tests find it."""
    for messages in (EN, JA):
        with pytest.raises(KeyError):
            messages.say("never said")


# --- the sentences


def test_the_headline_is_the_products():
    """The headline has the words that the owner wrote."""
    assert EN.headline(42, 180, 3, retrying=True) == "42/180 models, 3 failed (retrying...)"
    assert JA.headline(42, 180, 3, retrying=True) == "現在 42/180 モデル、失敗 3 件 (再試行中…)"


def test_the_headline_speaks_of_retrying_only_while_it_lasts():
    """Without anything to be tried again the headline ends with the count."""
    assert EN.headline(42, 180, 3) == "42/180 models, 3 failed"
    assert JA.headline(42, 180, 3) == "現在 42/180 モデル、失敗 3 件"


def test_a_growing_total_is_marked():
    """While models are being listed the total is a lower bound, and says so."""
    assert EN.headline(42, 180, 0, growing=True) == "42/180+ models, 0 failed"
    assert JA.headline(0, 0, 0, growing=True) == "現在 0/? モデル、失敗 0 件"


def test_a_run_of_images_counts_images():
    """Where there are no models the headline counts images."""
    assert EN.headline_of_images(9, 10_000, 0) == "9/10,000 images, 0 failed"
    assert JA.headline_of_images(9, 10, 1, retrying=True) == "現在 9/10 枚、失敗 1 件 (再試行中…)"


def test_a_pause_tells_who_asked_and_for_how_long():
    """A lane that was told to slow down says by whom and for how long."""
    assert EN.paused(Lane.IMAGE_PAGES, "throttled", 12) == "Image API asked us to slow down: 12 s"
    assert "12 秒" in JA.paused(Lane.IMAGE_PAGES, "throttled", 12)
    said = {EN.paused(Lane.FILES, why, 60) for why in ("quota", "transient", "link", "disk full")}
    assert len(said) == 4
    assert "File server rests (disk full): 1 min" in said


@BOTH
def test_every_lane_reason_and_trouble_has_words(messages):
    """Each lane, reason and trouble is named in a column and in a sentence, no two alike."""
    for names in (
        [messages.lane(lane) for lane in Lane],
        [messages.service(lane) for lane in Lane],
        [messages.reason(reason.value) for reason in Reason],
        [messages.because_of_reason(reason.value) for reason in Reason],
        [messages.trouble(trouble.value) for trouble in Trouble],
        [messages.because_of_trouble(trouble.value) for trouble in Trouble],
    ):
        assert len(set(names)) == len(names)
        assert all(names)


@BOTH
def test_an_unknown_reason_stands_as_it_is(messages):
    """A reason from a newer database is shown, not hidden, and cannot steer the terminal."""
    assert messages.reason("under_review") == "under review"
    assert messages.trouble("a b_c\x1b[0m") == "a b_c[0m"
    assert "under review" in messages.because_of_reason("under_review")
    assert "odd" in messages.because_of_trouble("odd")


@BOTH
def test_one_is_not_many(messages):
    """Counted things agree with their number; thousands are grouped."""
    for counted in (
        messages.models,
        messages.files,
        messages.images,
        messages.more_transfers,
        messages.listing,
        messages.known,
        messages.unavailable,
        messages.failed,
        messages.retrying,
        messages.continued,
    ):
        assert "1" in counted(1)
        assert "1,234" in counted(1234)
    assert "./x" in messages.started(2, "./x")
    assert EN.models(1) == "1 model"
    assert EN.models(2) == "2 models"
    assert JA.images(1) == "画像 1 枚"


@BOTH
def test_an_error_says_what_happened_and_what_to_do(messages):
    """The hint follows the error in a line of its own, where there is one."""
    assert messages.error("it broke", "mend it").splitlines()[1].endswith("mend it")
    assert messages.error("it broke").count("\n") == 0
    assert "it broke" in messages.warning("it broke")
    assert messages.given_up("a.pt", "it broke", "mend it").endswith("(mend it)")
    assert messages.given_up("a.pt", "it broke").endswith("it broke")
    assert "failed.txt" in messages.more_failures()
    assert "it broke" in messages.stopped(Lane.FILES, "it broke")
    assert messages.left(61).endswith("1:01")
    assert messages.left(61, growing=True).endswith("1:01+")
    assert messages.join(["a", "b"]) in ("a, b", "a、b")
    assert messages.duration(1) in ("1 s", "1 秒")


def test_facts_are_not_read_as_templates():
    """Braces in a file name are text."""
    assert "{0} {secret}" in EN.given_up("{0} {secret}", "x")


# --- the language


@pytest.mark.parametrize(
    ("explicit", "environment", "expected"),
    [
        (None, {}, Language.EN),
        (None, {"LANG": "ja_JP.UTF-8"}, Language.JA),
        (None, {"LANG": "JA"}, Language.JA),
        (None, {"LANG": "de_DE.UTF-8"}, Language.EN),
        (None, {"LC_MESSAGES": "ja_JP", "LANG": "en_US"}, Language.JA),
        (None, {"LC_ALL": "C.UTF-8", "LC_MESSAGES": "ja_JP", "LANG": "ja_JP"}, Language.EN),
        (None, {"LC_ALL": "", "LANG": "ja_JP"}, Language.JA),
        ("", {"LANG": "ja_JP"}, Language.JA),
        ("en", {"LANG": "ja_JP"}, Language.EN),
        ("ja", {"LC_ALL": "en_US"}, Language.JA),
        (" JA_jp ", {}, Language.JA),
    ],
)
def test_the_language_is_asked_for_or_the_locales(explicit, environment, expected):
    """The flag wins; then the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    assert expected is pick_language(explicit, environment)


def test_a_language_we_do_not_speak_is_refused():
    """An explicit language that civitai-dl does not speak is an error, not English."""
    with pytest.raises(ValueError, match="de"):
        pick_language("de", {})


# --- figures


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (-1, "0 B"),
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.0 kB"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2_130_000_000, "2.1 GB"),
        (10**13, "10.0 TB"),
        (10**19, "10,000.0 PB"),
    ],
)
def test_sizes_are_read_at_a_glance(count, expected):
    """A size has at most four digits, and never reads 1000.0."""
    assert expected == format_bytes(count)
    assert f"{expected}/s" == format_rate(count)


@given(st.floats(0, 1e17))
def test_a_size_fits_its_column(count):
    """Up to a hundred petabytes a size takes at most eight cells."""
    assert len(format_bytes(count)) <= 8


@pytest.mark.parametrize(
    ("seconds", "clock", "english", "japanese"),
    [
        (-5, "0:00", "0 s", "0 秒"),
        (0, "0:00", "0 s", "0 秒"),
        (0.2, "0:01", "1 s", "1 秒"),
        (12, "0:12", "12 s", "12 秒"),
        (60, "1:00", "1 min", "1 分"),
        (200, "3:20", "3 min 20 s", "3 分 20 秒"),
        (3600, "1:00:00", "1 h", "1 時間"),
        (3905, "1:05:05", "1 h 5 min", "1 時間 5 分"),
        (183_600, "2d 03h", "2 d 3 h", "2 日 3 時間"),
        (float("inf"), "115,740d 17h", "115,740 d 17 h", "115,740 日 17 時間"),
    ],
)
def test_durations_have_two_units(seconds, clock, english, japanese):
    """A duration has two units, or is a clock in columns; it is 0 only when it is over."""
    assert clock == format_clock(seconds)
    assert english == format_duration(seconds)
    assert japanese == format_duration(seconds, Language.JA)


def test_a_moment_is_told_in_utc():
    """A moment is a date and a time with its zone; nonsense from the service does not raise."""
    assert format_moment(1_788_264_000) == "2026-09-01 12:00 UTC"
    assert format_moment(1e300) == "?"
    assert format_moment(float("nan")) == "?"


# --- cells


@given(TEXTS)
def test_nothing_that_steers_a_terminal_is_printed(text):
    """Printable text holds no control, no invisible and no direction-changing character."""
    clean = printable(text)
    assert {unicodedata.category(sign) for sign in clean} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()
    assert clean == printable(clean)


def test_printable_keeps_what_can_be_read():
    """Ordinary names stay as they are; line ends become blanks; escapes lose their teeth."""
    assert printable("水彩画風 v2.1_fp16.safetensors") == "水彩画風 v2.1_fp16.safetensors"
    assert printable("a\tb\r\nc") == "a b  c"
    assert printable("\x1b[31mred\u202egpj.exe") == "[31mredgpj.exe"
    assert printable("か\u3099") == "が"


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc", 3), ("日本", 4), ("ｱ", 1), ("e\u0301", 1), ("🦊", 2), ("…", 1)],
)
def test_cells_are_not_characters(text, cells):
    """Wide signs take two cells, combining ones none."""
    assert cells == cell_width(text)


@given(TEXTS.map(printable), st.integers(0, 30), st.sampled_from(["…", "~", ""]))
def test_a_cut_text_fits(text, width, mark):
    """A text cut to a width is never wider, and untouched when it fits."""
    for cutter in (cut, cut_middle):
        short = cutter(text, width, mark=mark)
        assert cell_width(short) <= width
        if cell_width(text) <= width:
            assert short == text


def test_the_end_of_a_file_name_survives_a_cut():
    """A name cut in the middle shows its beginning and its ending."""
    assert cut_middle("a_very_long_model_name_fp16.safetensors", 20) == "a_very_lon…fetensors"
    assert cut("a_very_long_model_name", 10) == "a_very_lo…"
    assert cut_middle("abcdef", 2) == "a…"
    assert cut("abc", 0) == ""
    assert cut_middle("日本語日本語", 8) == "日本…語"
    assert cut_middle("xxxxxe\u0301e\u0301", 4) == "xx…e\u0301"


@given(TEXTS.map(printable), st.integers(0, 30))
def test_a_padded_text_fills_its_column(text, width):
    """Padding fills up to the width, on either side, and cuts nothing."""
    wanted = max(width, cell_width(text))
    assert wanted == cell_width(pad(text, width)) == cell_width(pad(text, width, right=True))
    assert pad(text, width).startswith(text)
    assert pad(text, width, right=True).endswith(text)


@given(st.lists(TEXTS.map(printable)).map(" ".join), st.integers(1, 60))
def test_wrapping_loses_nothing_but_blanks(text, width):
    """Wrapped text has all its signs in their order."""
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", wrap(text, width, indent="  "))


@given(st.lists(st.text("ab日", max_size=9)), st.sampled_from(" 、。"), st.integers(14, 60))
def test_wrapped_text_fits(words, between, width):
    """No line is wider than asked, as long as no word is."""
    text = between.join(word for word in words if word)
    for line in wrap(text, width, indent="  ").split("\n"):
        assert cell_width(line) <= width
        assert line == line.rstrip()


def test_a_path_is_never_cut_in_two():
    """A word longer than the line stays whole, so that it can be copied."""
    path = "/very/long/" + "x" * 40
    assert path in wrap(f"look at {path} now", 20).split("\n")[0]
    assert wrap("a\n\nb", 20, indent="  ") == "  a\n\n  b"


def test_japanese_wraps_after_its_punctuation():
    """A Japanese line ends after a comma if it can, and never begins with one."""
    text = "全 10 件、保存・検証済み 8 件、入手不可 2 件"
    assert wrap(text, 28) == "全 10 件、\n保存・検証済み 8 件、\n入手不可 2 件"
    long = "入手できるものはすべて保存済みです「はい」"
    assert wrap(long, 24).split("\n") == ["入手できるものはすべて保", "存済みです「はい」"]
    assert wrap("ああああ「いいい", 10).split("\n") == ["ああああ", "「いいい"]
