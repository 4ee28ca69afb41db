"""What publishing runs freeze of the whole population: numbered cuts, kept for ever, and as the store writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Threshold:
    """High is beyond `number` (scaled), or at it too when `inclusive`."""

    number: int
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class RfmCuts:
    """Where high begins in each measure. For recency beyond is below: fewer days are better.

    scales  by measure the four numbers between the scores 1 to 5, from the worst; () where no scores are asked for
    """

    recency: Threshold
    frequency: Threshold
    monetary: Threshold
    scales: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] = ((), (), ())


@dataclass(frozen=True, slots=True)
class BandCuts:
    """The numbers between bands, ascending, scaled."""

    bounds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What share of the population's total each key has, scaled by 10^8; keys by their text. Keys too rare are left
    out."""

    shares: Mapping[str, int]


Cuts: TypeAlias = RfmCuts | BandCuts | Baseline


def to_document(cuts: Cuts) -> dict[str, Any]:
    match cuts:
        case RfmCuts():
            found: dict[str, Any] = {
                name: [each.number, each.inclusive]
                for name, each in (
                    ("recency", cuts.recency),
                    ("frequency", cuts.frequency),
                    ("monetary", cuts.monetary),
                )
            }
            return {**found, "scales": [list(each) for each in cuts.scales]} if any(cuts.scales) else found
        case BandCuts():
            return {"bounds": list(cuts.bounds)}
        case Baseline():
            return {"shares": dict(cuts.shares)}


def from_document(document: Mapping[str, Any]) -> Cuts:
    if "bounds" in document:
        return BandCuts(tuple(document["bounds"]))
    if "shares" in document:
        return Baseline(document["shares"])
    recency, frequency, monetary = (
        Threshold(*document[name]) for name in ("recency", "frequency", "monetary")
    )
    first, second, third = (tuple(each) for each in document.get("scales", ((), (), ())))
    return RfmCuts(recency, frequency, monetary, (first, second, third))
