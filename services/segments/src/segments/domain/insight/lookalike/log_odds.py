"""The baseline that everybody can check: each value weighs by how much more often the seed has it.

The weight is the log odds ratio of having the value, seed against others, with half a person added to each of the four
counts (J. Haldane, Annals of Human Genetics 20 (1956), 309-311; F. Anscombe, Biometrika 43 (1956), 461-464), times
1 - 1/z^2, never below 0, where z is the ratio over its standard error (B. Woolf, Annals of Human Genetics 19 (1955),
251-253): what may be chance weighs nothing, and so does what nobody has. A person's score is the sum over
the values the person has.
"""

import numpy as np
import numpy.typing as npt
from segments.domain.insight.lookalike.design import Design
from segments.domain.insight.significance import Floats

_HALF_A_PERSON = 0.5


def log_odds_weights(design: Design, in_seed: npt.NDArray[np.bool_]) -> Floats:
    """A weight for each value. `in_seed`: which rows are of the seed."""
    seed, others = design.counts(in_seed), design.counts(~in_seed)
    cells = np.stack([seed, in_seed.sum() - seed, others, (~in_seed).sum() - others]) + _HALF_A_PERSON
    ratio = np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3])
    z_squared = ratio**2 / (1 / cells).sum(axis=0)
    trust = np.maximum(0.0, 1 - 1 / np.maximum(z_squared, 1.0))
    return np.asarray(np.where(seed + others > 0, ratio * trust, 0.0), np.float64)
