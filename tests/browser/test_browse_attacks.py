"""An archive full of attacks: nothing of it runs, nothing is asked of strangers, all of it is text.

`form` is how the archive is shown. Each gives the address that all of its pages begin with, and a
first page; the others are found by following links.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urldefrag

import pytest
from browsing import archiving, exported, made_once, shown
from hostile_world import FIRST, HTML, TEXTS, hostile_world, make_worse

expect = pytest.importorskip("playwright.sync_api").expect

MOST_OF_A_KIND = len(TEXTS)
"""Pages of one kind that are looked at: addresses that differ in numbers and words alone."""

ALIVE = """() => {
  const all = [...document.querySelectorAll("*")];
  const bad = new Set(["IFRAME", "OBJECT", "EMBED", "BASE", "STYLE", "SVG", "MATH", "PORTAL"]);
  const own = new Set(["head.js", "app.js", "site.js"]);
  const data = /^data\\/(models|words)-[0-9]+[.]js$/;
  const found = [];
  for (const one of all) {
    const name = one.tagName.toUpperCase();
    if (bad.has(name)) found.push(`<${name}>`);
    if (name === "SCRIPT" && !own.has((one.src || "").split("/").pop())
        && !data.test(one.getAttribute("src"))) found.push(one.outerHTML);
    if (name === "META" && /refresh/i.test(one.httpEquiv)) found.push(one.outerHTML);
    if (name === "FORM" && !one.action.startsWith(OWN)) found.push(one.action);
    for (const { name: attribute, value } of one.attributes) {
      if (/^on|^style$|^srcdoc$|^formaction$|^ping$|^background$|^srcset$/.test(attribute)) {
        found.push(`${name} ${attribute}=${value}`);
      }
    }
    if (name === "A" && one.hasAttribute("href") && !/^(https?|mailto|file):/.test(one.href)) {
      found.push(`link to ${one.href}`);
    }
    if (/^(IMG|VIDEO|AUDIO|SOURCE|LINK)$/.test(name)) {
      for (const url of [one.src, one.poster, one.href]) {
        if (url && !url.startsWith(OWN)) found.push(`${name} from ${url}`);
      }
    }
  }
  for (const id of ["said", "mature", "lightbox", "results"]) {
    if (document.querySelectorAll(`#${id}`).length > 1) found.push(`two #${id}`);
  }
  if (window.ran !== undefined) found.push("something ran");
  return found;
}"""


@dataclass(frozen=True)
class Form:
    """own: what all addresses begin with. first: where a reader begins. words: that are asked."""

    own: str
    first: str
    words: str = ""


@pytest.fixture(scope="session")
def hostile_folder(shared: Path) -> Path:
    """An archive of nothing but attacks."""
    return made_once(shared / "hostile", attack)


def attack(place: Path) -> None:
    """Download them, and write in by hand what no service would send."""
    with archiving(hostile_world(), place) as archiver:
        numbers = [str(model.id) for model in archiver.fake.world.models]
        # The images that descriptions name are nowhere.
        assert 1 == archiver.download(*numbers, users=["mallory"])
    make_worse(place / "archive")


@pytest.fixture(scope="module", params=["served", "files"])
def form(
    request: pytest.FixtureRequest, hostile_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Form]:
    """The forms in which an archive can be looked at: from a server, and as files."""
    if request.param == "served":
        with shown(hostile_folder) as address:
            yield Form(f"{address}/", f"{address}/", f"{address}/{{page}}?q={{words}}")
    else:
        site = tmp_path_factory.mktemp("hostile-site") / "site"
        exported(hostile_folder, site)
        yield Form(f"{site.as_uri()}/", (site / "index.html").as_uri())


@pytest.fixture
def page(open_page, form):
    """A page at the beginning. Whatever it does wrong fails the test that uses it."""
    return open_page(form.own, form.first.removeprefix(form.own))


def alive(page, form):
    """All on the page that is more than text and pictures of its own."""
    return [f"{page.url}: {what}" for what in page.evaluate(ALIVE.replace("OWN", repr(form.own)))]


def kind_of(url):
    """The address without what differs between pages of one kind."""
    return re.sub(r"[0-9]+|[?].*|(?<=/creators/).+|(?<=/creators-).+", "", url)


def linked(page, form):
    """The pages of ours that a page leads to."""
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    pages = {urldefrag(link).url for link in links if link.startswith(form.own)}
    return {link for link in pages if "/media/" not in link and "lang=" not in link}


def test_nothing_runs_on_any_page(page, form):
    """All pages that links lead to hold text and pictures, and nothing that could do anything."""
    found, seen, waiting = [], set(), [page.url]
    kinds = Counter()
    while waiting:
        url = waiting.pop(0)
        kinds[kind_of(url)] += 1
        if url in seen or kinds[kind_of(url)] > MOST_OF_A_KIND:
            continue
        seen.add(url)
        page.goto(url)
        assert page.url == url
        found += alive(page, form)
        waiting += sorted(linked(page, form) - seen)
    assert [] == found
    assert len(seen) > 2 * len(TEXTS)


@pytest.mark.parametrize("place", range(0, len(TEXTS), 3))
def test_an_attack_is_shown_as_the_text_it_is(page, form, place):
    """The name, a tag and the trigger word of a model are read as they were written."""
    page.locator(f"ul.grid a[href*='{FIRST + place}']").click()
    text = " ".join(TEXTS[place].split())
    expect(page.get_by_role("heading", level=1)).to_contain_text(text)
    expect(page.locator(".words code").first).to_have_text(text)
    expect(page.locator(".about-model")).to_contain_text("before")
    assert TEXTS[place] in page.title()
    copied = page.locator(".words [data-copy]").first.get_attribute("data-copy")
    assert TEXTS[place] == copied


def test_the_lightbox_shows_attacks_as_text(page, form):
    """Image after image, prompts are shown and run nothing."""
    if form.words:
        page.get_by_role("link", name="Images").click()
    else:
        # Files have no wall of all images.
        place = next(place for place, text in enumerate(TEXTS) if "<script>" in text)
        page.locator(f"ul.grid a[href*='{FIRST + place}']").click()
    page.locator("ul.shots a.open").first.click()
    box = page.get_by_role("dialog")
    seen = set()
    for _ in TEXTS:
        expect(box.locator(".about .path")).to_be_visible()
        seen |= set(box.locator(".prompt").all_text_contents())
        assert [] == alive(page, form)
        page.keyboard.press("ArrowRight")
    assert any("<script>" in text for text in seen)


def searched(text):
    """What of a text is searched for: signs that turn the writing direction are left out."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def test_a_search_for_an_attack_finds_it(page, form):
    """What is written into the field, or stands in the address, is only searched for."""
    for place, text in enumerate(TEXTS if form.words else ()):
        name = ("", "images", "creators")[place % 3]
        page.goto(form.words.format(page=name, words=quote(text)))
        expect(page.get_by_role("searchbox")).to_have_value(" ".join(searched(text).split()))
        assert [] == alive(page, form)
    page.goto(form.first)
    if form.words:
        page.get_by_role("searchbox").fill(TEXTS[0])
        expect(page.locator(".count")).to_contain_text("prompts")
        expect(page.locator("ul.grid .name").first).to_contain_text(TEXTS[0])
    else:
        for text in TEXTS:
            page.get_by_role("searchbox").fill(f'"{text}"' if '"' not in text else text)
            expect(page.locator("ul.grid .name").first).to_be_visible()
            assert [] == alive(page, form)
    assert [] == alive(page, form)


def test_each_way_to_attack_is_tried():
    """Every description is on some page, so that none of them is there in vain."""
    assert len(TEXTS) >= len(HTML)
