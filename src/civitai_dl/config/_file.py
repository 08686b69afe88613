"""The configuration file: base values, profiles over them, and every mistake in it at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from civitai_dl.errors import ConfigError

from ._layers import Kind, Layer, Layers, Values, hidden
from ._table import DEFAULTS

FILE_NAME = "config.toml"
NO_PROFILE = "none"
"""Chooses the base values alone, also where the file names a profile that is used by default."""

BASE = ""
"""The table of the base values, which have no profile's name."""

Judge = Callable[[Layers], object]
"""Makes the settings of layers, or raises ConfigError for what does not fit."""

_LINE = re.compile(r"line (\d+)")
_TABLE = re.compile(r"\s*\[\s*([^\]]*?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w\-.\"' ]+?)\s*=")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a file. line: counted from 1, None where that cannot be told."""

    path: Path
    line: int | None
    what: str

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.what}"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file holds. tables: the base values under BASE, and each profile under its name."""

    path: Path | None = None
    text: str = ""
    tables: Mapping[str, Values] = field(default_factory=dict)
    default_profile: str | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def profiles(self) -> list[str]:
        """The names of the profiles, as they stand in the file."""
        return [name for name in self.tables if name != BASE]

    def layer(self, table: str) -> Layer:
        """The values of one table, with the place that they are told from."""
        place = str(self.path) if table == BASE else f"{self.path}[profile.{table}]"
        return Layer(Kind.FILE, hidden(self.tables.get(table, {})), place)

    def line_of(self, key: str) -> int | None:
        """The line on which a key is set, as in `profile.polite.retries`.

        None where it is written in a way of its own.
        """
        wanted, above = _parts(key), list[str]()
        for number, line in enumerate(self.text.splitlines(), 1):
            at: list[str] = []
            if found := _TABLE.match(line):
                at = above = _parts(found[1])
            elif found := _KEY.match(line):
                at = [*above, *_parts(found[1])]
            if at[: len(wanted)] == wanted:
                return number
        return None


def _parts(dotted: str) -> list[str]:
    return [_plain(part.strip().strip("\"'")) for part in dotted.split(".")]


def config_folder() -> Path:
    """The platform's directory for the configuration; it need not be there."""
    from platformdirs import user_config_path

    return user_config_path("civitai-dl")


def config_path(explicit: str | None) -> Path | None:
    """The configuration file: the one named, else the platform's when it is there.

    Raises: ConfigError when the one named is not there.
    """
    if explicit is not None:
        path = Path(explicit).expanduser()
        if not path.is_file():
            raise ConfigError(f"there is no configuration file {path}")
        return path
    path = config_folder() / FILE_NAME
    return path if path.is_file() else None


def read_config(path: Path | None) -> ConfigFile:
    """A TOML file, with its settings by the names of the flags, and what is misplaced in it.

    Raises: ConfigError when it cannot be read at all.
    """
    if path is None:
        return ConfigFile()
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(path, text, str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return _sorted_out(path, text, raw)


def _no_toml(path: Path, text: str, why: str) -> ConfigError:
    line = _LINE.search(why)
    place = f"{path}:{line[1]}" if line else str(path)
    hint = ""
    if re.search(r"^\s*profile\s*=", text, re.MULTILINE):
        hint = 'the profile that is used by default is named by default_profile = "..."'
    return ConfigError(f"{place}: the file cannot be read as TOML: {why}", hint=hint)


def _sorted_out(path: Path, text: str, raw: Mapping[str, object]) -> ConfigFile:
    base = {_plain(name): value for name, value in raw.items()}
    profiles, default = base.pop("profile", {}), base.pop("default_profile", None)
    wrong: list[tuple[str, str, str]] = []
    tables = {BASE: base}
    if isinstance(profiles, dict):
        for name, table in profiles.items():
            if not isinstance(table, dict):
                why = "a profile is a table: [profile.NAME]"
                wrong.append((BASE, f"profile.{name}", why))
            elif name in (NO_PROFILE, BASE):
                wrong.append((BASE, f"profile.{name}", f"no profile may be called {name!r}"))
            else:
                tables[name] = {_plain(key): value for key, value in table.items()}
    else:
        why = 'write default_profile = "..." to name the profile that is used by default'
        wrong.append((BASE, "profile", why))
    if default is not None and default not in ({*tables, NO_PROFILE} - {BASE}):
        wrong.append((BASE, "default_profile", f"there is no profile {default!r}"))
    for table, values in tables.items():
        unknown = sorted(set(values) - set(DEFAULTS))
        wrong += [(table, key, "there is no such setting") for key in unknown]
        for key in unknown:
            del values[key]
    name = default if isinstance(default, str) and default != NO_PROFILE else None
    bare = ConfigFile(path, text, tables, name)
    found = [_mistake(bare, *one) for one in wrong]
    return ConfigFile(path, text, tables, name, tuple(found))


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _mistake(file: ConfigFile, table: str, key: str, why: str) -> Mistake:
    assert file.path is not None
    shown = key if table == BASE else f"profile.{table}.{key}"
    return Mistake(file.path, file.line_of(shown), f"{shown}: {why}")


def mistakes_in(file: ConfigFile, judge: Judge) -> list[Mistake]:
    """Everything that is wrong in a file, in the order of its lines.

    Each value is judged by itself, those of profiles that nobody uses now as well.
    """
    found = [*file.mistakes, *_misfits(file, judge)]
    return sorted(found, key=lambda one: (one.line or 0, one.what))


def _misfits(file: ConfigFile, judge: Judge) -> Iterator[Mistake]:
    for table in file.tables:
        for key, value in file.layer(table).values.items():
            try:
                judge(Layers([Layer(Kind.FILE, {key: value})]))
            except ConfigError as error:
                yield _mistake(file, table, key, _why(error))


def _why(error: ConfigError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def pick_profile(file: ConfigFile, wanted: str | None) -> str | None:
    """The profile that counts: the one wanted, else the file's own choice; None for none.

    Raises: ConfigError for one that is not there; it lists those that are.
    """
    name = wanted or file.default_profile
    if name is None or name == NO_PROFILE:
        return None
    if name in file.profiles:
        return name
    place = f"in {file.path}" if file.path else "without a configuration file"
    there = ", ".join(file.profiles)
    raise ConfigError(
        f"there is no profile {name!r} {place}",
        hint=f"there are {there}" if there else "a profile is a table [profile.NAME] of the file",
    )
