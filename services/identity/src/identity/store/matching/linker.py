"""The port of the engine that trains models and scores pairs of rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from identity.domain.matching.clustering import ScoredPair
from identity.domain.matching.specification import Specification

Columns = Mapping[str, Sequence[object]]
"""Rows by column, all of one length; row numbers are positions. A value is a text, a list of texts, or None."""
Progress = Callable[[str, float], None]
"""Called with a step's name and the share of the work that is done, 0 to 1, never falling."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """`settings` is the engine's own document (JSON); `untrained` names comparisons that the data could not teach."""

    engine: str
    settings: str
    prior: float
    untrained: tuple[str, ...]


class FieldWeight(NamedTuple):
    """What one comparison adds to a pair's weight (log2), and the level that holds; level -1 says nothing."""

    comparison: str
    level: int
    weight: float


@dataclass(frozen=True)
class Scoring:
    """`pairs` by row numbers, left < right; `candidates` counts the pairs that blocking proposed. `fields` explain the
    pairs of the review band; `prior` (log2 odds) and they add up to the weight."""

    pairs: Sequence[ScoredPair]
    fields: Mapping[tuple[int, int], tuple[FieldWeight, ...]]
    candidates: int
    prior: float


class Untrainable(Exception):
    """The rows cannot teach a model: too few, or no two of them alike in any block."""


class Linker(Protocol):
    """Trains without labels and scores. Calls block, for minutes on a million rows; they may be made from one thread
    at a time. Equal rows, specification and seed give weights that are equal to three decimals."""

    def train(
        self, rows: Columns, specification: Specification, seed: int, progress: Progress
    ) -> TrainedModel:
        """Estimates the model's parameters from the rows. Raises Untrainable."""
        ...

    def score(
        self,
        rows: Columns,
        specification: Specification,
        settings: str,
        floor: float,
        explained: tuple[float, float],
        progress: Progress,
    ) -> Scoring:
        """The pairs in any block that weigh at least `floor`; those from `explained[0]` up to and without
        `explained[1]` come with their fields."""
        ...
