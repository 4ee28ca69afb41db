"""Mobile numbers without collisions, and the ways in which people and spreadsheets write them."""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.columns import decimal_digits, fixed_text, joined, kept

_SEGMENTS = np.array(
    [*range(130, 140), 145, 147, *range(150, 154), *range(155, 160), 166, 172, 173, 175, 176, 177, 178,
     *range(180, 190), 191, 193, 195, 196, 197, 198, 199]
)  # fmt: skip
_SUBSCRIBERS = 10**8
_STEP = 2_754_881_389
"""Coprime to the size of the number space (2, 3 and 5 are its only prime factors): stepping never repeats."""

PLACEHOLDERS = ("13800138000", "13888888888", "11111111111")
_FULL_WIDTH = np.array([chr(0xFF10 + digit) for digit in range(10)])


def numbers(seed: int, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """The 11-digit mobile number with each index (below 10 million); different indexes, different numbers."""
    space = len(_SEGMENTS) * _SUBSCRIBERS
    place = (index * _STEP + (seed * 7_919 + 104_729) % space) % space
    return _SEGMENTS[place % len(_SEGMENTS)] * _SUBSCRIBERS + place // len(_SEGMENTS)


def e164(number: NDArray[np.int64]) -> pa.Array:
    return joined("+86", plain(number))


def plain(number: NDArray[np.int64]) -> pa.Array:
    return fixed_text(decimal_digits(number, 11))


@dataclass(frozen=True, slots=True)
class Handwriting:
    """Shares of the ways in which a source holds phone numbers; the rest is eleven plain digits."""

    plus_86: float = 0.0
    zero_86: float = 0.0
    dashes: float = 0.0
    spaces: float = 0.0
    full_width: float = 0.0
    excel: float = 0.0
    masked: float = 0.0
    absent: float = 0.0

    @property
    def shares(self) -> tuple[float, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


STYLES = ("plain", *(field.name for field in fields(Handwriting)))
UNUSABLE = frozenset({"excel", "masked", "absent"})
"""Styles from which the number cannot be told."""


def drawn_styles(rng: np.random.Generator, count: int, hand: Handwriting) -> NDArray[np.int64]:
    """A code into STYLES for each of `count` numbers."""
    shares = np.array([1.0 - sum(hand.shares), *hand.shares])
    if shares[0] < 0:
        raise ValueError(f"the shares of {hand} add up to more than 1")
    return rng.choice(len(shares), size=count, p=shares)


def written(number: NDArray[np.int64], style: NDArray[np.int64]) -> pa.Array:
    """Each number in its style; null for `absent`."""
    digits = decimal_digits(number, 11)
    text = fixed_text(digits)
    head, middle, tail = (fixed_text(digits[:, cut]) for cut in (slice(0, 3), slice(3, 7), slice(7, 11)))
    variants = {
        "plain": text,
        "plus_86": joined("+86", text),
        "zero_86": joined("0086", text),
        "dashes": joined(head, "-", middle, "-", tail),
        "spaces": joined(head, " ", middle, " ", tail, " "),
        "full_width": _full_width(digits),
        "excel": _excel(digits),
        "masked": joined(head, "****", tail),
        "absent": text,
    }
    column = pc.choose(pa.array(style), *(variants[name] for name in STYLES))
    return kept(column, style != STYLES.index("absent"))


def _full_width(digits: NDArray[np.uint8]) -> pa.Array:
    cells = _FULL_WIDTH[digits - ord("0")]
    glyphs = np.ascontiguousarray(cells).view(f"<U{digits.shape[1]}").ravel()
    return pa.array(glyphs.tolist(), pa.string())


def _excel(digits: NDArray[np.uint8]) -> pa.Array:
    """What a spreadsheet makes of it, as in 1.38E+10: three digits are left."""
    return joined(fixed_text(digits[:, :1]), ".", fixed_text(digits[:, 1:3]), "E+10")
