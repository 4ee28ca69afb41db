"""Reproducible randomness: the same seed, purpose and part draw the same numbers in every process."""

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MASK_64 = (1 << 64) - 1


def generator(seed: int, purpose: str, part: int = 0) -> np.random.Generator:
    """The generator of one purpose ("names", "orders", ...) in one part (a chunk of persons).

    Separate purposes are independent streams, so that a new draw in one of them moves nothing elsewhere.
    """
    entropy = [seed, crc32(purpose.encode()), part]
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(entropy)))


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection of 64 bits that looks random."""
    with np.errstate(over="ignore"):
        z = values + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        return z ^ (z >> np.uint64(31))


def hashed(seed: int, purpose: str, index: NDArray[np.int64], words: int = 1) -> NDArray[np.uint64]:
    """Stable random words of numbered things, shape (len(index), words): person 17 has the same in any
    chunk."""
    key = (seed * 0x1_0000_0001 + crc32(purpose.encode()) * 0x9E37_79B9_7F4A) & _MASK_64
    start = mix(index.astype(np.uint64) ^ mix(np.array([key], dtype=np.uint64)))
    with np.errstate(over="ignore"):
        steps = np.arange(words, dtype=np.uint64) * _GOLDEN
        return mix(start[:, None] + steps[None, :])
