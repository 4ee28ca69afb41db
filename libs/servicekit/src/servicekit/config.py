"""Reads a frozen Config dataclass from the environment; every fault is reported at once.

@dataclass(frozen=True)
class Config:
    port: int = setting("HUAXIANG_IDENTITY_PORT", integer(1, 65535), default=7101)
    keys: Path = setting("HUAXIANG_KEYS", path)
    pepper: str = setting("HUAXIANG_PEPPER", text, secret=True)

config = read(Config, os.environ)
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field
from pathlib import Path
from typing import Any, TypeVar

ConfigT = TypeVar("ConfigT")
Parser = Callable[[str], Any]
_SETTING = "servicekit.setting"


class ConfigError(Exception):
    """The environment is not a configuration. `problems` has one line per fault; secrets are never quoted."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("configuration refused:\n" + "\n".join(f"  {problem}" for problem in problems))


@dataclasses.dataclass(frozen=True)
class _Setting:
    name: str
    parse: Parser
    secret: bool
    hidden: bool


def setting(
    name: str,
    parse: Parser,
    *,
    default: Any = MISSING,
    factory: Any = MISSING,
    secret: bool = False,
    hidden: bool = False,
) -> Any:
    """A dataclass field read from the environment variable `name`; required when it has no default.

    `parse` turns the text into the value and raises ValueError with a reason. A secret is kept out of repr
    and errors, and may have no default (ValueError at class definition); what is `hidden` may hold one, as a URL with a
    password does, and may have a default. `factory` makes a default that is not a constant.
    """
    if secret and (default is not MISSING or factory is not MISSING):
        raise ValueError(f"{name}: no secret has a default")
    hidden = hidden or secret
    metadata = {_SETTING: _Setting(name, parse, secret, hidden)}
    if factory is not MISSING:
        return field(default_factory=factory, repr=not hidden, metadata=metadata, kw_only=True)
    return field(default=default, repr=not hidden, metadata=metadata, kw_only=True)


def read(cls: type[ConfigT], env: Mapping[str, str]) -> ConfigT:
    """Builds `cls` from `env`. An empty variable counts as absent. Raises ConfigError naming all faults."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]  # any dataclass; the TypeVar cannot say so
        declared: _Setting | None = item.metadata.get(_SETTING)
        if declared is None:
            continue
        raw = env.get(declared.name, "")
        if raw == "":
            if item.default is MISSING and item.default_factory is MISSING:
                problems.append(f"{declared.name} is required and not set")
            continue
        try:
            values[item.name] = declared.parse(raw)
        except ValueError as error:
            shown = "its value" if declared.hidden else repr(raw)
            reason = "is malformed" if declared.secret else str(error)
            problems.append(f"{declared.name}: {shown} {reason}")
    if problems:
        raise ConfigError(problems)
    return cls(**values)


def text(raw: str) -> str:
    """Any text that is not blank."""
    if not raw.strip():
        raise ValueError("is blank")
    return raw


def path(raw: str) -> Path:
    """A path; `~` is expanded."""
    return Path(raw).expanduser()


def flag(raw: str) -> bool:
    """1, true, yes, on; 0, false, no, off."""
    lowered = raw.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("is neither yes nor no")


def words(raw: str) -> tuple[str, ...]:
    """Words separated by commas."""
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def one_of(*allowed: str) -> Parser:
    """One of the given words."""

    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(f"is none of {', '.join(allowed)}")
        return raw

    return parse


def integer(low: int, high: int) -> Parser:
    """A whole number from `low` to `high`, both included."""

    def parse(raw: str) -> int:
        try:
            value = int(raw)
        except ValueError:
            raise ValueError("is not a whole number") from None
        if not low <= value <= high:
            raise ValueError(f"is not between {low} and {high}")
        return value

    return parse


def number(low: float, high: float) -> Parser:
    """A number from `low` to `high`, both included: a ratio, a duration, a speed (never an amount)."""

    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            raise ValueError("is not a number") from None
        if not low <= value <= high:
            raise ValueError(f"is not between {low} and {high}")
        return value

    return parse
