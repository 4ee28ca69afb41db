"""Lists of ids as parameters of a statement, in bounded pieces."""

from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")

LISTED = 400
"""Ids of one statement, at most."""


def pieces(ids: Collection[T], size: int = LISTED) -> Iterator[tuple[list[T], str]]:
    """Pieces of the ids, each with its parameter marks "?, ?, ?".

    A piece is padded with its last id to a power of two, so that few different statements are prepared.
    """
    listed = list(ids)
    for start in range(0, len(listed), size):
        piece = listed[start : start + size]
        padded = min(size, 1 << (len(piece) - 1).bit_length())
        piece += [piece[-1]] * (padded - len(piece))
        yield piece, ", ".join("?" * padded)
