"""What a grouped aggregate reads, and how much an old event counts: the same for every evaluator."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

from .schema import EventType, Scope
from .tree import Grouped, Property
from .values import SCALE, Kind


@dataclass(frozen=True, slots=True)
class Reading:
    """walked: the list of records whose lines are the rows, "" when the events are. `value` and `by` are read in the
    scope of a row; `value` is None for COUNT and DAYS."""

    scope: Scope
    walked: str
    value: Property | None
    by: Property


def reading(node: Grouped, event: EventType) -> Reading:
    """Of any grouped aggregate over this event; whether the paths exist is the check's question."""
    read = node.aggregate.property
    walked = _walked(event, read) or _walked(event, node.by)
    return Reading(
        Scope(event, walked), walked, _inside(read, walked) if read else None, _inside(node.by, walked)
    )


def _walked(event: EventType, path: Property | None) -> str:
    if path is None or len(path.path) < 2:
        return ""
    first = event.property(path.path[0])
    return first.name if first is not None and first.type.kind is Kind.RECORDS else ""


def _inside(path: Property, walked: str) -> Property:
    return Property(path.path[1:], span=path.span) if walked and path.path[0] == walked else path


_PRECISE = Context(prec=40, rounding=ROUND_HALF_EVEN)


@lru_cache(maxsize=64)
def weights(half_life_days: int) -> tuple[int, ...]:
    """By age in whole days: 10^4 * 2^(-age / half life), rounded half to even; older than the last counts nothing."""
    found: list[int] = []
    while not found or found[-1] > 0:
        exponent = _PRECISE.divide(Decimal(-len(found)), Decimal(half_life_days))
        found.append(int(_PRECISE.multiply(_PRECISE.power(Decimal(2), exponent), SCALE).to_integral_value()))
    return tuple(found[:-1])
