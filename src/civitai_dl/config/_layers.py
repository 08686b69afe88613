"""Layers of settings: flags over environment over profile over file over defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from civitai_dl.domain.entities import Secret
from civitai_dl.errors import ConfigError

from ._table import DEFAULTS, TWO_SIDED, variables_of

Values = Mapping[str, object]

_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})


class Kind(str, Enum):
    """Where the values of a layer come from, the strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    LOGIN = "login"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from. place: the flag, the variable, the file with its table, or ""."""

    kind: Kind
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.place}".rstrip()


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one kind, by the names of the settings; a key among them is a Secret.

    place: the file and its table. variables: of the environment, by the name of the setting.
    """

    kind: Kind
    values: Values
    place: str = ""
    variables: Mapping[str, str] | None = None

    def origin(self, name: str) -> Origin:
        """Where the value of a setting stands."""
        if self.kind is Kind.FLAG:
            return Origin(self.kind, f"--{name.replace('_', '-')}")
        if self.variables is not None:
            return Origin(self.kind, self.variables[name])
        return Origin(self.kind, self.place)


LAST = Layer(Kind.DEFAULT, DEFAULTS)


def of_flags(flags: Values) -> Layer:
    """What the command line gives; a switch that was not given is no value."""
    given = {
        name: value
        for name, value in flags.items()
        if name in DEFAULTS
        and value not in (None, ())
        and (value is not False or name in TWO_SIDED)
        and not (name == "token" and not str(value).strip())
    }
    return Layer(Kind.FLAG, hidden(given))


def of_environment(environment: Mapping[str, str]) -> Layer:
    """What the environment gives; a blank variable gives nothing."""
    values: dict[str, object] = {}
    variables: dict[str, str] = {}
    for name in DEFAULTS:
        for variable in variables_of(name):
            if text := environment.get(variable, "").strip():
                values[name], variables[name] = text, variable
                break
    return Layer(Kind.ENVIRONMENT, hidden(values), variables=variables)


def hidden(values: Values) -> dict[str, object]:
    """The same values, with a key that prints as stars."""
    found = dict(values)
    if isinstance(token := found.get("token"), str):
        found["token"] = Secret(token)
    return found


class Layers:
    """What was given, the strongest layer first; each value is checked where it is read."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = (*layers, LAST)

    def raw(self, name: str) -> object:
        """The value of the strongest layer that has one, else the default, which may be None."""
        return self._holder(name).values.get(name)

    def origin(self, name: str) -> Origin:
        """Where that value comes from."""
        return self._holder(name).origin(name)

    def _holder(self, name: str) -> Layer:
        return next((layer for layer in self.layers if name in layer.values), LAST)

    def switch(self, name: str) -> bool | None:
        """A switch, None where nothing is said of it. Raises: ConfigError."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        if self.origin(name).kind is Kind.ENVIRONMENT:
            word = str(value).lower()
            if word in _ON | _OFF:
                return word in _ON
        raise ConfigError(f"{name} must be true or false, not {value!r}")

    def on(self, name: str) -> bool:
        """A switch that is off unless it is turned on. Raises: ConfigError."""
        return bool(self.switch(name))

    def text(self, name: str) -> str | None:
        """A text, also where the file has a number."""
        value = self.raw(name)
        return None if value is None else str(value)

    def number(self, name: str, default: float = 0.0) -> float:
        """A number, not below 0. default: for a setting that has none. Raises: ConfigError."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            number = float(str(value))
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e12:
            raise ConfigError(f"{name} must be a number, 0 or more, not {value!r}")
        return number

    def whole(self, name: str) -> int | None:
        """A whole number, not below 0. Raises: ConfigError."""
        if self.raw(name) is None:
            return None
        number = self.number(name)
        if number != int(number):
            raise ConfigError(f"{name} must be a whole number, not {self.raw(name)!r}")
        return int(number)
