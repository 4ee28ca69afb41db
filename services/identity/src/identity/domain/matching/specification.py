"""What a model compares and how it finds candidates, in words that do not depend on the engine that runs it.

Rows are flat: one text per column, or a list of texts; nothing is None. A comparison's levels are tried in order, the
best first; the first whose conditions all hold is the pair's. Where a column is missing on either side the comparison
says nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_COLUMNS = 64
MAX_COMPARISONS = 16
MAX_LEVELS = 16
MAX_BLOCKS = 32
MAX_LIMIT = 10_000.0
MAX_SAMPLED_PAIRS = 100_000_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class ConditionKind(StrEnum):
    """How two values of a column are held against each other; `limit` of a condition means:"""

    EQUAL = "equal"
    """Nothing."""
    SIMILAR = "similar"
    """The least Jaro-Winkler similarity, 0 to 1."""
    EDITS = "edits"
    """The most characters inserted, deleted, changed or swapped with a neighbour (Damerau-Levenshtein)."""
    SHARE = "share"
    """The least number of equal elements of two lists."""
    WITHIN = "within"
    """The greatest difference of two numbers written as text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column of both rows."""

    kind: ConditionKind
    column: str
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Level:
    """Holds when all conditions do. `frequency` names the column whose rare values say more; a level of that comparison
    must ask for that column's equality alone."""

    conditions: tuple[Condition, ...]
    frequency: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`needs` are the columns that both rows must have."""

    name: str
    needs: tuple[str, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Two rows are candidates when all columns are equal; a list column in `each` counts by its elements."""

    columns: tuple[str, ...]
    each: str = ""


@dataclass(frozen=True, slots=True)
class Training:
    """`certain` are blocks whose pairs are almost all true, and `recall` the share of true pairs they find: together
    they estimate how many there are. Each of `rounds` estimates the comparisons that its columns are not part of."""

    certain: tuple[Block, ...]
    recall: float
    rounds: tuple[Block, ...]
    sampled_pairs: int


@dataclass(frozen=True, slots=True)
class Specification:
    """A model before it is trained; `lists` are those of the columns that hold lists."""

    columns: tuple[str, ...]
    lists: frozenset[str]
    comparisons: tuple[Comparison, ...]
    blocks: tuple[Block, ...]
    training: Training


