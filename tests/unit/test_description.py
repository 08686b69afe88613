"""The description page: complete, readable, and harmless."""

import base64
import hashlib
import re
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.archive._description import (
    DescribedFile,
    DescribedVersion,
    DescriptionPage,
    description_images,
    render_description,
)

BASE = "https://civitai.com/models/827184"
CDN = "https://image.civitai.com/x/uuid"
LOCAL = {f"{CDN}/a.jpeg": "description_files/a 1#.png", f"{CDN}/v.mp4": "description_files/v.mp4"}
BANNED_TAGS = {"script", "iframe", "object", "embed", "link", "form", "base", "svg", "math"}
FETCHING = {"src", "poster", "srcset", "background", "data", "action", "formaction", "ping"}
PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<IMG SRC=javascript:alert(1)>",
    f'<img src="{CDN}/a.jpeg" alt="a">',
    f'<video src="{CDN}/v.mp4" autoplay poster="{CDN}/a.jpeg">old</video>',
    '<video><source src="https://evil.example/v.mp4"><img src="https://evil.example/x"></video>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" java\nscript:alert(1)">x</a>',
    '<a href="https://example.com/?a=1&b=2" onclick="x()" target=_blank>x</a>',
    '<iframe src="https://www.youtube.com/embed/abc"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>">',
    '<iframe src="javascript:alert(1)"></iframe>',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=x&gt;'",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '<div style="background:url(https://evil.example/x)">x</div>',
    '<table background="https://evil.example/x"><tr><td>x</td></tr></table>',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    '<meta http-equiv=refresh content="0;url=https://evil.example">',
    '<base href="https://evil.example/">',
    '<form action="https://evil.example"><input type=image src="https://evil.example/x"></form>',
    '<img srcset="https://evil.example/x 2x">',
    '<input autofocus onfocus="x()">',
    "<!--",
    "-->",
    "</div></main></body>",
    "<video>",
    "</video>",
    "<source src=x>",
    "\ud800\x00\x0b",
    "&lt;script&gt;&amp;amp;&#0;&#x1F600;",
    '"',
    "'",
    "{title}",
]
FRAGMENTS = st.lists(st.sampled_from(PAYLOADS) | st.text(max_size=12), max_size=8).map("".join)


