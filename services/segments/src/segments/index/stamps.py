"""Stamps: two things with the same stamp have the same content."""

from itertools import count

_STAMPS = count(1)


def new_stamp() -> int:
    """One that nothing else in this process has."""
    return next(_STAMPS)
