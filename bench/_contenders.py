"""Who is measured: command lines as an informed user writes them, and what must come of them."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from _measure import CommandFailedError
from _peers import PEERS
from _servers import needed
from _stage import Stage, Thing
from startup import installed

OURS = "civitai-dl"
LIBRARY, RAW = "civitai-dl as a library", "aiohttp, bytes thrown away"
LOOP = Path(__file__).resolve().parent / "_loop_child.py"
GALLERY_ROOT = """# Points gallery-dl's own extractor for Civitai at the simulated service.
from gallery_dl.extractor import civitai
civitai.CivitaiExtractor.root = {root!r}
"""

Words = Callable[[Path], list[str]]
"""From the folder to fill to the command line."""


@dataclass(frozen=True)
class Contender:
    """One command. due: what must lie in its folder afterwards. shown: its options, for the page.

    keeps: it works in the folder that this other contender has filled in the same round. tells: the
    last line of its output is a JSON object with figures of its own. size: bytes, where nothing of
    them is due.
    """

    name: str
    words: Words
    due: tuple[Thing, ...]
    shown: str
    keeps: str | None = None
    tells: bool = False
    size: int | None = None

    def check(self, folder: Path) -> float:
        """When the last of what is due got its name, in seconds since 1970. Raises: LookupError.

        By size: the digests are compared by the tests, and the sizes are all different.
        """
        found: Counter[int] = Counter()
        last = 0.0
        sizes = {thing.size for thing in self.due}
        for path in folder.rglob("*"):
            facts = path.stat()
            # The state of civitai-dl is no download.
            if path.is_file() and facts.st_size in sizes and ".civitai-dl" not in path.parts:
                found[facts.st_size] += 1
                last = max(last, facts.st_ctime)
        lost = Counter(thing.size for thing in self.due) - found
        if lost:
            raise LookupError(f"{self.name}: {sum(lost.values())} of {len(self.due)} did not come")
        return last


def program(name: str) -> str:
    """Where a peer lies, also in an environment beside this checkout. Raises: MissingError."""
    for peer in PEERS:
        if peer.program == name and (path := peer.path()) is not None:
            return path
    return needed(name)


def ours(
    stage: Stage,
    targets: Sequence[str],
    *,
    options: str = "",
    lists: bool = False,
    name: str = OURS,
    keeps: str | None = None,
) -> Contender:
    """The command, with a fresh archive and every rate off. lists: targets are model ids."""
    command = installed()
    if command is None:
        raise CommandFailedError("civitai-dl is not installed beside this interpreter")
    settings = stage.folder / "settings.toml"
    # The one rate that has no flag.
    settings.write_text("max_rate_resolve = 0\n", "utf-8")
    rates = [*f"--max-rate-model 0 --max-rate-image 0 {options}".split(), *stage.further]
    where = ["--base-url", stage.base_url, "--config", str(settings)]
    asked = list(targets)
    if lists:
        models = stage.folder / "models.txt"
        models.write_text("\n".join(targets) + "\n", "utf-8")
        asked = ["--models", str(models)]

    def words(folder: Path) -> list[str]:
        return [command, *asked, "-o", str(folder), *rates, *where]

    return Contender(name, words, stage.things, " ".join(rates), keeps)


def curl(stage: Stage) -> Contender:
    """One file after the other on one connection."""

    def words(folder: Path) -> list[str]:
        return _curl(stage, folder)

    return Contender("curl", words, stage.things, "-f -o ...")


def curl_and_sha256sum(stage: Stage) -> Contender:
    """What a careful person types."""

    def words(folder: Path) -> list[str]:
        fetched = [str(folder / thing.name) for thing in stage.things]
        line = f"{shlex.join(_curl(stage, folder))} && {shlex.join(['sha256sum', *fetched])}"
        return ["/bin/sh", "-c", line]

    needed("sha256sum")
    return Contender("curl, then sha256sum", words, stage.things, "-f -o ... && sha256sum ...")


def curl_parallel(stage: Stage, connections: int) -> Contender:
    """Many at once, from a list."""
    path = program("curl")

    def words(folder: Path) -> list[str]:
        pairs = zip(stage.urls(), stage.things, strict=True)
        lines = [f'url = "{url}"\noutput = "{folder}/{thing.name}"' for url, thing in pairs]
        todo = stage.folder / "curl.txt"
        todo.write_text("\n".join(lines), "utf-8")
        quiet = ["-q", "-s", "-S", "-f", "--cacert", str(stage.nginx.authority)]
        return [path, *quiet, "-Z", "--parallel-max", str(connections), "-K", str(todo)]

    shown = f"-Z --parallel-max {connections}"
    return Contender("curl -Z", words, stage.things, shown)


def _curl(stage: Stage, folder: Path) -> list[str]:
    quiet = ["-q", "-s", "-S", "-f", "--cacert", str(stage.nginx.authority)]
    each = [
        word
        for url, thing in zip(stage.urls(), stage.things, strict=True)
        for word in ("-o", str(folder / thing.name), url)
    ]
    return [program("curl"), *quiet, *each]


def aria2(stage: Stage, options: str, *, check: bool = False) -> Contender:
    """All addresses in a list. check: tell it the digests, which only files have."""
    path = program("aria2c")
    quiet = ["--no-conf=true", "--quiet=true", "--file-allocation=none"]
    trust = f"--ca-certificate={stage.nginx.authority}"

    def words(folder: Path) -> list[str]:
        lines = []
        for url, thing in zip(stage.urls(), stage.things, strict=True):
            lines += [url, f"  out={thing.name}"]
            lines += [f"  checksum=sha-256={thing.sha256}"] if check and thing.sha256 else []
        todo = stage.folder / "aria2.txt"
        todo.write_text("\n".join(lines) + "\n", "utf-8")
        return [path, *quiet, trust, *options.split(), "-i", str(todo), "-d", str(folder)]

    told = ", told the digest" if check else ""
    shown = f"--file-allocation=none {options}" + (" --checksum=sha-256=..." if check else "")
    return Contender(f"aria2c {options.partition(' ')[0]}{told}", words, stage.things, shown)


def library(stage: Stage, width: int) -> Contender:
    """civitai-dl as a library, beside a task that looks how long the loop is kept busy."""
    (model,) = stage.fake.models

    def words(folder: Path) -> list[str]:
        asked = ["ours", str(model), stage.base_url, str(folder), str(width)]
        return [sys.executable, str(LOOP), *asked]

    return Contender(LIBRARY, words, stage.things, "", tells=True)


def raw_aiohttp(stage: Stage) -> Contender:
    """What the plain library can do at best: the bytes are thrown away."""

    def words(folder: Path) -> list[str]:
        del folder
        return [sys.executable, str(LOOP), "raw", *stage.urls()]

    return Contender(RAW, words, (), "", tells=True, size=sum(one.size for one in stage.things))


def gallery_list(stage: Stage) -> Contender:
    """gallery-dl with the addresses of all images; it knows no other files by their address."""
    path = program("gallery-dl")

    def words(folder: Path) -> list[str]:
        todo = stage.folder / "gallery.txt"
        todo.write_text("\n".join(stage.urls()) + "\n", "utf-8")
        return [path, "--config-ignore", "--quiet", "-d", str(folder), "-i", str(todo)]

    return Contender("gallery-dl", words, stage.things, "-i LIST")


def gallery_job(stage: Stage, *, name: str = "gallery-dl", keeps: str | None = None) -> Contender:
    """gallery-dl with its own extractor for Civitai, its waiting between requests switched off."""
    path = program("gallery-dl")
    modules = stage.folder / "extractors"
    modules.mkdir(exist_ok=True)
    text = GALLERY_ROOT.format(root=stage.base_url)
    (modules / "simulated_civitai.py").write_text(text, "utf-8")
    options = "-o api=rest -o files=model,image,gallery --sleep-request 0"
    models = [f"https://civitai.com/models/{number}" for number in stage.fake.models]

    def words(folder: Path) -> list[str]:
        quiet = ["--config-ignore", "--quiet", "-X", str(modules)]
        # It corrects the suffix of a picture, and would fetch it again for its name without this.
        known = ["--download-archive", str(folder / "known.sqlite3")]
        return [path, *quiet, *options.split(), *known, "-d", str(folder), *models]

    return Contender(name, words, stage.things, f"{options} --download-archive ...", keeps)
