"""Whose a file in an application's folder is, and how a placed file is called."""

from dataclasses import replace

import pytest

from civitai_dl.domain.decisions import There
from civitai_dl.domain.placing import (
    Facts,
    Record,
    Way,
    Whose,
    is_current,
    is_last,
    is_sidecar,
    stem_of,
    stems_for,
    whose,
)

A, B = "a" * 64, "b" * 64
HARD = Record("m/a.pt", "file:1:2", "/x", "s/a.pt", Way.HARDLINK, A, 10, inode=7, modified=5)
COPY = replace(HARD, how=Way.COPY)
LINK = replace(HARD, how=Way.SYMLINK, target="/x/s/a.pt")
FILE = Facts(There.FILE, size=10, inode=7, modified=5)


@pytest.mark.parametrize("record", [HARD, COPY, LINK])
def test_nothing_is_nobodys(record: Record) -> None:
    """A name under which nothing lies."""
    assert Whose.NOBODYS is whose(record, Facts(There.NOTHING))


def test_a_symbolic_link_is_known_by_where_it_leads() -> None:
    """Another target, or a file in its place, is somebody else's."""
    assert Whose.OURS is whose(LINK, Facts(There.LINK, target="/x/s/a.pt"))
    assert Whose.THEIRS is whose(LINK, Facts(There.LINK, target="/y"))
    assert Whose.THEIRS is whose(LINK, FILE)


@pytest.mark.parametrize("record", [HARD, COPY])
@pytest.mark.parametrize("there", [There.FOLDER, There.LINK, There.OTHER])
def test_what_is_no_file_is_not_what_was_placed(record: Record, there: There) -> None:
    """A folder in the place of a file, for example."""
    assert Whose.THEIRS is whose(record, replace(FILE, there=there))


@pytest.mark.parametrize("record", [HARD, COPY])
def test_a_file_is_known_again_without_being_read(record: Record) -> None:
    """By inode, size and time; the number of its device changes with a restart."""
    assert Whose.OURS is whose(record, replace(FILE, device=99))


@pytest.mark.parametrize("change", [{"inode": 8}, {"size": 11}, {"modified": 6}])
def test_a_hard_link_that_is_another_file_is_not_ours(change: dict[str, int]) -> None:
    """An inode's number may come again: size and time count, too."""
    facts = replace(FILE, **change)
    assert Whose.THEIRS is whose(HARD, facts)
    assert Whose.OURS is whose(HARD, facts, same=True)


def test_a_copy_is_known_by_its_digest() -> None:
    """After a move to another disk, or a kill before it was noted, only the bytes tell."""
    moved = replace(FILE, inode=8)
    assert Whose.ASK is whose(COPY, moved)
    assert Whose.OURS is whose(COPY, moved, digest=A)
    assert Whose.THEIRS is whose(COPY, moved, digest=B)
    assert Whose.ASK is whose(replace(COPY, inode=0), FILE)
    assert Whose.THEIRS is whose(COPY, replace(moved, size=11))


def test_what_was_placed_may_be_out_of_date() -> None:
    """Another digest, another file under a hard link, another place of the archive."""

    def current(record: Record, *, inode: int = 7, target: str = "/x/s/a.pt", sha: str = A) -> bool:
        origin = replace(FILE, inode=inode)
        return is_current(record, FILE, origin, target=target, sha256=sha)

    assert current(HARD)
    assert not current(HARD, inode=8)
    assert not current(HARD, sha=B)
    assert current(COPY, inode=8)
    assert not current(COPY, sha=B)
    assert current(LINK, sha=B)
    assert not current(LINK, target="/y/s/a.pt")


def test_a_hard_link_may_be_the_last_name() -> None:
    """Of its bytes; of a copy nobody can tell."""
    assert is_last(HARD, FILE)
    assert not is_last(HARD, replace(FILE, names=2))
    assert not is_last(COPY, FILE)


def test_a_sidecar_is_compared_by_what_it_was_copied_from() -> None:
    """Size and time of the archive's own sidecar: nobody reads thousands of pictures again."""
    record = replace(COPY, beside=True, size=10, origin=3)
    assert is_current(record, FILE, replace(FILE, modified=3), target="", sha256="")
    assert not is_current(record, FILE, replace(FILE, modified=4), target="", sha256="")
    assert not is_current(record, FILE, replace(FILE, size=11, modified=3), target="", sha256="")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.b.civitai.info", True),
        ("a.b.json", True),
        ("a.b.metadata.json", True),
        ("a.b.cm-info.json", True),
        ("a.b.preview.png", True),
        ("a.b.preview.JPEG", True),
        ("a.b.preview.exe", False),
        ("a.b.previews", False),
        ("a.b.txt", False),
        ("a.b.safetensors", False),
        ("a.bb.json", False),
        ("a.json", False),
    ],
)
def test_sidecars_are_known_by_their_names(name: str, *, expected: bool) -> None:
    """Those of the weights `a.b.safetensors`."""
    assert expected is is_sidecar("a.b", name)


def test_names_are_distinct_and_in_order() -> None:
    """The archive's name, then with the version's id, then with the file's id as well."""
    assert ["a", "a-12", "a-12-34"] == list(stems_for("a", 12, 34))
    assert "a.b" == stem_of("a.b.safetensors")


def test_long_names_leave_room_for_their_ids() -> None:
    """Every system takes them, with any of the sidecars' suffixes."""
    for stem in stems_for("あ" * 77, 2**62, 2**62):
        assert len(f"{stem}.civitai.info".encode()) <= 255
