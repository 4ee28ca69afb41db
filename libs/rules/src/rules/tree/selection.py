"""Whole rules: who, combined from segments if need be, and the steps that narrow them."""

from dataclasses import dataclass
from typing import TypeAlias

from .conditions import Condition
from .expressions import TagRef
from .node import Node


@dataclass(frozen=True, slots=True)
class SegmentMembers(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Union(Node):
    operands: "tuple[SetExpression, ...]"


@dataclass(frozen=True, slots=True)
class Intersect(Node):
    operands: "tuple[SetExpression, ...]"


@dataclass(frozen=True, slots=True)
class Except(Node):
    base: "SetExpression"
    removed: "SetExpression"


SetExpression: TypeAlias = SegmentMembers | Union | Intersect | Except


@dataclass(frozen=True, slots=True)
class Limit(Node):
    """The first n persons, or `percent` of them, by a tag; ties by birth_hash, unknown values last.

    Exactly one of `count` and `percent` (scaled by 10^4, of 100) is set.
    """

    by: TagRef
    count: int | None = None
    percent: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Sample(Node):
    """`percent` (scaled by 10^4, of 100) of the persons by a hash of birth_hash and the seed."""

    percent: int
    seed: str


@dataclass(frozen=True, slots=True)
class Rule(Node):
    """What a text means: who, then the steps (LIMIT, SAMPLE) in the order written."""

    body: "Condition | SetExpression"
    steps: tuple[Limit | Sample, ...] = ()
