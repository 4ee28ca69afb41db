"""The learned model: logistic regression with a ridge, by Newton's method.

Each step solves the Newton equation by conjugate gradients, asking the design for products alone: C. Lin, R. Weng,
S. Keerthi, Trust region Newton method for large-scale logistic regression, Journal of Machine Learning Research 9
(2008), 627-650 (here with step halving instead of the trust region, and the diagonal as preconditioner). The loss is
strictly convex, so there is one answer, whatever the start.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from segments.domain.insight.lookalike.design import Design
from segments.domain.insight.significance import Floats

RIDGE = 1.0
"""Half of it times the sum of squared weights is added to the loss; the intercept goes free."""
MAX_STEPS = 30
MAX_SOLVES = 100
_CLOSE = 1e-6
_SOLVED = 1e-3
_ENOUGH = 1e-4
_SMALLEST_STEP = 2**-20


@dataclass(frozen=True, slots=True)
class Learned:
    """`weights` for each value, `intercept` for everybody. `converged`: the gradient is near nothing."""

    weights: Floats
    intercept: float
    converged: bool


def learn(design: Design, in_seed: npt.NDArray[np.bool_], ridge: float = RIDGE) -> Learned:
    """The weights under which the seed is likeliest. `in_seed`: which rows are of the seed; some are and some not."""
    problem = _Problem(design, in_seed.astype(np.float64), ridge)
    theta = np.zeros(design.values + 1)
    loss, gradient, spread = problem.at(theta)
    small = _CLOSE * max(1.0, float(np.linalg.norm(gradient)))
    for _ in range(MAX_STEPS):
        if float(np.linalg.norm(gradient)) <= small:
            break
        direction = problem.newton_direction(gradient, spread)
        slope, step = float(gradient @ direction), 1.0
        while step > _SMALLEST_STEP:
            tried = problem.at(theta + step * direction)
            if tried[0] <= loss + _ENOUGH * step * slope:
                break
            step /= 2
        else:
            break
        theta = theta + step * direction
        loss, gradient, spread = tried
    return Learned(theta[:-1], float(theta[-1]), float(np.linalg.norm(gradient)) <= small)


@dataclass(frozen=True, slots=True)
class _Problem:
    """The last number of every vector belongs to the intercept."""

    design: Design
    truth: Floats
    ridge: float

    def at(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Loss, gradient, and p(1 - p) of each person."""
        scores = self.design.times(theta[:-1]) + theta[-1]
        likely = 0.5 * (1 + np.tanh(scores / 2))
        loss = float((np.logaddexp(0.0, scores) - self.truth * scores).sum())
        loss += 0.5 * self.ridge * float(theta[:-1] @ theta[:-1])
        wrong = likely - self.truth
        gradient = np.append(self.design.transposed_times(wrong) + self.ridge * theta[:-1], wrong.sum())
        return loss, gradient, likely * (1 - likely)

    def newton_direction(self, gradient: Floats, spread: Floats) -> Floats:
        """Solves H d = -gradient nearly, by preconditioned conjugate gradients."""
        diagonal = np.append(self.design.transposed_times(spread) + self.ridge, spread.sum() + 1e-12)
        found = np.zeros_like(gradient)
        residual = -gradient
        ahead = residual / diagonal
        towards, size = ahead.copy(), float(residual @ ahead)
        goal = _SOLVED * float(np.linalg.norm(gradient))
        for _ in range(MAX_SOLVES):
            if float(np.linalg.norm(residual)) <= goal:
                break
            curved = self._curvature(towards, spread)
            length = size / float(towards @ curved)
            found += length * towards
            residual = residual - length * curved
            ahead = residual / diagonal
            before, size = size, float(residual @ ahead)
            towards = ahead + size / before * towards
        return found

    def _curvature(self, vector: Floats, spread: Floats) -> Floats:
        pushed = spread * (self.design.times(vector[:-1]) + vector[-1])
        return np.append(self.design.transposed_times(pushed) + self.ridge * vector[:-1], pushed.sum())
