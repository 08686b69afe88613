"""What of an archive an application could use: stored files with their previews and sidecars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from civitai_dl._gone import bytes_of
from civitai_dl.adapters.catalog import HeldFile
from civitai_dl.adapters.storage import names_in
from civitai_dl.domain.decisions import model_folder, name_key, split_extension
from civitai_dl.domain.entities import (
    CreatorTarget,
    HashTarget,
    Model,
    ModelId,
    ModelTarget,
    Part,
    Target,
    Version,
    VersionTarget,
)
from civitai_dl.domain.placing import (
    CONFIGURED,
    Layout,
    NoPlace,
    Nowhere,
    find_home,
    is_sidecar,
    stem_of,
)
from civitai_dl.sources import read_kept

EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a group. suffix: what follows the stem of its name.

    source: archive path. sha256: "" for what lies beside weights, which nobody measured. key: the
    task of weights.
    """

    suffix: str
    source: str
    sha256: str = ""
    size: int = 0
    key: str = ""

    @property
    def beside(self) -> bool:
        """Whether it is a preview or a sidecar."""
        return not self.sha256


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong into one folder under one stem: weights first, then what lies beside."""

    key: str
    kind: str
    folders: tuple[str, ...]
    stem: str
    version_id: int
    file_id: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A stored file that has no place, and why."""

    source: str
    kind: str
    why: NoPlace


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the stored files. kinds: types of models; base_models: in lower case; each: any.

    newest: of each model only the newest version of which something is stored.
    """

    targets: tuple[Target, ...] = ()
    kinds: frozenset[str] = frozenset()
    base_models: frozenset[str] = frozenset()
    newest: bool = False
    sidecars: bool = True


@dataclass(slots=True)
class Wanted:
    """Groups by the age of their versions, and what has no place."""

    groups: list[Group] = field(default_factory=list)
    unplaced: list[Unplaced] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A stored file with its ids; file_kind is None when the service lists the file no more."""

    file: HeldFile
    version_id: int
    file_id: int
    file_kind: str | None

    @property
    def name(self) -> str:
        return self.file.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.file.path.rpartition("/")[0]


def find_wanted(
    archive: Path,
    shelf: Sequence[HeldFile],
    layout: Layout,
    given: Mapping[str, str],
    choice: Choice,
) -> Wanted:
    """Everything that is chosen, with its place. Reads each model's JSON; raises: StorageError."""
    wanted = Wanted()
    by_model: dict[int, list[HeldFile]] = defaultdict(list)
    for file in shelf:
        by_model[file.model_id].append(file)
    for number, files in sorted(by_model.items()):
        model = _read_model(archive / model_folder(ModelId(number)))
        chosen = _chosen(model, number, list(_with_ids(files, model)), choice)
        by_version: dict[int, list[_Stored]] = defaultdict(list)
        for one in chosen:
            by_version[one.version_id].append(one)
        for _, of_version in sorted(by_version.items()):
            _place_version(model, of_version, layout, given, wanted)
    if choice.sidecars:
        taken = {file.path for file in shelf}
        wanted.groups = [_with_sidecars(archive, group, taken) for group in wanted.groups]
    # The oldest keeps the plain name, so that no later version changes a name once given.
    wanted.groups.sort(key=lambda group: (group.version_id, group.file_id, group.folders))
    return wanted


def _read_model(folder: Path) -> Model | None:
    """What nobody can read tells of nothing; its files are told to be without a place."""
    kept = read_kept(bytes_of(folder / "model.json"), bytes_of(folder / "gone.json"))
    return None if kept is None else kept.model


def _with_ids(files: Iterable[HeldFile], model: Model | None) -> Iterator[_Stored]:
    listed = {
        (int(version.id), int(file.id)): file.kind
        for version in (model.versions if model else ())
        for file in version.files
    }
    for file in files:
        # file:<version>:<file>
        _, version_id, file_id = (*file.key.split(":"), "0", "0")[:3]
        ids = (_number(version_id), _number(file_id))
        yield _Stored(file, *ids, listed.get(ids))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _chosen(
    model: Model | None, number: int, stored: list[_Stored], choice: Choice
) -> list[_Stored]:
    kind = model.kind.lower() if model else ""
    if choice.kinds and kind not in choice.kinds:
        return []
    versions = {int(version.id): version for version in (model.versions if model else ())}
    if choice.targets:
        stored = [
            one
            for one in stored
            if any(_names(target, model, number, one) for target in choice.targets)
        ]
    if choice.base_models:
        stored = [
            one
            for one in stored
            if one.version_id in versions
            and (versions[one.version_id].base_model or "").lower() in choice.base_models
        ]
    if choice.newest and stored:
        newest = max({one.version_id for one in stored}, key=lambda found: _age(versions, found))
        stored = [one for one in stored if one.version_id == newest]
    return stored


