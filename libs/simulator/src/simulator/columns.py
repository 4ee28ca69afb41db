"""Arrow columns made from NumPy arrays without a Python loop per row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SCALE = 10_000
"""Amounts are int64 counts of 1/10,000 everywhere in this package; they become decimals only in files."""

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_", dtype=np.uint8)
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def fixed_text(characters: NDArray[np.uint8]) -> pa.Array:
    """A matrix of ASCII codes, one row per value, as a text column."""
    rows, width = characters.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    data = np.ascontiguousarray(characters)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data))


def tokens(words: NDArray[np.uint64], width: int) -> pa.Array:
    """Text of `width` characters of a 64-letter alphabet, ten from each 64-bit word of a row."""
    return fixed_text(_ALPHABET[_digits_of(words, width, bits=6)])


def hex_tokens(words: NDArray[np.uint64], width: int) -> pa.Array:
    """Text of `width` lower-case hexadecimal digits, sixteen from each 64-bit word of a row."""
    return fixed_text(_HEX[_digits_of(words, width, bits=4)])


def _digits_of(words: NDArray[np.uint64], width: int, *, bits: int) -> NDArray[np.intp]:
    per_word = 64 // bits
    if words.shape[1] * per_word < width:
        raise ValueError(f"{words.shape[1]} words hold {words.shape[1] * per_word} characters, not {width}")
    shifts = np.arange(per_word, dtype=np.uint64) * np.uint64(bits)
    pieces = (words[:, :, None] >> shifts) & np.uint64((1 << bits) - 1)
    flat = pieces.reshape(len(words), words.shape[1] * per_word)
    return flat[:, :width].astype(np.intp)


def decimal_digits(values: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Zero-padded decimal ASCII codes, shape (len(values), width)."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((values[:, None] // powers) % 10 + ord("0")).astype(np.uint8)


def padded(values: NDArray[np.int64], width: int) -> pa.Array:
    return fixed_text(decimal_digits(values, width))


def joined(*parts: pa.Array | str) -> pa.Array:
    """Parts side by side; null where any part is null."""
    return pc.binary_join_element_wise(*parts, "")


def picked(values: Sequence[str] | pa.Array, codes: NDArray[np.integer]) -> pa.Array:
    """The value of each code; a negative code is null."""
    table = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())
    return table.take(pa.array(codes, mask=codes < 0))


def kept(values: pa.Array, mask: NDArray[np.bool_]) -> pa.Array:
    """The values where the mask holds, null elsewhere."""
    return pc.if_else(pa.array(mask), values, pa.scalar(None, values.type))


def decimals(scaled: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
    """Amounts scaled by 10^4 as decimal128(18, 4), exactly; null where `mask` is false."""
    halves = np.empty((len(scaled), 2), dtype=np.int64)
    halves[:, 0] = scaled
    halves[:, 1] = scaled >> 63
    column = pa.Array.from_buffers(pa.decimal128(18, 4), len(scaled), [None, pa.py_buffer(halves)])
    return column if mask is None else kept(column, mask)


def wall_times(seconds: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
    """Seconds of wall-clock time since 1970 as timestamps without a zone."""
    return pa.array(seconds, mask=None if mask is None else ~mask).cast(pa.timestamp("s"))


def dates(days: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
    """Days since 1970 as dates."""
    return pa.array(days.astype(np.int32), mask=None if mask is None else ~mask).cast(pa.date32())


def repeated(value: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def nothing(rows: int, kind: pa.DataType | None = None) -> pa.Array:
    return pa.nulls(rows, kind or pa.string())
