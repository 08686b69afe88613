"""Settings and lists: values as people write them, and which layer wins."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.cli._options import load_settings
from civitai_dl.config import (
    DEFAULTS,
    BadLine,
    Settings,
    check_base_url,
    collect,
    config_path,
    different_tokens,
    is_loopback,
    parse_model,
    parse_user,
    read_config,
    read_levels,
    read_lines,
    read_size,
    read_span,
)
from civitai_dl.config._layers import of_environment, of_flags
from civitai_dl.domain.entities import (
    CreatorTarget,
    HashTarget,
    ModelTarget,
    Part,
    Selection,
    VersionTarget,
    Wanted,
)
from civitai_dl.domain.messages import Language
from civitai_dl.errors import ConfigError, TargetError
from civitai_dl.sources import parse_target


def nothing():
    return b""


@pytest.fixture
def settings_of(tmp_path):
    """Load settings from flags, environment variables and the text of a file."""

    def load(*, file="", environment=None, **flags):
        path = tmp_path / "config.toml"
        path.write_text(file, "utf-8")
        return load_settings({"config": str(path), **flags}, environment or {})

    return load


# --- values


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500", 500),
        ("500K", 512_000),
        ("10M", 10_485_760),
        ("10m", 10_485_760),
        ("10 MB", 10_485_760),
        ("10MiB/s", 10_485_760),
        ("1.5G", 1_610_612_736),
        ("2T", 2_199_023_255_552),
        (" 7 b ", 7),
    ],
)
def test_a_size_is_written_as_aria2_writes_it(text, size):
    """--limit-rate 10M is ten times 1024 x 1024 bytes."""
    assert size == read_size(text)


@pytest.mark.parametrize("text", ["", "fast", "-1", "10X", "1,5M", "M", "1.M", "10M10K", "1e6"])
def test_what_is_no_size_is_named(text):
    """A size that cannot be read is told back, with examples of sizes that can."""
    with pytest.raises(ConfigError) as told:
        read_size(text)
    assert repr(text) in told.value.message
    assert "10M" in told.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1.5h", 5_400.0),
        ("24h", 86_400.0),
        (" 2 D ", 172_800.0),
    ],
)
def test_a_time_span_has_a_unit_or_is_in_seconds(text, seconds):
    """--max-wait 24h is a day."""
    assert seconds == read_span(text)


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5 minutes", "1h30m", "m"])
def test_what_is_no_time_span_is_named(text):
    """A time span that cannot be read is told back."""
    with pytest.raises(ConfigError, match="this is no time span"):
        read_span(text)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("all", 31),
        ("PG", 1),
        ("pg-13", 2),
        ("PG13", 2),
        ("PG,PG-13,R", 7),
        ("1,2,4", 7),
        ("x xxx", 24),
        ("R, 8\t16", 28),
        ("31", 31),
        ("PG,pg,1", 1),
    ],
)
def test_ratings_are_named_or_numbered(text, levels):
    """--browsing-level PG,PG-13 and --browsing-level 1,2 ask for the same."""
    assert levels == read_levels(text)


@pytest.mark.parametrize("text", ["", "PG,", "PG18", "32", "0", "Blocked", "PG;R"])
def test_what_is_no_rating_is_named(text):
    """A rating that does not exist is told back, with those that do."""
    with pytest.raises(ConfigError, match="this is no browsing level") as told:
        read_levels(text)
    assert "XXX" in told.value.hint


@pytest.mark.parametrize("text", ["-1", "²"])
def test_a_rating_that_only_looks_like_a_number_is_named(text):
    """Neither a negative number nor a superscript two is a rating."""
    with pytest.raises(ConfigError):
        read_levels(text)


# --- the key


@pytest.mark.parametrize(
    ("flag", "environment", "file", "key"),
    [
        ("flag", {"CIVITAI_API_KEY": "env"}, "file", "flag"),
        (None, {"CIVITAI_API_KEY": "a", "CIVITAI_API_TOKEN": "b"}, "file", "a"),
        (None, {"CIVITAI_API_TOKEN": "b", "CIVITAI_TOKEN": "c"}, "file", "b"),
        ("", {"CIVITAI_API_KEY": " ", "CIVITAI_TOKEN": " c\n"}, "file", "c"),
        (None, {}, "file", "file"),
        (None, {"OTHER": "x"}, None, None),
        (None, {}, "  ", None),
    ],
)
def test_the_key_comes_from_the_flag_then_the_environment_then_the_file(
    settings_of, flag, environment, file, key
):
    """--token wins over CIVITAI_API_KEY, CIVITAI_API_TOKEN, CIVITAI_TOKEN and the file, in turn."""
    text = "" if file is None else f'token = "{file}"'
    found = settings_of(file=text, environment=environment, token=flag).token
    assert key == (None if found is None else found.reveal())


@pytest.mark.parametrize("text", ["a b", "a\r\nX-Evil: 1", "schlüssel", "a\x00b", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(settings_of, text):
    """A key with blanks or line ends cannot reach a header, and is not repeated in the error."""
    for words in ({"token": text}, {"environment": {"CIVITAI_API_KEY": text}}):
        with pytest.raises(ConfigError, match=r"--token|CIVITAI_API_KEY") as told:
            settings_of(**words)
        assert text not in told.value.message + told.value.hint


def test_a_key_in_a_file_is_a_text(settings_of):
    """A key that is a number in the file is a mistake there, and is not repeated either."""
    with pytest.raises(ConfigError, match="token: the API key must be a text") as told:
        settings_of(file="token = 31337")
    assert "31337" not in told.value.message + told.value.hint


def test_keys_that_differ_are_told_by_the_names_of_their_variables():
    """Two variables with two keys are a likely mistake; with one key they are none."""
    assert different_tokens({"CIVITAI_API_KEY": "a", "CIVITAI_TOKEN": "b"}) == [
        "CIVITAI_API_KEY",
        "CIVITAI_TOKEN",
    ]
    assert different_tokens({"CIVITAI_API_KEY": "a", "CIVITAI_TOKEN": "a"}) == []
    assert different_tokens({"CIVITAI_API_KEY": "a", "CIVITAI_TOKEN": ""}) == []


# --- the base URL


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://civitai.com", "https://civitai.com"),
        ("https://civitai.red/", "https://civitai.red"),
        ("https://proxy.example:8443/civitai?x", "https://proxy.example:8443"),
        ("HTTPS://Civitai.com", "https://Civitai.com"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_https_or_on_this_machine(url, checked):
    """--base-url may name any https host, and plain http on loopback only."""
    assert checked == check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://civitai.com",
        "http://10.0.0.1:8000",
        "http://127.0.0.1@civitai.com",
        "http://localhost.example.org",
    ],
)
def test_the_key_does_not_travel_in_the_clear(url):
    """Plain http to another machine is refused, because the key would be read on the way."""
    with pytest.raises(ConfigError, match="in the clear"):
        check_base_url(url)


def test_a_name_that_begins_like_loopback_is_another_machine():
    """127.evil.example is a host like any other, and gets no key over plain http."""
    with pytest.raises(ConfigError, match="in the clear"):
        check_base_url("http://127.evil.example")


@pytest.mark.parametrize("url", ["", "civitai.com", "ftp://civitai.com", "https://", "https:///x"])
def test_what_is_no_base_url_is_named(url):
    """A base URL without scheme or host is told back."""
    with pytest.raises(ConfigError, match="this is no base URL") as told:
        check_base_url(url)
    assert repr(url) in told.value.message


def test_a_base_url_with_a_broken_address_is_named():
    """A bracket that is not closed is a mistake of the person, not a crash."""
    with pytest.raises(ConfigError):
        check_base_url("https://[bad")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("https://civitai.com", False),
        ("https://10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine(url, expected):
    """Only addresses of this machine count as loopback."""
    assert expected is is_loopback(url)


# --- the file


def test_settings_are_read_from_toml_by_the_names_of_the_flags(tmp_path):
    """Names may be written with hyphens as on the command line, or with underscores."""
    path = tmp_path / "config.toml"
    path.write_text('\ufeffmax-wait = "24h"\nonly = "models"\nno_gallery = true\n', "utf-8")
    file = read_config(path)
    assert {"max_wait": "24h", "only": "models", "no_gallery": True} == file.tables[""]
    assert (file.mistakes, file.profiles) == ((), [])
    assert read_config(None).tables == {}


@pytest.mark.parametrize("data", [b"max_wait = ", b"\xff\xfe", b"[a]\n[a]\n"])
def test_a_file_that_is_no_toml_is_named(tmp_path, data):
    """A broken configuration file is an error that names it."""
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="cannot be read") as told:
        read_config(path)
    assert str(path) in told.value.message


MISTAKEN = """\
max_wiat = "5m"
max-wait = "soon"
default_profile = "rude"