class Reader(HTMLParser):
    """What a browser would meet on a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def says(self, words: str) -> bool:
        return words in "".join(self.text)


def page(description: str | None = None, **given) -> DescriptionPage:
    settings = {"creator": "maker", "local_images": LOCAL, "description": description, **given}
    return DescriptionPage(
        827184, settings.pop("name", "Model"), "LORA", source_url=BASE, **settings
    )


def read(description: str | None = None, **given) -> Reader:
    return Reader(render_description(page(description, **given)))


def dangers(html: str) -> list[str]:
    """List what could run, or load from elsewhere."""
    saved = {"description_files/a%201%23.png", "description_files/v.mp4"}
    found = []
    for tag, attributes in Reader(html).tags:
        found += [tag] if tag in BANNED_TAGS else []
        for name, value in attributes.items():
            if name.startswith("on") or name in ("style", "srcdoc", "autoplay"):
                found.append(f"{tag} {name}")
            if name in FETCHING and value not in saved:
                found.append(f"{tag} {name}={value}")
            if name == "href" and not re.match(r"(https?://|mailto:|#v[0-9]+$)", value):
                found.append(f"{tag} {name}={value}")
    return found


@given(FRAGMENTS, FRAGMENTS, st.lists(FRAGMENTS, max_size=2))
def test_nothing_a_stranger_writes_runs_or_loads(description, text, words):
    """No script, no handler, no style, no remote load, whatever the fields hold."""
    version = DescribedVersion(
        7, text, text, None, tuple(words), description, (DescribedFile(text, 1, text, text),)
    )
    html = render_description(
        page(description, name=text, creator=text, tags=tuple(words), versions=(version, version))
    )
    assert dangers(html) == []
    assert html.encode().decode() == html
    assert len(Reader(html).all("style")) == 1
    assert html.count("</body>") == 1


@given(FRAGMENTS)
def test_the_page_is_the_same_each_time(description):
    """Rendering is deterministic, so an unchanged model leaves its page unchanged."""
    assert render_description(page(description)) == render_description(page(description))


@given(FRAGMENTS)
def test_a_page_asks_for_the_images_that_were_listed_and_no_others(description):
    """Every listed image that was saved is shown; each URL is absolute and listed once."""
    listed = description_images(description, BASE)
    assert len(listed) == len(set(listed))
    assert all(re.match(r"https?://[^/]", url) for url in listed)
    saved = {url: f"i/{number}.png" for number, url in enumerate(listed)}
    shown = read(description, local_images=saved)
    sources = {given["src"] for given in shown.all("img")}
    assert sources <= set(saved.values())
    assert len(sources) == len(saved) or "<video" in description


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        (None, []),
        ("", []),
        (
            '<img src="https://a.example/1"><img src="https://a.example/1#x">',
            ["https://a.example/1"],
        ),
        ('<img src="/b.png">', ["https://civitai.com/b.png"]),
        ('<img src="c.png">', ["https://civitai.com/models/c.png"]),
        ('<img src="//a.example/d.png">', ["https://a.example/d.png"]),
        ('<img src=" HTTPS://a.example/e\n f.png ">', ["https://a.example/e%20f.png"]),
        ('<img src="\\\\a.example\\g.png">', ["https://a.example/g.png"]),
        (
            "<video src=//a.example/1 poster=//a.example/p><source src=//a.example/2></video>",
            ["https://a.example/1", "https://a.example/2", "https://a.example/p"],
        ),
        ("<video><video><source src=//a.example/1></video></video>", ["https://a.example/1"]),
        ("<picture><source srcset=x><img src=//a.example/1></picture>", ["https://a.example/1"]),
        ('<img src="https://a.example/?q=1&amp;w=2">', ["https://a.example/?q=1&w=2"]),
        ("<img><img src=''><img src=data:image/png;base64,AA><img src=javascript:1>", []),
        ("<img src=http://[bad><img src=//[bad><img src=//a.example:x/1><img src=https://>", []),
        ("<img src=file:///etc/passwd><img src=ftp://a.example/1>", []),
        ('<img src="https://user:pw@a.example/1"><img src="//a%2eb/1"><img src="//a b/1">', []),
        ("<img src='https://\u2100.example/1'>", []),
        ("<iframe src=https://a.example/v></iframe>", []),
    ],
)
def test_images_of_a_description(html, urls):
    """Images and videos are listed as a browser would ask for them, and nothing else is."""
    assert description_images(html, BASE) == urls


def test_a_saved_image_is_shown_from_the_disk():
    """The source is the path beside the page, escaped as a URL, with its text and its size."""
    shown = read(
        f'<img src="{CDN}/a.jpeg" alt="cover &quot;art&quot;" width="525" height="9e9" id=x>'
    )
    assert shown.all("img") == [
        {
            "src": "description_files/a%201%23.png",
            "width": "525",
            "alt": 'cover "art"',
            "loading": "lazy",
        }
    ]


def test_a_missing_image_leaves_its_text():
    """Instead of an image that was not saved stand a note and its text, and no link."""
    shown = read(f'<p>x<img src="{CDN}/gone.png" alt="the <grid>"><img></p>')
    assert shown.says("not saved: the <grid>")
    assert shown.all("img") == []
    assert [{"class": "missing", "title": f"{CDN}/gone.png"}, {"class": "missing"}] == [
        given for given in shown.all("span") if given["class"] == "missing"
    ]


def test_a_saved_video_waits_for_the_reader():
    """A video has controls and loads nothing before it is played; old-browser text goes."""
    sources = f'<source src="{CDN}/none.mp4"><source src="{CDN}/v.mp4">'
    shown = read(f"<video autoplay loop>{sources}<p>old</p></video>")
    assert shown.all("video") == [
        {"src": "description_files/v.mp4", "controls": "controls", "preload": "none"}
    ]
    assert not shown.says("old")


def test_the_type_on_disk_decides_how_a_file_is_shown():
    """The service calls a sound or a film an image and a still a video; the saved bytes know."""
    local = {f"{CDN}/1": "f/1.webm", f"{CDN}/2": "f/2.mp3", f"{CDN}/3": "f/3.webp"}
    html = f'<img src="{CDN}/1"><img src="{CDN}/2"><video src="{CDN}/3" poster="{CDN}/3"></video>'
    shown = read(html, local_images=local)
    assert [given["src"] for given in shown.all("video")] == ["f/1.webm"]
    assert [given["src"] for given in shown.all("audio")] == ["f/2.mp3"]
    assert [given["src"] for given in shown.all("img")] == ["f/3.webp"]


def test_a_poster_is_shown_when_it_was_saved():
    """A saved cover stands in for the film until it plays."""
    html = f'<video src="{CDN}/v.mp4" poster="{CDN}/a.jpeg"></video>'
    assert read(html).all("video")[0]["poster"] == "description_files/a%201%23.png"


def test_a_player_becomes_a_link():
    """YouTube is not asked before somebody clicks; a player without a URL is dropped."""
    shown = read(
        '<iframe src="//www.youtube.com/embed/abc"><b>x</b></iframe><iframe></iframe>after'
    )
    links = [given for given in shown.all("a") if given.get("class") == "player"]
    assert links == [
        {
            "class": "player",
            "href": "https://www.youtube.com/embed/abc",
            "rel": "noopener noreferrer nofollow",
        }
    ]
    assert shown.says("https://www.youtube.com/embed/abc")
    assert shown.says("after")


def test_links_are_absolute_and_tell_nothing():
    """Links lead where they led on the site, without opener, referrer or recommendation."""
    shown = read(
        '<a href="/models/1#top">a</a><a href="mailto:a@b.example">b</a><a href="ftp://c">c</a>'
        '<a href="https://[">d</a>'
    )
    rel = "noopener noreferrer nofollow"
    assert shown.all("a")[1:] == [
        {"href": "https://civitai.com/models/1#top", "rel": rel},
        {"href": "mailto:a@b.example", "rel": rel},
        {"rel": rel},
        {"rel": rel},
    ]


def test_the_policy_allows_the_style_of_the_page_and_local_media_only():
    """Should anything slip through, the browser itself refuses to run or to load it."""
    html = render_description(page())
    policy = next(
        given["content"]
        for given in Reader(html).all("meta")
        if given.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "img-src": "'self' file:",
        "media-src": "'self' file:",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert "url(" not in style
    assert "@import" not in style


def test_all_that_is_known_of_a_model_is_on_the_page():
    """Name, kind, creator, tags, and of each version its words, text and files."""
    version = DescribedVersion(
        id=2167369,
        name="v15 السلام",
        base_model="Illustrious",
        published_at=datetime(2025, 3, 9, 23, 59, tzinfo=timezone.utc),
        trained_words=("1girl, solo", "<lora:x:1>", " "),
        description="<p>better hands</p>",
        files=(
            DescribedFile("重み.safetensors", 6938040682, "A5F5", "stored"),
            DescribedFile("train.zip", None, None, "early access"),
            DescribedFile("note.txt", 12, None, ""),
            DescribedFile("huge.bin", 5 * 1024**5, None, ""),
        ),
    )
    other = DescribedVersion(id=1, name="v1")
    shown = read(
        "<h2>使い方</h2>", name="アニメ & <b>", tags=("美少女",), versions=(version, other)
    )
    facts = "LORA maker 美少女 使い方 Illustrious 2025-03-09 重み.safetensors stored train.zip 12"
    for words in [*facts.split(" "), BASE, "アニメ & <b>", "ID 827184", "v15 السلام", "ID 2167369"]:
        assert shown.says(words), words
    for words in ["1girl, solo", "<lora:x:1>", "better hands", "6.462 GiB", "5120 TiB", "12 B"]:
        assert shown.says(words), words
    for words in ["SHA256 A5F5", "early access"]:
        assert shown.says(words), words
    assert {"href": "#v2167369", "dir": "auto"} in shown.all("a")
    assert [given["id"] for given in shown.all("details")] == ["v2167369", "v1"]


def test_a_model_with_next_to_nothing_still_has_a_page():
    """No creator, no text, no versions, and a source that is no link."""
    html = render_description(DescriptionPage(1, "x", "", None, "not a url"))
    assert dangers(html) == []
    assert Reader(html).says("not a url")
    assert Reader(html).all("nav") == []


def test_absurd_nesting_is_shown_as_text_at_once():
    """Sanitising takes the square of the depth; a page built to hang us is shown as its source."""
    bomb = "<div>" * 100_000 + "<img src=https://a.example/1.png>"
    assert description_images(bomb, BASE) == []
    assert read(bomb).says("<div><div>")
    long = f"<div><p>one<br><b>two</b></p><img src={CDN}/a.jpeg></div>" * 3_000
    assert len(read(long).all("img")) == 3_000


@pytest.mark.parametrize("path", ["/etc/passwd", "//evil.example/x.png", "a\\b.png"])
def test_a_saved_path_must_be_relative(path):
    """A path that would leave the folder, or the computer, is a bug of the caller."""
    with pytest.raises(ValueError, match="relative"):
        render_description(page(local_images={f"{CDN}/a.jpeg": path}))
