"""The fields of a kind as a plain document, both ways, told by their types: what YAML files hold and the store keeps.

    str            a text, as it stands                    Scaled   a decimal
    int            a whole number                          bool     true or false
    Enum           the member's value                      X | None left out when None
    tuple[X, ...]  a list                                  dataclass a mapping of its fields

What is at its default is left out.
"""

import datetime as dt
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from rules.values import decimal_text, scaled

T = TypeVar("T")
Fail = Callable[[str, str], Exception]
"""(field, problem) -> the error to raise."""


def hints_of(kind: type[Any]) -> Mapping[str, Any]:
    """Field -> its type, in order."""
    return _hints(cast(Hashable, kind))


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return types.MappingProxyType({each.name: hints[each.name] for each in fields(kind)})


def is_scaled(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def optional(hint: Any) -> tuple[Any, bool]:
    """The type without None, and whether None is allowed."""
    if get_origin(hint) in (types.UnionType, Union):
        inner = next(each for each in get_args(hint) if each is not type(None))
        return inner, True
    return hint, False


def element(hint: Any) -> Any:
    """Of a tuple[X, ...], X; None of anything else."""
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def default_of(field: "Field[Any]") -> Any:
    """MISSING for a field that must be said."""
    return field.default_factory() if field.default_factory is not MISSING else field.default


def write(value: Any) -> dict[str, Any]:
    """A dataclass as a document."""
    hints = hints_of(type(value))
    found = {}
    for field in fields(value):
        said = getattr(value, field.name)
        if said != default_of(field):
            found[field.name] = _written(said, hints[field.name])
    return found


def _written(value: Any, hint: Any) -> Any:
    hint, _ = optional(hint)
    if (inner := element(hint)) is not None:
        return [_written(each, inner) for each in value]
    if is_scaled(hint):
        return decimal_text(value)
    if isinstance(value, Enum):
        return value.value
    return write(value) if is_dataclass(value) else value


def read(kind: type[T], given: object, where: str, fail: Fail) -> T:
    """A dataclass from a document; raises what `fail` makes, for the first field that is wrong."""
    if not isinstance(given, Mapping):
        raise fail(where, "must be a mapping")
    hints = hints_of(kind)
    for name in given:
        if name not in hints:
            raise fail(f"{where}.{name}", f"is not a field; these are: {', '.join(sorted(hints))}")
    said = {}
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass
        if given.get(field.name) is not None:
            said[field.name] = _read(given[field.name], hints[field.name], f"{where}.{field.name}", fail)
        elif default_of(field) is MISSING:
            raise fail(f"{where}.{field.name}", "is missing")
    return kind(**said)


def _read(given: Any, hint: Any, where: str, fail: Fail) -> Any:
    hint, _ = optional(hint)
    if (inner := element(hint)) is not None:
        if not isinstance(given, list | tuple):
            raise fail(where, "must be a list")
        return tuple(_read(each, inner, f"{where}[{index}]", fail) for index, each in enumerate(given))
    if is_scaled(hint):
        return number(given, where, fail)
    if issubclass(hint, Enum):
        try:
            return hint(given)
        except ValueError:
            raise fail(where, f"is one of {', '.join(str(each.value) for each in hint)}") from None
    if isinstance(hint, type) and is_dataclass(hint):
        return read(hint, given, where, fail)
    if hint is str and type(given) is dt.date:  # YAML reads dates by itself
        return given.isoformat()
    if hint is str and isinstance(given, str | int) and not isinstance(given, bool):
        return str(given)
    if hint is not str and type(given) is hint:
        return given
    raise fail(
        where, {str: "must be a text", int: "must be a whole number"}.get(hint, "must be true or false")
    )


def number(given: object, where: str, fail: Fail) -> int:
    """A scaled number from a decimal."""
    try:
        if isinstance(given, bool):
            raise ValueError
        return scaled(format(Decimal(str(given)), "f"))
    except (InvalidOperation, ValueError):
        raise fail(where, f"is not a number with at most four decimals: {given!r}") from None
