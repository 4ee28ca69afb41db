"""Bitmaps from masks of 65,536 persons each: exactly the containers of a roaring bitmap, so they are handed over as its
portable bytes instead of person by person."""

import struct
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

Mask: TypeAlias = npt.NDArray[np.bool_]

_COOKIE_WITHOUT_RUNS = 12346
_ARRAY_CARDINALITY = 4_096
"""Containers of up to so many values are sorted uint16, larger ones are 8 KiB of bits; github.com/RoaringBitmap/
RoaringFormatSpec."""


def bitmap_of(masks: Iterable[tuple[int, Mask]]) -> BitMap:
    """The persons of (block, mask) pairs; every mask has 65,536 places, every block comes once."""
    descriptions: list[bytes] = []
    containers: list[bytes] = []
    for block, mask in sorted(masks, key=lambda pair: pair[0]):
        cardinality = int(np.count_nonzero(mask))
        if cardinality == 0:
            continue
        descriptions.append(struct.pack("<HH", block, cardinality - 1))
        if cardinality <= _ARRAY_CARDINALITY:
            containers.append(np.flatnonzero(mask).astype("<u2").tobytes())
        else:
            containers.append(np.packbits(mask, bitorder="little").tobytes())
    if not containers:
        return BitMap()
    offsets = np.cumsum([8 + 8 * len(containers), *map(len, containers[:-1])]).astype("<u4")
    header = struct.pack("<II", _COOKIE_WITHOUT_RUNS, len(containers))
    return BitMap.deserialize(b"".join([header, *descriptions, offsets.tobytes(), *containers]))
