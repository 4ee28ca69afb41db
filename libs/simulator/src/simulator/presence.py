"""Which systems know a person, and with which identifiers each of them does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.phones import Handwriting
from simulator.seeding import generator

_CRM_HAND = Handwriting(
    plus_86=0.04,
    zero_86=0.01,
    dashes=0.04,
    spaces=0.03,
    full_width=0.01,
    excel=0.007,
    masked=0.01,
    absent=0.013,
)
_SHOP_HAND = Handwriting(plus_86=0.05, dashes=0.02, spaces=0.01, full_width=0.01, masked=0.03, absent=0.02)
_POS_HAND = Handwriting(
    plus_86=0.01, zero_86=0.01, dashes=0.05, spaces=0.06, excel=0.004, masked=0.01, absent=0.02
)


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares, each between 0 and 1, that shape a population.

    A pair of values belongs to (members, others). `*_member` is the share of member accounts that show the
    member id, `*_union` of WeChat accounts that show the unionid. Families and recycled numbers are shares of
    persons concerned.
    """

    member: float = 0.72
    lead: float = 0.15
    shop: tuple[float, float] = (0.45, 0.55)
    mini: tuple[float, float] = (0.62, 0.45)
    official_with_mini: tuple[float, float] = (0.65, 0.40)
    official_alone: tuple[float, float] = (0.02, 0.03)
    app: tuple[float, float] = (0.38, 0.15)
    pos: tuple[float, float] = (0.45, 0.0)
    second_device: float = 0.26
    third_device: float = 0.06
    shop_member: float = 0.78
    pos_member: float = 0.90
    mini_member: float = 0.85
    mini_phone: float = 0.86
    mini_union: float = 0.985
    official_union: float = 0.99
    crm_union: float = 0.60
    device_login: float = 0.985
    family: float = 0.012
    family_device: float = 0.3
    family_phone_elsewhere: float = 0.5
    changed_number: float = 0.03
    recycled: float = 0.003
    staff_phone: float = 0.012
    placeholder_phone: float = 0.004
    crm_hand: Handwriting = _CRM_HAND
    shop_hand: Handwriting = _SHOP_HAND
    pos_hand: Handwriting = _POS_HAND


@dataclass(frozen=True, slots=True)
class Presence:
    """Which sources know each person, and who shares what; arrays have one element per person.

    `family_partner` is the person, within the chunk, whose number this one uses too, `recycled_from` the one
    whose former number was issued to this one; -1 for nobody. `family_device` marks those who use their
    family partner's first device.
    """

    member: NDArray[np.bool_]
    lead: NDArray[np.bool_]
    shop: NDArray[np.bool_]
    mini: NDArray[np.bool_]
    official: NDArray[np.bool_]
    app: NDArray[np.bool_]
    pos: NDArray[np.bool_]
    changed_number: NDArray[np.bool_]
    family_partner: NDArray[np.int64]
    recycled_from: NDArray[np.int64]
    family_device: NDArray[np.bool_]

    @property
    def sells(self) -> NDArray[np.bool_]:
        """(persons, selling sources): which sources may sell to whom, in the order of SELLING_SOURCES."""
        return np.stack([self.shop, self.mini, self.app, self.pos], axis=1)

    @property
    def crm(self) -> NDArray[np.bool_]:
        return self.member | self.lead


def draw_presence(seed: int, part: int, count: int, rates: Rates) -> Presence:
    """Everybody is in at least one source. People who share a number, or got another's, are members all."""
    rng = generator(seed, "presence", part)
    first, second, old, new = _neighbours(rng, count, rates)
    member = rng.random(count) < rates.member
    member[np.concatenate([first, second, old, new])] = True

    def share(pair: tuple[float, float]) -> NDArray[np.bool_]:
        return rng.random(count) < np.where(member, pair[0], pair[1])

    mini, app = share(rates.mini), share(rates.app)
    with_mini, alone = share(rates.official_with_mini), share(rates.official_alone)
    official = np.where(mini, with_mini, alone)
    shop, pos = share(rates.shop), share(rates.pos)
    lead = ~member & (rng.random(count) < rates.lead)
    device_pairs = rng.random(len(first)) < rates.family_device
    family_device = np.zeros(count, dtype=np.bool_)
    family_device[second[device_pairs]] = True
    app[first[device_pairs]] = app[second[device_pairs]] = True
    shop |= ~(member | lead | mini | official | app | pos)
    changed = rng.random(count) < rates.changed_number
    changed[np.concatenate([first, second, new])] = False
    changed[old] = True
    family = np.full(count, -1, dtype=np.int64)
    family[second] = first
    recycled = np.full(count, -1, dtype=np.int64)
    recycled[new] = old
    return Presence(member, lead, shop, mini, official, app, pos, changed, family, recycled, family_device)


def _neighbours(
    rng: np.random.Generator, count: int, rates: Rates
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Persons paired with their neighbour: (first, second) of families, (former, present) owner of a
    number."""
    pairs = rng.permutation(count // 2)
    families = round(len(pairs) * rates.family)
    recycled = round(len(pairs) * rates.recycled)
    family, again = pairs[:families] * 2, pairs[families : families + recycled] * 2
    return family, family + 1, again, again + 1