[profile.polite]
# not for nothing
max_rate_model = -1
"retries" = 2.5
foo = 1

[profile]
night.limit-rate = "fast"
day = 3
none.only = "models"
"""


def test_everything_that_is_wrong_in_a_file_is_told_at_once(settings_of, tmp_path):
    """Each mistake has its file, line and key, also in profiles that are not used now."""
    with pytest.raises(ConfigError) as told:
        settings_of(file=MISTAKEN)
    path = tmp_path / "config.toml"
    lines = told.value.message.splitlines()
    assert [line.rpartition(f"{path}:")[2].split(": ")[:2] for line in lines] == [
        ["1", "max_wiat"],
        ["2", "max_wait"],
        ["3", "default_profile"],
        ["7", "profile.polite.max_rate_model"],
        ["8", "profile.polite.retries"],
        ["9", "profile.polite.foo"],
        ["12", "profile.night.limit_rate"],
        ["13", "profile.day"],
        ["14", "profile.none"],
    ]
    assert "'soon'" in lines[1]
    assert "for example 90s" in lines[1]


def test_a_default_profile_has_a_name_of_its_own(settings_of):
    """`profile = "x"` cannot stand beside [profile.x] in TOML: the error says what to write."""
    for file in ('profile = "a"\n', 'profile = "a"\n[profile.a]\nretries = 2\n'):
        with pytest.raises(ConfigError) as told:
            settings_of(file=file)
        assert "default_profile" in told.value.message + told.value.hint


def test_a_configuration_file_that_was_named_must_be_there(tmp_path):
    """--config with a file that is not there is an error; no file at all is none."""
    with pytest.raises(ConfigError, match="there is no configuration file"):
        config_path(str(tmp_path / "missing.toml"))
    path = tmp_path / "there.toml"
    path.write_text("", "utf-8")
    assert config_path(str(path)) == path


def test_the_platforms_configuration_file_is_found(tmp_path, monkeypatch):
    """Without --config the file in the user's configuration directory is read, if any."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / name, raising=True)
    assert config_path(None) is None
    path = tmp_path / "civitai-dl" / "config.toml"
    path.parent.mkdir()
    path.write_text("", "utf-8")
    assert path == config_path(None)


