"""Arenas: all containers of a column in one array, so that one mapped file can hold them."""

import numpy as np
import numpy.typing as npt

ALIGNMENT_BYTES = 64
LINE_WORDS = ALIGNMENT_BYTES // 8

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def aligned(words: int) -> Words:
    """So many zero words, at a multiple of 64 bytes."""
    raw = np.zeros(words + LINE_WORDS, np.uint64)
    start = -address_of(raw) % ALIGNMENT_BYTES // 8
    return raw[start : start + words]


def address_of(array: npt.NDArray[np.generic]) -> int:
    """Where a contiguous array begins. Whoever passes it on keeps the array alive."""
    return int(array.ctypes.data)


def lined(words: int) -> int:
    """The next number of words that fills its last line."""
    return -(-words // LINE_WORDS) * LINE_WORDS


def arena_of(sizes: Places, dense: npt.NDArray[np.bool_], pages: int = 0) -> tuple[Words, Places]:
    """A zero arena for containers of so many words each, and where each starts, in words; with `pages` more words at
    its end, which start on a line.

    Dense ones come first, in order and each on a line of its own, so that a value is read from one stretch of memory.
    """
    lines = np.where(dense, -(-sizes // LINE_WORDS) * LINE_WORDS, 0).ravel()
    small = np.where(dense, 0, sizes).ravel()
    ends = np.cumsum(lines)
    beginning = int(ends[-1]) if len(ends) else 0
    small_ends = np.cumsum(small) + beginning
    places = np.where(dense.ravel(), ends - lines, small_ends - small)
    total = int(small_ends[-1]) if len(small_ends) else 0
    return aligned(lined(total) + pages if pages else total), places.reshape(sizes.shape)
