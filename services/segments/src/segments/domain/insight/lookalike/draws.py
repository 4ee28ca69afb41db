"""Chance that can be repeated: a person's draw depends on the person's birth hash and on a seed alone."""

import numpy as np
import numpy.typing as npt


def draws(birth_hashes: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """A number for each, evenly spread over 64 bits, other for every seed. The finalizer of splitmix64: G. Steele,
    D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014."""
    mixed = birth_hashes + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & (2**64 - 1))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def smallest(drawn: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.int64]:
    """The places of the `most` smallest draws, ascending by place: a sample without replacement."""
    if len(drawn) <= most:
        return np.arange(len(drawn), dtype=np.int64)
    return np.sort(np.argpartition(drawn, most - 1)[:most]).astype(np.int64)
