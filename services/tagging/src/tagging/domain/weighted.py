"""Lists whose elements carry a weight: a person's favourites with their shares.

Stored, an element is one code: the text's code, then the confidence of the whole value, then the weight, 14 bits each.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.values import SCALE

WEIGHT_BITS = 14
_MASK = (1 << WEIGHT_BITS) - 1
CERTAIN = SCALE
"""The confidence of what is certain: 1, scaled by 10^4."""


class WeightedTexts(tuple[str, ...]):
    """Distinct texts by falling weight, then by code point. To rules, a list like any other.

    weights     of each text, 0 to 10,000 (1.0)
    confidence  of the value, 0 to 10,000 (1.0)

    Equal to another when texts, weights and confidence are; to a plain tuple, when the texts are.
    """

    weights: tuple[int, ...]
    confidence: int

    @staticmethod
    def of(weighed: Mapping[str, int], confidence: int = CERTAIN) -> "WeightedTexts":
        ordered = sorted(weighed, key=lambda text: (-weighed[text], text))
        return WeightedTexts.ordered(ordered, [weighed[text] for text in ordered], confidence)

    @staticmethod
    def ordered(texts: Iterable[str], weights: Iterable[int], confidence: int = CERTAIN) -> "WeightedTexts":
        """Of texts that stand as they should."""
        found = WeightedTexts(texts)
        found.weights = tuple(weights)
        found.confidence = confidence
        return found

    def __eq__(self, other: object) -> bool:
        if isinstance(other, WeightedTexts):
            return (tuple(self), self.weights, self.confidence) == (
                tuple(other),
                other.weights,
                other.confidence,
            )
        return tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    def __repr__(self) -> str:
        return f"WeightedTexts({dict(zip(self, self.weights, strict=True))}, {self.confidence})"

    def only(self, kept: frozenset[str]) -> "WeightedTexts":
        """Without the texts that are not among those."""
        weighed = {text: weight for text, weight in zip(self, self.weights, strict=True) if text in kept}
        return WeightedTexts.of(weighed, self.confidence)


def weighted(value: Any) -> WeightedTexts:
    """The value itself, or plain texts that all weigh 1."""
    return value if isinstance(value, WeightedTexts) else WeightedTexts.of(dict.fromkeys(value, SCALE))


def codes_of(value: WeightedTexts, codes_of_texts: Mapping[str, int]) -> list[int]:
    """The codes of a weighted list, in its order."""
    return [
        ((codes_of_texts[text] << WEIGHT_BITS) + value.confidence << WEIGHT_BITS) + weight
        for text, weight in zip(value, value.weights, strict=True)
    ]


def text_code(code: int) -> int:
    """The text's code in the code of a weighted element."""
    return code >> 2 * WEIGHT_BITS


def text_codes(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each element, as `text_code`; in the same order, which is that of the texts' codes."""
    return codes >> (2 * WEIGHT_BITS)


def value_of(codes: Sequence[int], texts: Mapping[int, str]) -> WeightedTexts:
    """The list of these codes; there is at least one."""
    weighed = {texts[text_code(each)]: each & _MASK for each in codes}
    return WeightedTexts.of(weighed, (codes[0] >> WEIGHT_BITS) & _MASK)
