"""Values of the contract's enums by the names people use."""

from typing import Any

from cli.exits import Exit, Refusal


def name_of(enum: Any, number: int) -> str:
    """TAG_STATE_IN_REVIEW of TagState is "in_review". A number of a newer release than this one is told as it is."""
    known = enum.DESCRIPTOR.values_by_number.get(number)
    return str(number) if known is None else known.name.removeprefix(_prefix(enum)).lower()


def number_of(enum: Any, name: str) -> Any:
    """The way back; spaces and dashes do for underscores. Raises Refusal with the names there are."""
    wanted = name.lower().replace("-", "_").replace(" ", "_")
    numbers = {name_of(enum, each.number): each.number for each in enum.DESCRIPTOR.values[1:]}
    if wanted not in numbers:
        raise Refusal(f"'{name}' is none of {', '.join(numbers)}", Exit.USAGE)
    return numbers[wanted]


def _prefix(enum: Any) -> str:
    """What stands before every name: the first value is called UNSPECIFIED."""
    return str(enum.DESCRIPTOR.values[0].name).removesuffix("UNSPECIFIED")
