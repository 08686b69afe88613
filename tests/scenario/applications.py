"""Archives and the folders of applications, for the tests of placing files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from archives import run, wanted

from civitai_dl.domain.placing import Layout
from civitai_dl.linking import (
    Choice,
    LinkOrder,
    LinkReport,
    Progress,
    UnlinkReport,
    link,
    unlink,
)
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

TOPS = dict.fromkeys(Layout, "models") | {
    Layout.SWARMUI: "Models",
    Layout.STABILITYMATRIX: "Models",
}


def model_world(*files: FakeFile, kind: str = "LORA", versions: int = 1) -> World:
    """One model, whose versions have these files each."""
    parts = [FakeVersion(f"v{number}", files=files) for number in range(versions)]
    return World().model(1, creator="ann", kind=kind, versions=parts)


async def archived(world: World, folder: Path, *targets: str) -> Path:
    """An archive of these things, or of all of ann's."""
    output = folder / "archive"
    async with FakeCivitai(world) as fake:
        report = await run(fake, output, wanted(*(targets or ("user:ann",))))
    assert report.exit_code == 0
    return output


def application(folder: Path, layout: Layout = Layout.A1111, name: str = "app") -> Path:
    """The folder of an application that has a file of its own."""
    root = folder / name
    (root / TOPS[layout]).mkdir(parents=True)
    (root / TOPS[layout] / "put models here").write_text("")
    return root


async def linked(
    archive: Path, root: Path, layout: Layout | None = Layout.A1111, **facts: object
) -> LinkReport:
    """As the command does it."""
    order = LinkOrder(root, layout, **facts)
    return await link(archive, order, progress=Progress(), stop=lambda: False)


async def unlinked(root: Path, *, dry_run: bool = False) -> UnlinkReport:
    """As the command does it."""
    return await unlink(root, dry_run=dry_run, progress=Progress(), stop=lambda: False)


def choice(*targets: str, **facts: object) -> Choice:
    """What a command line chooses."""
    return Choice(targets=tuple(one.target for one in wanted(*targets)), **facts)


def names(root: Path) -> list[str]:
    """The files in an application's folder but its own one and the record."""
    found = (path.relative_to(root) for path in sorted(root.rglob("*")) if not path.is_dir())
    return [
        path.as_posix()
        for path in found
        if path.parts[0] != ".civitai-dl-links" and path.name != "put models here"
    ]


def weights(root: Path) -> list[str]:
    """Of these, those that are no previews or sidecars."""
    beside = (".civitai.info", ".json", ".png", ".jpg", ".jpeg", ".webp")
    return [name for name in names(root) if not name.endswith(beside)]


def snapshot(root: Path, *, times: bool = True) -> dict[str, Sequence[object]]:
    """Every file and folder: what it is, which, since when, and what is in it.

    Without the state of an archive: whoever reads a database leaves a file beside it.
    """
    found: dict[str, Sequence[object]] = {}
    for path in sorted(root.rglob("*")):
        if ".civitai-dl" in path.parts:
            continue
        facts = path.lstat()
        told: list[object] = [facts.st_mode, facts.st_ino]
        if times:
            told.append(facts.st_mtime_ns)
        if path.is_symlink():
            told.append(str(path.readlink()))
        elif path.is_file():
            told.append(hashlib.sha256(path.read_bytes()).hexdigest())
        found[path.relative_to(root).as_posix()] = told
    return found