def _age(versions: Mapping[int, Version], version_id: int) -> tuple[datetime, int]:
    version = versions.get(version_id)
    return ((version and version.published_at) or EARLIEST, version_id)


def _names(target: Target, model: Model | None, number: int, one: _Stored) -> bool:
    """Whether a target names a stored file. Other targets than these name no model file."""
    if isinstance(target, ModelTarget):
        return target.model_id == number and target.version_id in (None, one.version_id)
    if isinstance(target, VersionTarget):
        return target.version_id == one.version_id
    if isinstance(target, HashTarget):
        return one.file.sha256.startswith(target.digest.lower())
    if isinstance(target, CreatorTarget) and target.part is not Part.IMAGES:
        creator = (model and model.creator) or ""
        return creator.lower() == target.username.lower()
    return False


def _place_version(
    model: Model | None,
    stored: Sequence[_Stored],
    layout: Layout,
    given: Mapping[str, str],
    wanted: Wanted,
) -> None:
    """Sort the files of one version by folder and stem."""
    groups: dict[tuple[tuple[str, ...], str], list[_Stored]] = defaultdict(list)
    kinds: dict[tuple[tuple[str, ...], str], str] = {}
    configs: list[_Stored] = []
    for one in sorted(stored, key=lambda found: found.file_id):
        if model is None:
            wanted.unplaced.append(Unplaced(one.file.path, "", NoPlace.UNKNOWN_MODEL))
            continue
        home = find_home(layout, model.kind, one.file_kind, one.name, given)
        if isinstance(home, Nowhere):
            wanted.unplaced.append(Unplaced(one.file.path, home.kind, home.why))
        elif home.beside:
            configs.append(one)
        else:
            place = (home.folders, name_key(stem_of(one.name)))
            groups[place].append(one)
            kinds[place] = home.kind
    made = [_group(kinds[place], place[0], found) for place, found in groups.items()]
    _add_configs(made, configs, wanted)
    wanted.groups += made


def _group(kind: str, folders: tuple[str, ...], stored: Sequence[_Stored]) -> Group:
    first = stored[0]
    return Group(
        key=first.file.key,
        kind=kind,
        folders=folders,
        stem=stem_of(first.name),
        version_id=first.version_id,
        file_id=first.file_id,
        members=tuple(map(_member, stored)),
    )


def _member(one: _Stored) -> Member:
    suffix = split_extension(one.name)[1]
    return Member(suffix, one.file.path, one.file.sha256, one.file.size, one.file.key)


def _add_configs(groups: list[Group], configs: Sequence[_Stored], wanted: Wanted) -> None:
    """Give each config to the weights of its stem, else to the first that have none."""
    for config in configs:
        member = _member(config)
        free = [
            place
            for place, group in enumerate(groups)
            if group.kind in CONFIGURED and member.suffix not in {m.suffix for m in group.members}
        ]
        free.sort(key=lambda place: groups[place].stem != stem_of(config.name))
        if free:
            group = groups[free[0]]
            groups[free[0]] = replace(group, members=(*group.members, member))
        else:
            wanted.unplaced.append(Unplaced(config.file.path, "Config", NoPlace.LONE_CONFIG))


def _with_sidecars(archive: Path, group: Group, taken: set[str]) -> Group:
    """With the previews and sidecars that lie beside the weights in the archive."""
    folder = group.members[0].source.rpartition("/")[0]
    found = [
        Member(name[len(group.stem) :], f"{folder}/{name}")
        for name in names_in(archive / folder)
        if is_sidecar(group.stem, name)
        and f"{folder}/{name}" not in taken
        and (archive / folder / name).is_file()
        and not (archive / folder / name).is_symlink()
    ]
    return replace(group, members=(*group.members, *found))
