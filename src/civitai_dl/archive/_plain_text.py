"""Descriptions, which are HTML, as the text that a reader sees."""

from __future__ import annotations

import re
from html import unescape

_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)\b[^<>]*>|<!--[^<>]*-->", re.IGNORECASE)
_BREAKING = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "figure",
        "footer",
        "header",
    }
    | {"h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "main", "nav", "ol", "p", "pre", "section"}
    | {"table", "tr", "ul"}
)
_SILENT = frozenset({"script", "style", "template", "title"})
_BLANKS = re.compile(r"[^\S\n]+")
_GAPS = re.compile(r" ?\n ?(?:\n ?)+")


def plain_text(html: str | None) -> str:
    """The text of a fragment of HTML: a line for each block, no markup; "" for none.

    It takes time that grows with the length alone, whatever somebody wrote.
    """
    parts: list[str] = []
    source = html or ""
    silent, end = "", 0
    for tag in _TAG.finditer(source):
        if not silent:
            parts.append(_BLANKS.sub(" ", source[end : tag.start()].replace("\n", " ")))
        end = tag.end()
        name = (tag[2] or "").lower()
        if silent:
            silent = "" if tag[1] and name == silent else silent
        elif name in _SILENT and not tag[1]:
            silent = name
        elif name in _BREAKING:
            parts.append("\n")
    if not silent:
        parts.append(_BLANKS.sub(" ", source[end:].replace("\n", " ")))
    text = unescape("".join(parts)).replace("\xa0", " ")
    return _GAPS.sub("\n", _BLANKS.sub(" ", text)).replace("\n ", "\n").replace(" \n", "\n").strip()
