"""How well scores tell seed persons that a model never saw from others that it never saw."""

from dataclasses import dataclass

import numpy as np
from segments.domain.insight.significance import Floats

DECILES = 10


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`auc`: the chance that a seed person scores above another one, ties count half (0.5 is guessing, 1 perfect); the
    statistic of Mann and Whitney over the product of the group sizes. `lifts`: deciles of the others from the highest
    scores down; the share of the seed in each over a tenth: 3 in the first means three times as many as at random."""

    seed_persons: int
    other_persons: int
    auc: float
    lifts: tuple[float, ...]


def evaluated(seed_scores: Floats, other_scores: Floats) -> Evaluation:
    """Both groups have somebody. Ties spread over the places that they take."""
    others = np.sort(other_scores)
    number = len(others)
    below = np.searchsorted(others, seed_scores, side="left") / number
    up_to = np.searchsorted(others, seed_scores, side="right") / number
    edges = np.arange(DECILES + 1) / DECILES
    covered = np.clip(edges[1:, None], below, up_to) - np.clip(edges[:-1, None], below, up_to)
    width = up_to - below
    at = np.minimum((below * DECILES).astype(np.int64), DECILES - 1)
    single = (np.arange(DECILES)[:, None] == at).astype(np.float64)
    shares = np.where(width > 0, covered / np.where(width > 0, width, 1.0), single).mean(axis=1)
    return Evaluation(
        seed_persons=len(seed_scores),
        other_persons=number,
        auc=float((below + up_to).mean() / 2),
        lifts=tuple(float(each) for each in shares[::-1] * DECILES),
    )
