"""Reading of a settings document: typed fields with defaults, all problems reported together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Kept = TypeVar("Kept")


class SettingsError(ValueError):
    """The settings cannot be used; the message names every problem with its path."""


@dataclass(slots=True)
class Reader:
    """A view of one mapping of the document. Views of nested mappings share the list of problems.

    A field without a default is required. `close` reports fields that nobody asked for, so typos are found.
    """

    content: Mapping[str, object]
    path: str = ""
    problems: list[str] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._value(name, default)
        if not isinstance(value, str):
            return self._problem(name, "must be text", "")
        if default is None and not value:
            return self._problem(name, "must not be empty", "")
        return value

    def number(
        self, name: str, default: float | None = None, *, low: float = 0.0, high: float = 1e12
    ) -> float:
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return self._problem(name, f"must be a number from {low:g} to {high:g}", low)
        return float(value)

    def share(self, name: str, default: float) -> float:
        return self.number(name, default, high=1.0)

    def whole(self, name: str, default: int | None = None, *, low: int = 0, high: int = 10**12) -> int:
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return self._problem(name, f"must be a whole number from {low} to {high}", low)
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._value(name, default)
        return value if isinstance(value, bool) else self._problem(name, "must be true or false", default)

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self._value(name, default)
        if not isinstance(value, str) or value not in choices:
            return self._problem(name, f"must be one of {', '.join(choices)}", choices[0])
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._value(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return self._problem(name, "must be a list of texts", ())
        return tuple(value)

    def wholes(self, name: str) -> tuple[int, ...]:
        value = self._value(name, [])
        if not isinstance(value, list) or not all(isinstance(each, int) for each in value):
            return self._problem(name, "must be a list of whole numbers", ())
        return tuple(value)

    def mapping(self, name: str) -> "Reader":
        value = self._value(name, {})
        if not isinstance(value, dict):
            value = self._problem(name, "must be a mapping", {})
        return Reader(value, self._at(name), self.problems)

    def mappings(self, name: str) -> list["Reader"]:
        value = self._value(name, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            value = self._problem(name, "must be a list of mappings", [])
        return [Reader(each, f"{self._at(name)}[{at}]", self.problems) for at, each in enumerate(value)]

    def has(self, name: str) -> bool:
        return name in self.content

    def close(self) -> None:
        """Add a problem for each field that was not asked for."""
        for name in sorted(set(self.content) - self._asked):
            known = ", ".join(sorted(self._asked))
            self._problem(name, f"is not known here; known are {known}", None)

    def check(self) -> None:
        """Raise SettingsError when anything was wrong anywhere."""
        if self.problems:
            raise SettingsError("settings cannot be used:\n  " + "\n  ".join(self.problems))

    def _value(self, name: str, default: object) -> object:
        self._asked.add(name)
        value = self.content.get(name)
        return default if value is None else value

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _problem(self, name: str, what: str, instead: Kept) -> Kept:
        self.problems.append(f"{self._at(name)} {what}")
        return instead
