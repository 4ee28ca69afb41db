"""LIMIT, SAMPLE and sets of segments: the definitions that every evaluator reproduces.

A sampled person's hash is below the share. The hash of a birth hash b and a seed s, both 64 bits unsigned:

    x = b XOR n(s)                          n: BLAKE2b of 8 bytes of the seed's UTF-8, little endian
    x = (x XOR (x >> 30)) * 0xBF58476D1CE4E5B9
    x = (x XOR (x >> 27)) * 0x94D049BB133111EB
    x =  x XOR (x >> 31)                    all modulo 2^64: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)

and p percent are those with x < p / 100 * 2^64, rounded up. So a sample of 5 % is part of the one of 10 % by the same
seed, and neither depends on who else there is.
"""

from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from rules.tree import (
    And,
    Condition,
    Except,
    InSegment,
    Intersect,
    Limit,
    Not,
    Or,
    Rule,
    Sample,
    SegmentMembers,
    SetExpression,
    Union,
)
from rules.values import SCALE

WHOLE = 100 * SCALE
"""All of a population, as percents are scaled."""
MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""Shift, then the factor."""
LAST_SHIFT = 31
_ALL_BITS = 2**64 - 1


def condition_within(rule: Rule | Condition) -> Condition:
    """What a person must satisfy before the steps narrow: a set of segments says it by IN SEGMENT."""
    body = rule.body if isinstance(rule, Rule) else rule
    return _condition(body)


def _condition(body: Condition | SetExpression) -> Condition:
    match body:
        case SegmentMembers(name):
            return InSegment(name, span=body.span)
        case Union(operands):
            return Or(tuple(_condition(each) for each in operands), span=body.span)
        case Intersect(operands):
            return And(tuple(_condition(each) for each in operands), span=body.span)
        case Except(base, removed):
            return And((_condition(base), Not(_condition(removed))), span=body.span)
        case _:
            return body


@lru_cache(maxsize=1024)
def seed_number(seed: str) -> int:
    """64 bits of a SAMPLE's seed."""
    return int.from_bytes(blake2b(seed.encode(), digest_size=8).digest(), "little")


def sample_hash(birth_hash: int, seed: str) -> int:
    """Of 64 bits, alike for all of them."""
    mixed = birth_hash ^ seed_number(seed)
    for shift, factor in MIX:
        mixed = (mixed ^ (mixed >> shift)) * factor & _ALL_BITS
    return mixed ^ (mixed >> LAST_SHIFT)


def sample_bound(step: Sample) -> int:
    """Who is sampled has a hash below it; 2^64 is everybody."""
    return -(-step.percent * 2**64 // WHOLE)


def is_sampled(birth_hash: int, step: Sample) -> bool:
    """Does SAMPLE keep the person?"""
    return sample_hash(birth_hash, step.seed) < sample_bound(step)


def sampled(birth_hashes: npt.NDArray[np.uint64], step: Sample) -> npt.NDArray[np.bool_]:
    """`is_sampled` of each."""
    mixed = birth_hashes ^ np.uint64(seed_number(step.seed))
    for shift, factor in MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(LAST_SHIFT)
    bound = sample_bound(step)
    return mixed < np.uint64(bound) if bound <= _ALL_BITS else np.ones(len(mixed), np.bool_)


def kept(step: Limit, count: int) -> int:
    """How many of `count` persons LIMIT keeps; of a percentage the next whole number of persons up."""
    if step.percent is not None:
        return -(-count * step.percent // WHOLE)
    return min(count, step.count or 0)