class SpecificationInvalid(ValueError):
    """The specification breaks a limit or names what it does not have; `field` says where."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field} {problem}")


def parse_specification(document: Mapping[str, Any]) -> Specification:
    """The specification of a document shaped like standards/matching.yaml. Raises SpecificationInvalid."""
    try:
        specification = Specification(
            tuple(document["columns"]) + tuple(document.get("lists", ())),
            frozenset(document.get("lists", ())),
            tuple(_comparison(item) for item in document["comparisons"]),
            tuple(_block(item) for item in document["blocks"]),
            Training(
                tuple(_block(item) for item in document["training"]["certain"]),
                float(document["training"]["recall"]),
                tuple(_block(item) for item in document["training"]["rounds"]),
                int(document["training"]["sampled_pairs"]),
            ),
        )
    except SpecificationInvalid:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise SpecificationInvalid("specification", f"does not have the shape it needs: {error!r}") from error
    _check(specification)
    return specification


def _comparison(item: Mapping[str, Any]) -> Comparison:
    levels = tuple(_level(level) for level in item["levels"])
    needs = tuple(item.get("needs") or dict.fromkeys(c.column for level in levels for c in level.conditions))
    return Comparison(item["name"], needs, levels)


def _level(item: Mapping[str, Any]) -> Level:
    """Of {equal: name, edits: {street: 2}, frequency: name}: kinds with a column, a list of them, or columns with
    limits.
    """
    conditions: list[Condition] = []
    for word, stated in item.items():
        if word == "frequency":
            continue
        kind = ConditionKind(word)
        if isinstance(stated, Mapping):
            conditions += [Condition(kind, column, float(limit)) for column, limit in stated.items()]
        else:
            columns = [stated] if isinstance(stated, str) else list(stated)
            conditions += [Condition(kind, column, float(kind is ConditionKind.SHARE)) for column in columns]
    return Level(tuple(conditions), item.get("frequency", ""))


def _block(item: Sequence[str] | Mapping[str, Any]) -> Block:
    if isinstance(item, Mapping):
        return Block(tuple(item.get("equal", ())), item["each"])
    return Block(tuple(item))


def _check(specification: Specification) -> None:
    for name, count, limit in (
        ("columns", len(specification.columns), MAX_COLUMNS),
        ("comparisons", len(specification.comparisons), MAX_COMPARISONS),
        ("blocks", len(specification.blocks), MAX_BLOCKS),
        ("training.rounds", len(specification.training.rounds), MAX_BLOCKS),
        ("training.certain", len(specification.training.certain), MAX_BLOCKS),
        *(
            (f"comparisons.{item.name}.levels", len(item.levels), MAX_LEVELS)
            for item in specification.comparisons
        ),
    ):
        if not 1 <= count <= limit:
            raise SpecificationInvalid(name, f"has {count} entries, not 1 to {limit}")
    if not 0.0 < specification.training.recall <= 1.0:
        raise SpecificationInvalid("training.recall", "is not above 0 and at most 1")
    if not 1 <= specification.training.sampled_pairs <= MAX_SAMPLED_PAIRS:
        raise SpecificationInvalid("training.sampled_pairs", f"is not between 1 and {MAX_SAMPLED_PAIRS}")
    if len(set(specification.columns)) != len(specification.columns):
        raise SpecificationInvalid("columns", "names a column twice")
    names = [item.name for item in specification.comparisons]
    if len(set(names)) != len(names):
        raise SpecificationInvalid("comparisons", "names a comparison twice")
    for field, column in _named(specification):
        if not _NAME.fullmatch(column):
            raise SpecificationInvalid(field, "is not a name of 1 to 32 characters of a-z, 0-9 and _")
        if column not in specification.columns:
            raise SpecificationInvalid(field, f"names {column!r}, which is none of the columns")


def _named(specification: Specification) -> Iterator[tuple[str, str]]:
    """Every place that names a column."""
    for column in specification.columns:
        yield "columns", column
    for comparison in specification.comparisons:
        yield from _named_by(comparison)
    training = specification.training
    if any(block.each for block in (*training.certain, *training.rounds)):
        raise SpecificationInvalid("training", "has a block by elements of a list; only whole columns teach")
    for place, blocks in (
        ("blocks", specification.blocks),
        ("training", (*training.certain, *training.rounds)),
    ):
        for block in blocks:
            if not block.columns and not block.each:
                raise SpecificationInvalid(
                    place, "has a block without columns: every two rows would be a pair"
                )
            for column in (*block.columns, *([block.each] if block.each else [])):
                yield place, column


def _named_by(comparison: Comparison) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(comparison.name):
        raise SpecificationInvalid(
            "comparisons", "has a name that is not 1 to 32 characters of a-z, 0-9 and _"
        )
    place = f"comparisons.{comparison.name}"
    for column in comparison.needs:
        yield place, column
    for level in comparison.levels:
        if not level.conditions:
            raise SpecificationInvalid(place, "has a level without conditions")
        for condition in level.conditions:
            if not 0.0 <= condition.limit <= MAX_LIMIT:
                raise SpecificationInvalid(place, f"has a limit that is not between 0 and {MAX_LIMIT:.0f}")
            yield place, condition.column
        if level.frequency:
            yield place, level.frequency
            alone = (Condition(ConditionKind.EQUAL, level.frequency),)
            if all(other.conditions != alone for other in comparison.levels):
                raise SpecificationInvalid(
                    place, f"weighs {level.frequency} but has no level of its equality"
                )