# --- layers


def test_without_flags_the_promised_defaults_hold(settings_of):
    """The defaults are those of the contract: 0.5 and 2 requests a second, 5 tries, 5 minutes."""
    settings = settings_of()
    assert Settings() == settings
    assert (settings.output, settings.base_url) == ("./civitai", "https://civitai.com")
    assert (settings.max_rate_model, settings.max_rate_image) == (0.5, 2.0)
    assert (settings.retries, settings.max_wait, settings.resume) == (5, 300.0, True)
    assert Selection(levels=31) == settings.selection
    assert (settings.token, settings.concurrency, settings.limit_rate) == (None, None, 0)


FILE = """
output = "from-file"
base_url = "https://civitai.red"
token = "file-key"
only = "images"
max_rate_model = 0.25
retries = 9
max_wait = 60
no_resume = true
lang = "ja"
concurrency = 3
limit_rate = 1000
gallery_limit = 20
browsing_level = "PG,R"
"""


def test_the_file_wins_over_the_defaults(settings_of):
    """Every setting of the file holds when nothing else was said."""
    settings = settings_of(file=FILE)
    assert (settings.output, settings.base_url) == ("from-file", "https://civitai.red")
    assert settings.token is not None
    assert settings.token.reveal() == "file-key"
    expected = Selection(files=False, images=True, gallery_limit=20, levels=5)
    assert expected == settings.selection
    assert (settings.max_rate_model, settings.retries, settings.max_wait) == (0.25, 9, 60.0)
    assert (settings.resume, settings.language) == (False, Language.JA)
    assert (settings.concurrency, settings.limit_rate) == (3, 1000)


