"""What an audience prefers: TGI (目标群体指数, target group index) with what it takes to be believed."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from segments.domain.insight.significance import Floats
from segments.domain.packing import Codes

AS_THE_BASE = 100.0


@dataclass(frozen=True, slots=True)
class Standards:
    """A preference is shown at a TGI of `high` or more, or of `low` or less, when its corrected p-value is below
    `below_p`, and `fewest_persons` at least have the value, who are `least_share` of the audience at least."""

    high: float = 110.0
    low: float = 90.0
    below_p: float = 0.05
    fewest_persons: int = 30
    least_share: float = 0.01


class Verdict(Enum):
    """PREFERS and AVOIDS are shown; whatever else is greyed, and says why."""

    PREFERS = "prefers"
    AVOIDS = "avoids"
    NO_BASE = "nobody of the base has the value"
    AS_BASE = "about as frequent as in the base"
    FEW_PERSONS = "too few persons"
    SMALL_SHARE = "too small a share of the audience"
    CHANCE = "may be chance"


def target_group_index(inside: Codes, inside_known: int, base: Codes, base_known: int) -> Floats:
    """100 x share in the audience / share in the base of each value, over persons whose tag is known; NaN where the
    base has nobody, or the audience's tag is known of nobody."""
    found = np.full(len(inside), np.nan)
    if inside_known and base_known:
        there = base > 0
        found[there] = AS_THE_BASE * (inside[there] / inside_known) / (base[there] / base_known)
    return found


def verdict(persons: int, audience: int, tgi: float, p: float, standards: Standards) -> Verdict:
    """What a value's numbers allow to be said; `p` is corrected. The first reason to doubt is told."""
    if np.isnan(tgi):
        return Verdict.NO_BASE
    if standards.low < tgi < standards.high:
        return Verdict.AS_BASE
    if persons < standards.fewest_persons:
        return Verdict.FEW_PERSONS
    if persons < standards.least_share * audience:
        return Verdict.SMALL_SHARE
    if p >= standards.below_p:
        return Verdict.CHANCE
    return Verdict.PREFERS if tgi >= standards.high else Verdict.AVOIDS


def weight_of(persons: int, tgi: float) -> float:
    """persons x (TGI - 100): what ranks values, most characteristic of many first."""
    return 0.0 if np.isnan(tgi) else persons * (tgi - AS_THE_BASE)
