"""What the pages of an archive may do, for whom they are, and what is served as what."""

import pytest

from civitai_dl.browse._policy import (
    COMMON,
    MEDIA_POLICY,
    POLICY,
    content_type,
    is_own_host,
    may_be_drawn,
)


@pytest.mark.parametrize(
    "host", ["localhost:80", "127.0.0.1:80", "LocalHost:80", "[::1]:80", "localhost", "127.0.0.1"]
)
def test_our_own_names_are_ours(host):
    """The machine's own names with our port; without a port it is that of the scheme."""
    assert is_own_host(host, 80)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":80",
        "evil.example:80",
        "localhost.evil.example:80",
        "127.0.0.1.evil.example:80",
        "localhost:81",
        "localhost:080",
        "localhost:80:80",
        "localhost:８０",
        "localhost@evil.example:80",
        "127.1:80",
        "0.0.0.0:80",
        "2130706433:80",
        " localhost:80",
        "[::1]:",
        "localhost:",
    ],
)
def test_every_other_name_is_a_strangers(host):
    """Other ways to write it are nobody's habit, and may be somebody's trick."""
    assert not is_own_host(host, 80)


def test_a_name_without_a_port_is_not_ours_elsewhere():
    """A browser leaves the port out only where it is that of the scheme."""
    assert not is_own_host("localhost", 8410)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.b.webp", "image/webp"),
        ("a.mp4", "video/mp4"),
        ("a.mp3", "audio/mpeg"),
        ("a.svg", None),
        ("a.svgz", None),
        ("a.html", None),
        ("a.xhtml", None),
        ("a.xml", None),
        ("a.pdf", None),
        ("a.js", None),
        ("png", "image/png"),
        ("a", None),
        ("", None),
        ("a.png/b", None),
    ],
)
def test_only_what_cannot_run_has_a_type(name, expected):
    """What a browser might run is served as nothing in particular."""
    assert expected == content_type(name)


def test_what_small_pictures_are_made_of():
    """Still images that can be decoded; no videos, no drawings with scripts."""
    assert may_be_drawn("a/b.png")
    assert not may_be_drawn("a/b.mp4")
    assert not may_be_drawn("a/b.svg")
    assert not may_be_drawn("a/b.txt")


def test_the_policies_allow_nothing_inline():
    """Neither styles nor scripts but those of ours; a stranger's file does nothing at all."""
    for policy in (POLICY, MEDIA_POLICY):
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert "data:" not in policy
    assert POLICY == COMMON["Content-Security-Policy"]