def test_the_environment_wins_over_the_file(settings_of):
    """CIVITAI_BASE_URL, the keys and CIVITAI_DL_... beat the file; no other variable counts."""
    settings = settings_of(
        file=FILE,
        environment={
            "CIVITAI_BASE_URL": "https://civitai.blue",
            "CIVITAI_API_KEY": "env-key",
            "CIVITAI_OUTPUT": "from-environment",
            "CIVITAI_DL_RETRIES": "7",
            "CIVITAI_DL_NO_RESUME": "off",
            "CIVITAI_DL_MAX_WAIT": " ",
            "LANG": "en_US.UTF-8",
        },
    )
    assert (settings.retries, settings.resume, settings.max_wait) == (7, True, 60.0)
    assert (settings.base_url, settings.output) == ("https://civitai.blue", "from-file")
    assert settings.token is not None
    assert settings.token.reveal() == "env-key"
    assert settings.language is Language.JA


def test_flags_win_over_everything(settings_of):
    """What stands on the command line is what happens."""
    settings = settings_of(
        file=FILE,
        environment={"CIVITAI_BASE_URL": "https://civitai.blue", "CIVITAI_API_KEY": "env-key"},
        output="here",
        base_url="https://civitai.green",
        token="flag-key",
        only="models",
        max_rate_model=0.0,
        retries=1,
        max_wait="2h",
        lang="en",
        concurrency="auto",
        limit_rate="10M",
        gallery_limit=0,
        browsing_level="all",
    )
    assert (settings.output, settings.base_url) == ("here", "https://civitai.green")
    assert settings.token is not None
    assert settings.token.reveal() == "flag-key"
    assert Selection(images=False, gallery_limit=0) == settings.selection
    assert (settings.max_rate_model, settings.retries, settings.max_wait) == (0.0, 1, 7_200.0)
    assert (settings.language, settings.concurrency) == (Language.EN, None)
    assert settings.limit_rate == 10_485_760


def test_no_retries_is_one_attempt(settings_of):
    """--retries 0 tries everything once."""
    assert settings_of(retries=0).retries == 1


@pytest.mark.parametrize(
    ("file", "flag", "levels"),
    [
        ("", None, 31),
        ("", True, 31),
        ("", False, 1),
        ("nsfw = false", None, 1),
        ("nsfw = false", True, 31),
        ("nsfw = true", False, 1),
    ],
)
def test_no_nsfw_leaves_pg(settings_of, file, flag, levels):
    """--no-nsfw leaves the rating PG only, and --nsfw takes back what the file says."""
    assert levels == settings_of(file=file, nsfw=flag).selection.levels


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({"only": "videos"}, "only"),
        ({"retries": "many"}, "retries"),
        ({"retries": "1.5"}, "whole number"),
        ({"max_rate_model": "-1"}, "max_rate_model"),
        ({"max_rate_image": "nan"}, "max_rate_image"),
        ({"max_rate_image": "1e13"}, "max_rate_image"),
        ({"concurrency": "0"}, "concurrency"),
        ({"concurrency": "257"}, "concurrency"),
        ({"concurrency": "-1"}, "concurrency"),
        ({"limit_rate": "fast"}, "fast"),
        ({"max_wait": "soon"}, "soon"),
        ({"browsing_level": "PG18"}, "PG18"),
        ({"browsing_level": "R", "nsfw": False}, "no browsing level is left"),
        ({"lang": "tlh"}, "lang"),
        ({"file": 'no_resume = "yes"'}, "no_resume"),
        ({"file": "json_logs = 2"}, "json_logs"),
        ({"environment": {"CIVITAI_DL_JSON_LOGS": "maybe"}}, "CIVITAI_DL_JSON_LOGS"),
        ({"environment": {"CIVITAI_DL_MAX_WAIT": "soon"}}, "CIVITAI_DL_MAX_WAIT: .*soon"),
        ({"limit_rate": "fast"}, "--limit-rate: .*fast"),
    ],
)
def test_a_value_that_does_not_fit_is_named(settings_of, flags, word):
    """Every setting that cannot be read is an error that names it."""
    with pytest.raises(ConfigError, match=word):
        settings_of(**flags)


