"""The description of a model as one HTML file that needs nothing but the files beside it.

Descriptions are HTML by strangers, with remote images and players (observed). nh3
sanitises them, first and last; in between, media are pointed to local files. Nothing on the page
runs, and nothing on it loads from a network: the tags see to that, and the policy says it again.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import nh3

from civitai_dl.domain.decisions import media_of
from civitai_dl.domain.entities import Media

from ._described import DescribedFile, DescribedVersion, DescriptionPage

_SCHEMES: Final = {"http", "https", "mailto"}
_REL: Final = "noopener noreferrer nofollow"
_TEXT_TAGS: Final = set(nh3.ALLOWED_TAGS) - {"area", "map", "img"}
_SOURCE_TAGS: Final = _TEXT_TAGS | {"img", "video", "source", "iframe"}
_PAGE_TAGS: Final = _TEXT_TAGS | {"img", "video", "audio"}
_BOX: Final = {"width", "height"}
_PLAYER: Final = {"controls": "controls", "preload": "none"}
_ATTRIBUTES: Final = {
    tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items() if tag in _TEXT_TAGS
} | {
    "*": {"dir", "lang", "title"},
    "img": {"src", "alt", "loading"} | _BOX,
    "video": {"src", "poster", *_PLAYER} | _BOX,
    "audio": {"src", *_PLAYER},
    "source": {"src"},
    "iframe": {"src"},
}
_CLASSES: Final = {"span": {"missing"}, "a": {"player"}}

_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_IN_NO_URL: Final = re.compile(r"[\t\n\r]")
_IN_NO_HOST: Final = re.compile(r"[\s@%<>\"'`{}|\\^]")
_PIXELS: Final = re.compile(r"[0-9]{1,5}")
_NESTING: Final = re.compile(r"<(/?)(?!(?:p|li|br|hr|img|col|wbr|source)\b)[a-z]", re.IGNORECASE)
_DEEPEST: Final = 2_000  # sanitising takes the square of the depth: 100,000 is 20 s


def description_images(html: str | None, base_url: str) -> list[str]:
    """List the images and videos that a description shows: absolute http(s) URLs, each once.

    html: a description fragment of the service, or None. base_url: of the page it stood on.
    In the order of the text; fragments of URLs are dropped. What is no http(s) URL with a plain
    host (data:, malformed, with a user name) is left out. Deterministic, raises nothing.
    """
    return list(_localised(html, base_url, {}).found)


def render_description(page: DescriptionPage) -> str:
    """Write the page of one model: a whole HTML document, to be saved as UTF-8.

    Deterministic. No script, no style but its own, no load from a network; links lead to http,
    https and mailto only. An image that is not in `local_images` becomes a note with its text.
    Raises: ValueError when a path in `local_images` is absolute or has a backslash.
    """
    local = {url: _relative_url(path) for url, path in page.local_images.items()}
    title = _text(page.name)
    facts = [_text(page.kind), _text(page.creator or ""), f"ID {page.model_id:d}"]
    head = f"<p class=facts>{_joined(facts)}</p>\n<p class=facts>{_link(page.source_url)}</p>"
    head += f"\n<p>{_note(page.gone)}</p>" if page.gone else ""
    versions = "\n".join(_version(version, page.source_url, local) for version in page.versions)
    return _DOCUMENT.format(
        policy=_POLICY,
        style=_STYLE,
        title=title,
        model_id=page.model_id,
        head=head,
        tags=_chips("tags", page.tags),
        contents=_contents(page.versions),
        description=clean_description(page.description, page.source_url, local),
        versions=versions,
    )


def _contents(versions: tuple[DescribedVersion, ...]) -> str:
    if not versions[1:]:
        return ""
    links = (f'<a href="#v{item.id:d}" dir=auto>{_text(item.name)}</a>' for item in versions)
    return f"<nav>{' '.join(links)}</nav>"


def _version(version: DescribedVersion, base_url: str, local: Mapping[str, str]) -> str:
    published = version.published_at.date().isoformat() if version.published_at else ""
    facts = _joined([_text(version.base_model or ""), published, f"ID {version.id:d}"])
    files = "\n".join(map(_file, version.files))
    return (
        f'<details class=version id="v{version.id:d}" open>\n'
        f"<summary><h2 dir=auto>{_text(version.name)}</h2>"
        f"<span class=facts>{facts}</span>{_note(version.gone)}</summary>\n"
        f"{_chips('words', version.trained_words)}\n"
        f"{clean_description(version.description, base_url, local)}\n"
        f"{f'<ul class=files>{files}</ul>' if files else ''}\n</details>"
    )


def _note(words: str) -> str:
    return f" <span class=missing>{_text(words)}</span>" if words else ""


def _file(file: DescribedFile) -> str:
    digest = f"<code class=digest>SHA256 {_text(file.sha256)}</code>" if file.sha256 else ""
    facts = _joined([_size(file.size), _text(file.state)])
    return f"<li><b dir=auto>{_text(file.name)}</b> <span class=facts>{facts}</span>{digest}</li>"


def clean_description(html: str | None, base_url: str, local: Mapping[str, str]) -> str:
    """Sanitise a fragment for good; `local`: URLs at which media are shown, by absolute URL."""
    known = set(local.values())

    def keep(_element: str, name: str, value: str) -> str | None:
        return value if name not in ("src", "poster") or value in known else None

    body = nh3.clean(
        "".join(_localised(html, base_url, local).html),
        tags=_PAGE_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        allowed_classes=_CLASSES,
        url_schemes=_SCHEMES,
        link_rel=_REL,
    )
    return f"<div class=prose dir=auto>{body}</div>" if body.strip() else ""


def _localised(html: str | None, base_url: str, local: Mapping[str, str]) -> "_Localiser":
    fragment = _UNPRINTABLE.sub("\ufffd", html or "")
    depth = deepest = 0
    for tag in _NESTING.finditer(fragment):
        depth += -1 if tag[1] else 1
        deepest = max(deepest, depth)
    localiser = _Localiser(base_url, local)
    if deepest > _DEEPEST:
        localiser.handle_data(fragment)
        return localiser
    sanitised = nh3.clean(
        fragment, tags=_SOURCE_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None
    )
    localiser.feed(sanitised)
    localiser.close()
    return localiser


class _Localiser(HTMLParser):
    """Writes sanitised HTML again, with local media, absolute links, and links for players."""

    def __init__(self, base_url: str, local: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, None] = {}
        self.html: list[str] = []
        self._base_url = base_url
        self._local = local
        self._within = ""  # an iframe or video: what it contains is for browsers without them
        self._depth = 0
        self._video: dict[str, str] = {}
        self._sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write the tag, or what stands for it."""
        given = {name: value or "" for name, value in attrs}
        if self._within:
            if tag == "source":
                self._sources.append(given.get("src", ""))
            elif tag == self._within == "video":
                self._depth += 1
        elif tag in ("iframe", "video"):
            self._within, self._depth = tag, 1
            self._video, self._sources = given, [given.get("src", "")]
        elif tag == "img":
            self._write_media([given.get("src", "")], given)
        elif tag != "source":
            if "href" in given and not given["href"].lower().startswith("mailto:"):
                given["href"] = _absolute(given["href"], self._base_url) or ""
            self.html.append(_tag(tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Close what is open; a video is written here, where all its sources are known."""
        if self._within:
            self._depth -= tag == self._within
            if self._depth:
                return
            self._within = ""
            if tag == "video":
                self._write_media(self._sources, self._video)
            else:
                self._write_player(self._sources[0])
        else:
            self.html.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Write text as text."""
        if not self._within:
            self.html.append(escape(data, quote=False))

    def _write_player(self, src: str) -> None:
        url = _absolute(src, self._base_url)
        if url:
            self.html.append(f"{_tag('a', {'class': 'player', 'href': url})}{escape(url)}</a>")

    def _write_media(self, sources: list[str], given: dict[str, str]) -> None:
        urls = [url for source in sources if (url := self._find(source))]
        poster = self._find(given.get("poster", ""))
        local = next((self._local[url] for url in urls if url in self._local), None)
        alt = given.get("alt") or given.get("title") or ""
        if local is None:
            note = escape(f"not saved: {alt}".rstrip(": "), quote=False)
            named = {"class": "missing", "title": urls[0] if urls else ""}
            self.html.append(f"{_tag('span', named)}{note}</span>")
            return
        shown = {"src": local, "title": given.get("title", "")}
        shown |= {name: given[name] for name in _BOX if _PIXELS.fullmatch(given.get(name, ""))}
        if media_of(local) is Media.VIDEO:
            shown |= {"poster": self._local.get(poster or "", ""), **_PLAYER}
            self.html.append(f"{_tag('video', shown)}</video>")
        elif media_of(local) is Media.AUDIO:
            self.html.append(f"{_tag('audio', shown | _PLAYER)}</audio>")
        else:
            self.html.append(_tag("img", shown | {"alt": alt, "loading": "lazy"}))

    def _find(self, source: str) -> str | None:
        url = _absolute(source, self._base_url)
        if url is not None:
            url = urldefrag(url).url
            self.found[url] = None
        return url


def _absolute(url: str, base_url: str) -> str | None:
    """Resolve as a browser does: without line breaks, with backslashes for slashes."""
    wanted = _IN_NO_URL.sub("", url).strip().replace("\\", "/")
    try:
        parts = urlsplit(urljoin(base_url, wanted))
        host, _ = parts.hostname, parts.port  # asking for the port proves that it is a number
    except ValueError:
        return None
    if not wanted or parts.scheme not in ("http", "https") or not host:
        return None
    return None if _IN_NO_HOST.search(parts.netloc) else parts.geturl().replace(" ", "%20")


def _relative_url(path: str) -> str:
    if path.startswith("/") or "\\" in path:
        raise ValueError(f"not a path relative to the page: {path!r}")
    return quote(path)


def _tag(tag: str, attributes: Mapping[str, str]) -> str:
    written = (f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f"<{tag}{''.join(written)}>"


def _text(text: str) -> str:
    return escape(_UNPRINTABLE.sub("\ufffd", text))


def _link(url: str) -> str:
    safe = _absolute(url, "")
    return f'<a href="{_text(safe)}" rel="{_REL}">{_text(safe)}</a>' if safe else _text(url)


def _joined(facts: list[str]) -> str:
    return " · ".join(f"<bdi>{fact}</bdi>" for fact in facts if fact)


def _chips(kind: str, words: tuple[str, ...]) -> str:
    items = "".join(f"<li dir=auto>{_text(word)}</li>" for word in words if word.strip())
    return f"<ul class={kind}>{items}</ul>" if items else ""


_STEP: Final = 1024


def _size(size: int | None) -> str:
    if size is None:
        return ""
    shown, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if shown < _STEP:
            break
        shown, unit = shown / _STEP, larger
    return f"{shown:.4g} {unit}"


# Japanese fonts first: without a language, a browser may draw kanji in their Chinese forms.
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5f6670;--line:#d9dce1;--paper:#fff;
--tint:#f3f4f6;--link:#1558b0;--sans:system-ui,"Hiragino Sans","Yu Gothic UI",Meiryo,
"Noto Sans CJK JP","Noto Sans JP",sans-serif;--mono:ui-monospace,Consolas,monospace}
@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--soft:#9aa2ad;--line:#363b43;
--paper:#16181c;--tint:#22262c;--link:#8ab8ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:50rem;background:var(--paper);
color:var(--ink);font:1rem/1.7 var(--sans);overflow-wrap:anywhere}
a[href]{color:var(--link)} h1,h2,h3,h4,h5,h6{line-height:1.3} code{font-family:var(--mono)}
header{border-bottom:1px solid var(--line);padding-bottom:1rem}
header h1{margin:0 0 .5rem;font-size:1.9rem}
.facts{margin:.1rem 0;color:var(--soft);font-size:.9rem}
ul.tags,ul.words,nav{display:flex;flex-wrap:wrap;gap:.4rem;margin:.8rem 0;padding:0;list-style:none}
ul.tags li,ul.words li,nav a{padding:.1rem .6rem;border-radius:1rem;background:var(--tint);
font-size:.85rem;text-decoration:none}
ul.words li{border-radius:.3rem;font-family:var(--mono)}
.version{margin:2rem 0 0} *+.version{border-top:1px solid var(--line);padding-top:1rem}
summary{cursor:pointer} summary h2{display:inline;margin:0 .6rem 0 0;font-size:1.35rem}
.prose{margin:1rem 0} .prose h1,.prose h2,.prose h3{font-size:1.25rem}
.prose img,.prose video{max-width:100%;height:auto;border-radius:.4rem;vertical-align:middle}
.prose pre{white-space:pre-wrap;padding:.8rem;border-radius:.4rem;background:var(--tint)}
.prose blockquote{margin:1rem 0;padding-left:1rem;border-left:.25rem solid var(--line)}
.prose table{display:block;margin:1rem 0;overflow-x:auto;border-collapse:collapse}
.prose td,.prose th{padding:.3rem .6rem;border:1px solid var(--line)}
.missing{display:inline-block;margin:.15rem .3rem .15rem 0;padding:.2rem .7rem;
border:1px dashed var(--soft);border-radius:.4rem;color:var(--soft);font-size:.85rem}
.player::before{content:"\\25B6\\FE0E  "}
ul.files{margin:1rem 0 0;padding:0;list-style:none;border-radius:.5rem;background:var(--tint)}
ul.files li{padding:.6rem .8rem} ul.files .facts{display:inline-block}
ul.files li+li{border-top:1px solid var(--line)}
.digest{display:block;color:var(--soft);font-size:.75rem;line-height:1.5}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# `file:` for a page opened from a disk, where a browser may not count its neighbours as 'self'.
_POLICY: Final = (
    "default-src 'none'; img-src 'self' file:; media-src 'self' file:; "
    f"style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)
# No language is claimed: the text may be in any.
_DOCUMENT: Final = """<!DOCTYPE html>
<html lang="">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta http-equiv="x-dns-prefetch-control" content="off">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - {model_id}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1 dir="auto">{title}</h1>
{head}
{tags}
{contents}
</header>
<main>
{description}
{versions}
</main>
</body>
</html>
"""
