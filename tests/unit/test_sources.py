"""Every form in which people name a thing of the service, each with exactly one meaning."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import search_text, settled
from civitai_dl.domain.entities import (
    SUBJECTS,
    CreatorTarget,
    HashTarget,
    ImageTarget,
    Kind,
    ModelTarget,
    Part,
    PostTarget,
    SearchTarget,
    SearchTerms,
    Selection,
    VersionTarget,
    Wanted,
)
from civitai_dl.errors import TargetError
from civitai_dl.sources import all_sources, narrow, parse_target
from civitai_dl.sources._urls import SITES, site_path

SHA = "0123456789ABCDEF" * 4
PATHS = [
    ("/models/4384", ModelTarget(4384), "model"),
    ("/models/4384/", ModelTarget(4384), "model"),
    ("/models/4384/dreamshaper", ModelTarget(4384), "model"),
    ("/models/4384/dreamshaper/", ModelTarget(4384), "model"),
    ("/models/4384/%E3%83%A2%E3%83%87%E3%83%AB", ModelTarget(4384), "model"),
    ("/models/4384/a%20b?utm_source=x&utm=y", ModelTarget(4384), "model"),
    ("/models/4384#gallery", ModelTarget(4384), "model"),
    ("/models/4384?modelVersionId=128713", ModelTarget(4384, 128713), "model"),
    ("/models/4384/dreamshaper?modelVersionId=128713#x", ModelTarget(4384, 128713), "model"),
    ("/models/4384?a=b&modelVersionId=128713&c=d", ModelTarget(4384, 128713), "model"),
    ("/models/4384?modelVersionId=", ModelTarget(4384), "model"),
    ("/models/4384?modelVersionId=latest", ModelTarget(4384), "model"),
    ("/models/2147483647", ModelTarget(2_147_483_647), "model"),
    ("/api/v1/models/4384", ModelTarget(4384), "model"),
    ("/model-versions/128713", VersionTarget(128713), "version"),
    ("/model-versions/128713/", VersionTarget(128713), "version"),
    ("/model-versions/128713?x=1", VersionTarget(128713), "version"),
    ("/api/v1/model-versions/128713", VersionTarget(128713), "version"),
    ("/api/download/models/128713", VersionTarget(128713), "version"),
    ("/api/download/models/128713?type=Model&format=SafeTensor", VersionTarget(128713), "version"),
    ("/api/download/models/128713?fileId=7", VersionTarget(128713), "version"),
    ("/images/98780806", ImageTarget(98780806), "gallery"),
    ("/images/98780806?postId=5&period=AllTime", ImageTarget(98780806), "gallery"),
    ("/posts/12345", PostTarget(12345), "gallery"),
    ("/posts/12345/", PostTarget(12345), "gallery"),
    ("/user/ann", CreatorTarget("ann"), "creator"),
    ("/user/ann/", CreatorTarget("ann"), "creator"),
    ("/user/Ann_2?sort=Newest", CreatorTarget("Ann_2"), "creator"),
    ("/user/12345", CreatorTarget("12345"), "creator"),
    ("/user/%41nn", CreatorTarget("Ann"), "creator"),
    ("/user/%E7%8C%AB", CreatorTarget("猫"), "creator"),
    ("/user/ann/models", CreatorTarget("ann", Part.MODELS), "creator"),
    ("/user/ann/models?types=LORA", CreatorTarget("ann", Part.MODELS), "creator"),
    ("/user/ann/images", CreatorTarget("ann", Part.IMAGES), "creator"),
    ("/user/ann/videos/", CreatorTarget("ann", Part.IMAGES), "creator"),
    ("/user/ann/posts", CreatorTarget("ann", Part.IMAGES), "creator"),
    ("/tag/anime", SearchTarget(tag="anime"), "tag"),
    ("/tag/two%20words/?sort=Newest", SearchTarget(tag="two words"), "tag"),
    ("/tag/%E7%8C%AB", SearchTarget(tag="猫"), "tag"),
    ("/search/models?query=a%20cat", SearchTarget("a cat"), "search"),
    ("/search/models?sortBy=models_v9&query=a+cat", SearchTarget("a cat"), "search"),
    (
        "/search/models?modelType=LORA&modelType=Checkpoint&baseModel=SDXL%201.0&query=cat",
        SearchTarget("cat", terms=SearchTerms(("LORA", "Checkpoint"), ("SDXL 1.0",))),
        "search",
    ),
    (
        "/models?query=cat&tag=anime&view=feed&utm_source=x",
        SearchTarget("cat", "anime"),
        "search",
    ),
    (
        "/models?query=cat&types=LORA&sort=Most+Downloaded&period=Month",
        SearchTarget("cat", terms=SearchTerms(("LORA",), (), "Most Downloaded", "Month")),
        "search",
    ),
]
TAG_LINK = ("https://civitai.com/models?tag=anime", SearchTarget(tag="anime"), "search")
"""Read by one source and begun by another: it is the same list as that of /tag/anime."""

HEADS = [f"https://civitai.{end}" for end in ("com", "red", "green", "blue")] + [
    "http://civitai.com",
    "https://www.civitai.com",
    "https://api.civitai.com",
    "HTTPS://CIVITAI.COM",
    "https://civitai.com:443",
    "https://civitaired.com",
    "civitai.com",
    "www.civitai.red",
    "http://127.0.0.1:8000",
    "http://localhost:8000",
    "http://[::1]:8000",
]
SHORT = [
    ("4384", ModelTarget(4384), "model"),
    ("model:4384", ModelTarget(4384), "model"),
    ("0004384", ModelTarget(4384), "model"),
    ("1234567890", ModelTarget(1_234_567_890), "model"),
    ("urn:air:sdxl:checkpoint:civitai:4384@128713", ModelTarget(4384, 128713), "model"),
    ("urn:air:sd1:lora:civitai:4384", ModelTarget(4384), "model"),
    ("air:sd1:lora:civitai:4384@5.ckpt", ModelTarget(4384, 5), "model"),
    ("version:128713", VersionTarget(128713), "version"),
    (SHA, HashTarget(SHA), "version"),
    (SHA.lower(), HashTarget(SHA), "version"),
    (f"sha256:{SHA}", HashTarget(SHA), "version"),
    ("879DB523C3", HashTarget("879DB523C3"), "version"),
    ("879db523c3", HashTarget("879DB523C3"), "version"),
    ("hash:1234567890", HashTarget("1234567890"), "version"),
    ("0" * 63 + "A", HashTarget("0" * 63 + "A"), "version"),
    ("image:98780806", ImageTarget(98780806), "gallery"),
    ("post:12345", PostTarget(12345), "gallery"),
    ("user:ann", CreatorTarget("ann"), "creator"),
    ("user:12345", CreatorTarget("12345"), "creator"),
    ("@ann", CreatorTarget("ann"), "creator"),
    ("879DB523C30D", HashTarget("879DB523C30D"), "version"),
    ("autov3:123456789012", HashTarget("123456789012"), "version"),
    (f"autov3:{SHA}", HashTarget(SHA), "version"),
    (f"BLAKE3:{SHA}", HashTarget(SHA), "version"),
    ("autov2:1234567890", HashTarget("1234567890"), "version"),
    ("autov1:879db523", HashTarget("879DB523", "AutoV1"), "version"),
    ("crc32:12345678", HashTarget("12345678", "CRC32"), "version"),
    ("tag:anime", SearchTarget(tag="anime"), "tag"),
    ("tag:two words", SearchTarget(tag="two words"), "tag"),
    ("tag:a?max-models=5", SearchTarget(tag="a", terms=SearchTerms(most=5)), "tag"),
    ("search:a cat", SearchTarget("a cat"), "search"),
    ("search:a?b", SearchTarget("a?b"), "search"),
    ("search:why?", SearchTarget("why?"), "search"),
    ("search:50%25 grey%3Fx=1", SearchTarget("50% grey?x=1"), "search"),
    ("search:c++", SearchTarget("c++"), "search"),
    ("search:https://x.example/", SearchTarget("https://x.example/"), "search"),
    (
        "search:cat?types=lora,checkpoint&base-models=SDXL 1.0&sort=most-liked&period=week",
        SearchTarget(
            "cat", terms=SearchTerms(("LORA", "Checkpoint"), ("SDXL 1.0",), "Most Liked", "Week")
        ),
        "search",
    ),
    ("search:cat?tag=blue", SearchTarget("cat", "blue"), "search"),
    ("favorites:", SearchTarget(favorites=True), "favorites"),
    ("favourites", SearchTarget(favorites=True), "favorites"),
    (
        "favorites:?types=VAE",
        SearchTarget(favorites=True, terms=SearchTerms(("VAE",))),
        "favorites",
    ),
]
FORMS = [(f"https://civitai.com{path}", target, name) for path, target, name in PATHS] + SHORT


def readers(text):
    """The names of the sources that claim a text."""
    return [source.name for source in all_sources() if source.parse(text) is not None]


@pytest.mark.parametrize("head", HEADS)
def test_a_page_means_the_same_on_every_front_of_the_service(head):
    """A link from .com, .red, .green or .blue, with or without its scheme, names the same thing."""
    for path, target, name in PATHS:
        assert target == parse_target(head + path), head + path
        assert [name] == readers(head + path), head + path


@pytest.mark.parametrize(("text", "target", "name"), SHORT)
def test_a_short_form_names_exactly_one_thing(text, target, name):
    """A number, a resource name, a digest or a word with a colon is read by one source only."""
    assert target == parse_target(f"  {text}\n")
    assert [name] == readers(text)


def test_what_follows_a_link_may_hold_another_link():
    """A link without its scheme is read although its query has one."""
    assert ModelTarget(5) == parse_target("civitai.com/models/5?from=https://example.org/")


# --- the folder of sources


def test_the_examples_are_read_by_their_own_source_alone():
    """Each source shows one address, which it and no other reads."""
    examples = {source.name: source.example for source in all_sources()}
    lists = {"favorites", "search", "tag"}
    assert {"creator", "gallery", "model", "version", *lists} == set(examples)
    for name, text in examples.items():
        assert [name] == readers(text)


def test_no_two_sources_claim_one_path():
    """Of all patterns of all sources exactly one fits each path that any source reads."""
    patterns = [pattern for source in all_sources() for pattern in source.patterns]
    for path, _, name in PATHS:
        plain = site_path(f"https://civitai.com{path}")
        assert plain is not None
        fitting = [pattern for pattern in patterns if re.fullmatch(pattern, plain)]
        assert len(fitting) == 1
        owner = next(source for source in all_sources() if fitting[0] in source.patterns)
        assert name == owner.name


def test_every_page_has_one_source_and_no_file_has_any():
    """Each kind of page is read by one source; files, images and what is written by none."""
    kinds = [kind for source in all_sources() for kind in source.kinds]
    assert sorted(kinds) == sorted(
        {Kind.MODEL, Kind.LOOKUP, Kind.CREATOR, Kind.SEARCH, Kind.GALLERY}
    )
    assert set(kinds) | {Kind.FILE, Kind.IMAGE, Kind.DRESS} == set(SUBJECTS)


@pytest.mark.parametrize(("text", "target", "name"), FORMS)
def test_what_is_asked_for_begins_with_tasks_of_its_own_source(text, target, name):
    """Every target is begun by the one source that reads it, with pages that some source reads."""
    begun = [
        (source, planned)
        for source in all_sources()
        if (planned := source.roots(target, Selection())) is not None
    ]
    assert len(begun) == 1
    source, planned = begun[0]
    assert name == source.name
    readable = {kind for one in all_sources() for kind in one.kinds}
    assert {found.task.kind for found in planned} <= readable
    assert len({found.task.key for found in planned}) == len(planned)


@pytest.mark.parametrize(
    ("text", "selection", "keys"),
    [
        ("5", Selection(), ["model:5", "gallery:model:5"]),
        ("5", Selection(gallery=False), ["model:5"]),
        ("5", Selection(images=False), ["model:5"]),
        (
            "civitai.com/models/5?modelVersionId=6",
            Selection(),
            ["model:5/version:6", "gallery:version:6"],
        ),
        ("version:6", Selection(), ["lookup:version:6"]),
        ("879DB523C3", Selection(), ["lookup:hash:879DB523C3"]),
        ("user:Ann", Selection(), ["creator:ann", "gallery:user:ann"]),
        ("user:Ann", Selection(gallery=False), ["creator:ann"]),
        ("civitai.com/user/Ann/models", Selection(), ["creator:ann"]),
        ("civitai.com/user/Ann/images", Selection(), ["gallery:user:ann"]),
        ("post:7", Selection(), ["gallery:post:7"]),
        ("image:8", Selection(), ["gallery:image:8"]),
        ("autov1:879DB523", Selection(), ["lookup:autov1:879DB523"]),
        ("tag:Anime", Selection(), ["tag:anime"]),
        (TAG_LINK[0], Selection(), ["tag:anime"]),
        ("search:a cat?sort=newest&types=VAE", Selection(), ["search:a cat?types=VAE"]),
        ("search:A?max-models=7", Selection(), ["search:A?sort=Highest Rated&max-models=7"]),
        ("favourites:?period=AllTime", Selection(), ["favorites:"]),  # codespell:ignore
    ],
)
def test_a_target_begins_with_these_tasks(text, selection, keys):
    """A model begins with its page and gallery, a creator with both lists, and so on."""
    target = parse_target(text)
    begun = [source.roots(target, selection) for source in all_sources()]
    assert [keys] == [
        [found.task.key for found in planned] for planned in begun if planned is not None
    ]


# --- what names nothing

NONSENSE = [
    "",
    "   ",
    "hello world",
    "ann",
    "0",
    "model:0",
    "-5",
    "5.5",
    "2147483648",
    "9999999999",
    "version:0",
    "image:0",
    "image:2147483648",
    "user:",
    "user:a/b",
    "@",
    "https://",
    "https://civitai.com",
    "https://civitai.com/",
    "https://civitai.com/models",
    "https://civitai.com/models/abc",
    "https://civitai.com/models/0",
    "https://civitai.com/models/2147483648",
    "https://civitai.com/models/4384/slug/reviews",
    "https://civitai.com/models/-5",
    "https://civitai.com/user/",
    "https://civitai.com/user/ann/followers",
    "https://civitai.com/images/abc",
    "https://civitai.com/posts/0",
    "https://civitai.com/articles/5",
    "https://civitai.com/tag/",
    "https://civitai.com/search/images?query=cat",
    "https://civitai.com/search/models",
    "https://civitai.com/models?types=LORA",
    "https://civitai.com/search/models?query=cat&users=ann",
    "https://civitai.com/models/5?modelVersionId=0",
    "https://civitai.com/models/5?modelVersionId=2147483648",
    "https://civitai.com/user/ann bob",
    "search:",
    "search: ?types=LORA",
    "search:cat?sort=best",
    "search:cat?period=Decade",
    "search:cat?max-models=0",
    "search:cat?max-models=many",
    "search:cat?colour=blue",
    "search:cat?sort=Newest&sort=Oldest",
    "tag:",
    "tag:a?tag=b",
    "favorites:x",
    "favorites:?query=x",
    "collection:5",
    "879DB523",
    "hash:879DB523",
    "autov1:879DB523C3",
    "autov1:879DB52G",
    "https://civitai.com/api/download/models/abc",
    "https://civitai.com/api/download/attachments/5",
    "https://civitai.example/models/5",
    "https://civitai.com.example.org/models/5",
    "https://notcivitai.com/models/5",
    "https://image.civitai.com/models/5",
    "https://example.org/civitai.com/models/5",
    "https://example.org/models/5",
    "https://civitai.com@example.org/models/5",
    "https://10.0.0.1/models/5",
    "https://127.0.0.1.example.org/models/5",
    "ftp://civitai.com/models/5",
    "file:///models/5",
    "javascript:alert(1)",
    "https://[civitai.com/models/5",
    "urn:air:sdxl:checkpoint:huggingface:4384@128713",
    "hash:xyz",
    "0123456789ABCDE",
    "sha256:0123",
]


@pytest.mark.parametrize("text", NONSENSE)
def test_what_names_nothing_is_named_in_the_error(text):
    """A line that is no model, version, creator, post or image is told back as it was written."""
    with pytest.raises(TargetError) as told:
        parse_target(text)
    assert text.strip() in told.value.message
    assert told.value.hint
    assert readers(text) == []


@pytest.mark.parametrize("head", ["", "version:", "image:", "https://civitai.com/models/"])
def test_a_number_of_thousands_of_digits_names_nothing(head):
    """A line of nothing but digits is told back like any other nonsense."""
    with pytest.raises(TargetError):
        parse_target(f"{head}{'9' * 5_000}")


def test_a_version_id_that_only_looks_like_a_number_is_none():
    """A superscript two after ?modelVersionId= is no version."""
    assert ModelTarget(5) == parse_target("https://civitai.com/models/5?modelVersionId=²")


def test_an_air_beyond_the_services_ids_names_nothing():
    """A resource name with an id that the service cannot have is told back as nonsense."""
    with pytest.raises(TargetError):
        parse_target("urn:air:sdxl:lora:civitai:99999999999@1")


def test_a_long_line_is_told_back_in_part():
    """An error message has room for 200 characters of nonsense."""
    with pytest.raises(TargetError) as told:
        parse_target("x" * 10_000)
    assert told.value.message.count("x") == 200


@pytest.mark.parametrize("head", HEADS)
def test_a_collection_is_told_to_be_impossible(head):
    """The service does not tell what a collection holds: the error says so, and what to do."""
    with pytest.raises(TargetError, match="collections cannot be listed") as told:
        parse_target(f"{head}/collections/5")
    assert "/collections/5" in told.value.message
    assert "favorites:" in told.value.hint


# --- how a list is written


WORDS = (
    st.text(min_size=1, max_size=12)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: text and text.isprintable())
)
TERMS = st.builds(
    SearchTerms,
    types=st.lists(st.sampled_from(["LORA", "VAE", "Checkpoint"]), unique=True).map(tuple),
    base_models=st.lists(WORDS, max_size=2, unique=True).map(tuple),
    sort=st.sampled_from(["", "Newest", "Most Liked"]),
    period=st.sampled_from(["", "Week"]),
    most=st.none() | st.integers(1, 1_000_000),
)
LISTS = st.one_of(
    st.builds(SearchTarget, query=WORDS, tag=st.just("") | WORDS, terms=TERMS),
    st.builds(SearchTarget, tag=WORDS, terms=TERMS),
    st.builds(SearchTarget, favorites=st.just(True), terms=TERMS),
)


@given(LISTS)
@example(SearchTarget("a?b=c&d #e", terms=SearchTerms(base_models=("a,b", "c+d%2C"))))
def test_a_list_is_written_as_it_is_read(target):
    """Whatever is searched for, the line that is kept of it names the same list again."""
    known = settled(target)
    text = search_text(known)
    assert text == text.strip()
    assert len(text.splitlines()) == 1
    assert " #" not in text
    assert settled(parse_target(text)) == known
    assert known == settled(known)


def test_what_a_link_says_is_not_widened_by_options():
    """The words of a list itself go before the options of the run, and others are added."""
    own = "search:cat?types=LORA&max-models=5"
    things = [Wanted(parse_target(text), text, "argument") for text in (own, "tag:a", "model:5")]
    terms = SearchTerms(types=("VAE",), sort="Newest", period="Week", most=9)
    texts = [item.text for item in narrow(things, terms)]
    assert texts == [
        "search:cat?types=LORA&sort=Newest&period=Week&max-models=5",
        "tag:a?types=VAE&sort=Newest&period=Week&max-models=9",
        "model:5",
    ]
    again = [Wanted(parse_target(text), text, "argument") for text in texts]
    assert [item.text for item in narrow(again, terms)] == texts


def test_lists_that_become_equal_are_one():
    """Two ways of saying the same list are one thing, also when an option makes them so."""
    texts = ("tag:a", "tag:A?max-models=9", "https://civitai.com/tag/a")
    things = [Wanted(parse_target(text), text, "argument") for text in texts]
    assert 1 == len(narrow(things, SearchTerms(most=9)))


@given(
    st.text(max_size=40)
    | st.tuples(
        st.sampled_from(
            [
                "",
                "search:",
                "tag:a?",
                "favorites:?",
                "civitai.com/models?",
                "user:",
                "model:",
                "https://civitai.com/",
                "civitai.com/models/",
            ]
        ),
        st.text(alphabet="0123456789abcdef/:?#[]@%²５-_.", max_size=20),
    ).map("".join)
)
def test_no_line_has_two_meanings(text):
    """Whatever is written, at most one source reads it, and nobody is baffled by it."""
    names = readers(text.strip())
    assert len(names) <= 1
    if not names:
        with pytest.raises(TargetError):
            parse_target(text)


@given(st.text(max_size=30))
def test_a_path_is_read_only_on_the_services_own_sites(text):
    """An address of any other host is no address of the service."""
    host = f"{text}.example"
    assert site_path(f"https://{host}/models/5") is None
    for site in SITES:
        assert site_path(f"https://{site}/models/5") == "/models/5"
