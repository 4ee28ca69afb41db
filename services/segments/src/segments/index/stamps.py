"""Stamps: two things with the same stamp have the same content."""

from itertools import count
from typing import Protocol

_STAMPS = count(1)


def new_stamp() -> int:
    """One that nothing else in this process has."""
    return next(_STAMPS)


class Stamped(Protocol):
    """Content that has another stamp after each change."""

    stamp: int