PROFILES = """
retries = 9
max_wait = "10m"
default_profile = "polite"

[profile.polite]
max_rate_model = 0.1
retries = 3

[profile.fast]
max_rate_model = 0
no_gallery = true
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (0.1, 3, 600.0, True)),
        ({"profile": "fast"}, (0.0, 9, 600.0, False)),
        ({"profile": "none"}, (0.5, 9, 600.0, True)),
        ({"environment": {"CIVITAI_DL_PROFILE": "fast"}}, (0.0, 9, 600.0, False)),
        ({"environment": {"CIVITAI_DL_PROFILE": "fast"}, "profile": "none"}, (0.5, 9, 600.0, True)),
        ({"environment": {"CIVITAI_DL_RETRIES": "2"}}, (0.1, 2, 600.0, True)),
        ({"retries": 1}, (0.1, 1, 600.0, True)),
    ],
)
def test_a_profile_lies_over_the_base_values(settings_of, given, expected):
    """--profile, CIVITAI_DL_PROFILE or default_profile choose one; flags and variables beat it."""
    settings = settings_of(file=PROFILES, **given)
    found = (settings.max_rate_model, settings.retries, settings.max_wait)
    assert expected == (*found, settings.selection.gallery)


def test_a_profile_that_is_not_there_lists_those_that_are(settings_of):
    """An unknown profile is a mistake of the command, and tells what could have been meant."""
    with pytest.raises(ConfigError, match="no profile 'rude'") as told:
        settings_of(file=PROFILES, profile="rude")
    assert told.value.hint == "there are polite, fast"
    with pytest.raises(ConfigError, match="no profile 'rude'") as told:
        settings_of(profile="rude")
    assert "[profile.NAME]" in told.value.hint


def test_the_defaults_that_are_told_are_those_that_hold(settings_of):
    """A file that sets every setting to its default changes nothing."""
    lines = (
        f"{name} = {json.dumps(value)}" for name, value in DEFAULTS.items() if value is not None
    )
    assert Settings() == settings_of(file="\n".join(lines))


def test_a_key_shows_in_no_layer():
    """What was given can be printed, and the key in it is stars."""
    layers = [of_flags({"token": "k3y"}), of_environment({"CIVITAI_TOKEN": "k3y"})]
    assert "k3y" not in repr(layers)
    assert "***" in repr(layers)


# --- lists


@pytest.fixture
def listed(tmp_path):
    """Write a list file; returns its name."""

    def write(data, name="models.txt"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"1\n2\n", [(1, "1"), (2, "2")]),
        (b"1\n2", [(1, "1"), (2, "2")]),
        (b"\xef\xbb\xbf1\r\n2\r\n", [(1, "1"), (2, "2")]),
        (b"1\r2\r", [(1, "1"), (2, "2")]),
        (b"# all of them\n\n  1  \n\t\n   # none\n2\n", [(3, "1"), (6, "2")]),
        (b"1 # the first\n2\t# the second\n3#4\n", [(1, "1"), (2, "2"), (3, "3#4")]),
        ("https://civitai.com/user/猫\n".encode(), [(1, "https://civitai.com/user/猫")]),
        (b"", []),
        (b"\xef\xbb\xbf", []),
        (b"#\n#", []),
    ],
)
def test_a_list_is_one_thing_a_line(listed, data, lines):
    """A byte order mark, any line ends, blank lines and comments ask for nothing."""
    assert lines == read_lines(listed(data), nothing)


def test_a_fragment_of_an_address_is_no_comment(listed):
    """`#` begins a comment only at the start of a line or after a blank."""
    name = listed("https://civitai.com/models/5#gallery\n")
    assert read_lines(name, nothing) == [(1, "https://civitai.com/models/5#gallery")]


def test_a_hyphen_is_standard_input():
    """`--models -` reads the list that is piped in."""
    assert read_lines("-", lambda: b"\xef\xbb\xbf1\r\n\r\n2") == [(1, "1"), (3, "2")]


@pytest.mark.parametrize("data", ["1\n2\n".encode("utf-16"), b"caf\xe9\n"])
def test_a_list_that_is_no_utf8_is_named(listed, data):
    """A list saved in another encoding is an error that names the file."""
    name = listed(data)
    with pytest.raises(ConfigError, match="is not UTF-8") as told:
        read_lines(name, nothing)
    assert name in told.value.message


def test_a_list_that_is_not_there_is_named(tmp_path):
    """A list that cannot be opened is an error that names it; so is a directory."""
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read") as told:
            read_lines(str(path), nothing)
        assert str(path) in told.value.message


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("ann", CreatorTarget("ann")),
        ("Ann_2", CreatorTarget("Ann_2")),
        ("12345", CreatorTarget("12345")),
        ("deadbeef00", CreatorTarget("deadbeef00")),
        ("a-b", CreatorTarget("a-b")),
        ("@ann", CreatorTarget("ann")),
        ("user:ann", CreatorTarget("ann")),
        ("https://civitai.com/user/ann/images?sort=Newest", CreatorTarget("ann", Part.IMAGES)),
        ("civitai.com/user/ann", CreatorTarget("ann")),
    ],
)
def test_a_list_of_users_takes_addresses_and_bare_names(text, target):
    """In a list of users a number is a name, because some names are numbers."""
    assert target == parse_user(text, parse_target)


@pytest.mark.parametrize(
    "text",
    ["https://civitai.com/models/5", "model:5", "https://example.org/user/ann", "a b", "a.b"],
)
def test_a_list_of_users_takes_nothing_else(text):
    """A model in the list of users is told to be in the wrong list."""
    with pytest.raises(TargetError) as told:
        parse_user(text, parse_target)
    assert text in told.value.message


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("5", ModelTarget(5)),
        ("https://civitai.com/models/5/slug?modelVersionId=6", ModelTarget(5, 6)),
        ("version:6", VersionTarget(6)),
        ("deadbeef00", HashTarget("DEADBEEF00")),
    ],
)
def test_a_list_of_models_takes_everything_but_users(text, target):
    """Models, versions, digests, posts and images may stand in the list of models."""
    assert target == parse_model(text, parse_target)


def test_a_user_in_the_list_of_models_is_told_where_to_go():
    """A user in the list of models is an error that names the other list."""
    with pytest.raises(TargetError, match="this names a user") as told:
        parse_model("https://civitai.com/user/ann", parse_target)
    assert "list of users" in told.value.hint


def gather(*lists, arguments=()):
    return collect(lists, arguments, parse=parse_target, stdin=nothing)


def test_everything_is_asked_for_once(listed):
    """The same model in two lists and as an argument is one wish, in its first words."""
    first = listed("https://civitai.com/models/5\n5\n", "one.txt")
    second = listed("# more\nmodel:5\n6\n", "two.txt")
    wanted, bad = gather((first, parse_model), (second, parse_model), arguments=["5", "7"])
    assert wanted == [
        Wanted(ModelTarget(5), "https://civitai.com/models/5", f"{first}:1"),
        Wanted(ModelTarget(6), "6", f"{second}:3"),
        Wanted(ModelTarget(7), "7", "argument"),
    ]
    assert bad == []


def test_names_that_differ_in_case_are_one_user(listed):
    """Ann and ann are one creator, asked for as she was first written."""
    wanted, _ = gather((listed("Ann\nann\nANN\n"), parse_user))
    assert [CreatorTarget("Ann")] == [item.target for item in wanted]


def test_a_whole_creator_takes_in_her_parts(listed):
    """A creator and her images are one wish; her models and her images alone are two."""
    name = listed("civitai.com/user/ann/images\nANN\nciv\n", "users.txt")
    wanted, _ = gather((name, parse_user))
    assert [CreatorTarget("ANN"), CreatorTarget("civ")] == [item.target for item in wanted]
    parts = listed("civitai.com/user/ann/images\ncivitai.com/user/ann/models\n", "parts.txt")
    wanted, _ = gather((parts, parse_user))
    assert [Part.IMAGES, Part.MODELS] == [item.target.part for item in wanted]


def test_every_bad_line_is_named_with_its_place(listed):
    """All lines that name nothing are told at once, each with its file and number."""
    models = listed("5\nnonsense!\n\nhttps://civitai.com/user/ann\n")
    users = listed("ann\nmodel:5\n", "users.txt")
    wanted, bad = gather((users, parse_user), (models, parse_model), arguments=["???"])
    assert [CreatorTarget("ann"), ModelTarget(5)] == [item.target for item in wanted]
    assert [(line.origin, line.text) for line in bad] == [
        (f"{users}:2", "model:5"),
        (f"{models}:2", "nonsense!"),
        (f"{models}:4", "https://civitai.com/user/ann"),
        ("argument", "???"),
    ]
    assert all(isinstance(line, BadLine) and line.text in line.why for line in bad)


@given(
    st.lists(st.integers(1, 9), max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.booleans(),
)
def test_a_list_in_any_dress_is_the_same_list(tmp_path_factory, numbers, end, mark):
    """Line ends and byte order marks change nothing; every model comes once, in its first place."""
    path = tmp_path_factory.mktemp("lists") / "models.txt"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + end.join(b"%d" % n for n in numbers))
    wanted, bad = gather((str(path), parse_model))
    assert [ModelTarget(number) for number in dict.fromkeys(numbers)] == [
        item.target for item in wanted
    ]
    assert bad == []
