"""Kinds that say their fields themselves, as messages of the contract: a field has the same name on both sides.

A number, text or list of the message that is at proto's default stands for the field's own default. Enums pair by name:
TAG_RANKING_SHARE is SHARE.
"""

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from google.protobuf.message import Message
from tagging.domain.kinds.fields import default_of, element, hints_of, optional

T = TypeVar("T")


def write_message(kind: Any, message: Message) -> None:
    """Fills the message from the kind."""
    message.SetInParent()
    hints = hints_of(type(kind))
    for field in fields(kind):
        value = getattr(kind, field.name)
        hint, _ = optional(hints[field.name])
        if value is None:
            continue
        if element(hint) is None:
            _set(message, field.name, value)
        elif is_dataclass(element(hint)):
            for each in value:
                write_message(each, getattr(message, field.name).add())
        else:
            getattr(message, field.name).extend(value)


def _set(message: Message, name: str, value: Any) -> None:
    if isinstance(value, Enum):
        numbers = _numbers(message.DESCRIPTOR.fields_by_name[name].enum_type)
        setattr(message, name, numbers[value.name])
    else:
        setattr(message, name, value)


def read_message(kind: type[T], message: Message) -> T:
    """The kind that the message says; whether it keeps to its limits is for its check."""
    hints = hints_of(kind)
    said: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass
        hint, may_be_none = optional(hints[field.name])
        descriptor = message.DESCRIPTOR.fields_by_name[field.name]
        value = getattr(message, field.name)
        if may_be_none and not message.HasField(field.name):
            continue
        if (inner := element(hint)) is not None:
            nested = isinstance(inner, type) and is_dataclass(inner)
            value = tuple(read_message(inner, each) if nested else each for each in value)
        elif isinstance(hint, type) and issubclass(hint, Enum):
            value = _member(hint, descriptor, value)
        if value or may_be_none or default_of(field) is MISSING:
            said[field.name] = value
    return kind(**said)


def _member(kind: type[Enum], descriptor: Any, number: int) -> Enum | None:
    return next(
        (kind[name] for name, each in _numbers(descriptor.enum_type).items() if each == number and number),
        None,
    )


def _numbers(descriptor: Any) -> dict[str, int]:
    """Member name -> number: the names without what they all begin with."""
    absent = next(name for name in descriptor.values_by_name if name.endswith("_UNSPECIFIED"))
    prefix = absent.removesuffix("UNSPECIFIED")
    return {name.removeprefix(prefix): each.number for name, each in descriptor.values_by_name.items()}
