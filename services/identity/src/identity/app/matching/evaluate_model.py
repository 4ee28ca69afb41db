"""EvaluateModel: how good a model is by what humans decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from identity.app.matching.models import bands_of, known_model
from identity.domain.matching.evaluation import (
    LabelledPair,
    ThresholdFigures,
    evaluate,
    lowest_safe_weight,
)
from identity.store.matching.rows import WEIGHT_SCALE
from identity.store.ports import Stores

WANTED_PRECISION = 0.99
"""What a link without a human must hold, by the lower end of its interval."""
MAX_THRESHOLDS = 50


@dataclass(frozen=True)
class Evaluation:
    """`thresholds` ascending; `suggested` the lowest weight that is sure enough, None while labels are too few."""

    labels: int
    thresholds: Sequence[ThresholdFigures]
    suggested: float | None


class EvaluateModel:
    """Reads the labels that the model's latest run weighed."""

    def __call__(
        self, stores: Stores, tenant: str, version: int, weights: Sequence[float], precision: float
    ) -> Evaluation:
        """The figures at `weights`, by default at the model's own bands. Raises ResourceNotFound."""
        model = known_model(stores, tenant, version)
        bands = bands_of(model)
        labels = [
            LabelledPair(label.weight / WEIGHT_SCALE, label.same)
            for label in stores.matching.tasks.labels(tenant)
            if label.model_version == version
        ]
        return Evaluation(
            len(labels),
            evaluate(labels, weights or (bands.review, bands.auto)),
            lowest_safe_weight(labels, precision or WANTED_PRECISION),
        )
