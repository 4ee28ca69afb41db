"""The bands of a scored pair, and how groups may grow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from identity.domain.matching.clustering import ClusterSettings

MAX_WEIGHT = 100.0
MIN_GROUP_ROWS, MAX_GROUP_ROWS = 2, 1_000


@dataclass(frozen=True, slots=True)
class Bands:
    """Match weights (log2 odds): `auto` and more links by itself, from `review` on a human is asked, the rest is
    dropped. The other settings are those of ClusterSettings."""

    auto: float
    review: float
    mean: float
    absent: float
    max_rows: int

    def clustering(self) -> ClusterSettings:
        """How groups are made of pairs that link by themselves."""
        return ClusterSettings(self.auto, self.mean, self.absent, self.max_rows)

    @property
    def floor(self) -> float:
        """The lowest weight that anything is done with: lighter pairs still speak against a union."""
        return min(self.absent, self.review, self.mean)

    def problem(self) -> str:
        """What is wrong with them; empty when nothing is."""
        weights = (self.auto, self.review, self.mean, self.absent)
        if not all(-MAX_WEIGHT <= weight <= MAX_WEIGHT for weight in weights):
            return f"hold a weight that is not between -{MAX_WEIGHT:.0f} and {MAX_WEIGHT:.0f}"
        if self.review > self.auto:
            return "have a review band above the automatic one"
        if self.absent > self.mean:
            return "count a pair that was not scored for more than the mean that unites"
        if not MIN_GROUP_ROWS <= self.max_rows <= MAX_GROUP_ROWS:
            return f"have max_rows that is not between {MIN_GROUP_ROWS} and {MAX_GROUP_ROWS}"
        return ""


def parse_bands(document: Mapping[str, Any]) -> Bands:
    """The bands of a document shaped like standards/matching.yaml. Raises ValueError."""
    bands, clustering = document["bands"], document["clustering"]
    parsed = Bands(
        float(bands["auto"]),
        float(bands["review"]),
        float(clustering["mean"]),
        float(clustering["absent"]),
        int(clustering["max_rows"]),
    )
    if parsed.problem():
        raise ValueError(f"bands {parsed.problem()}")
    return parsed
