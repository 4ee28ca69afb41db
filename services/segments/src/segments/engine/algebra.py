"""What a rule asks of columns, as set algebra: the form between conditions and programs."""

from dataclasses import dataclass
from typing import TypeAlias

from segments.engine.numbers import NumberColumn
from segments.engine.sets import SetColumn


@dataclass(frozen=True, slots=True)
class Everyone:
    """The whole population."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """The empty set."""


@dataclass(frozen=True, slots=True)
class InSet:
    """The persons of one row of a column of sets."""

    column: SetColumn
    row: int


@dataclass(frozen=True, slots=True)
class InRange:
    """The persons whose number is from low to high, both included."""

    column: NumberColumn
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Not:
    """The rest of the population."""

    operand: "Sets"


@dataclass(frozen=True, slots=True)
class All:
    """Two operands or more, once `normal`."""

    operands: "tuple[Sets, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """Two operands or more, once `normal`."""

    operands: "tuple[Sets, ...]"


Sets: TypeAlias = Everyone | Nobody | InSet | InRange | Not | All | Any


def normal(sets: Sets, *, negated: bool = False) -> Sets:
    """The same set, or its complement: flat, without constants or repetitions; NOT of a union is an intersection of
    NOTs."""
    match sets:
        case Not():
            return normal(sets.operand, negated=not negated)
        case Any() if negated:
            return _joined([normal(each, negated=True) for each in sets.operands], All, Everyone(), Nobody())
        case Any():
            return _joined([normal(each) for each in sets.operands], Any, Nobody(), Everyone())
        case All():
            found = _joined([normal(each) for each in sets.operands], All, Everyone(), Nobody())
            return _complement(found) if negated else found
        case _:
            return _complement(sets) if negated else sets


def _complement(sets: Sets) -> Sets:
    """Of a normal set that is no union."""
    match sets:
        case Everyone():
            return Nobody()
        case Nobody():
            return Everyone()
        case Not():
            return sets.operand
        case Any():
            return normal(sets, negated=True)
        case _:
            return Not(sets)


def _joined(operands: list[Sets], kind: type[All] | type[Any], neutral: Sets, settling: Sets) -> Sets:
    flat: dict[Sets, None] = {}
    for each in operands:
        if isinstance(each, kind):
            flat.update(dict.fromkeys(each.operands))
        elif each != neutral:
            flat[each] = None
    if settling in flat or any(isinstance(each, Not) and each.operand in flat for each in flat):
        return settling
    if len(flat) < 2:
        return next(iter(flat), neutral)
    return kind(tuple(flat))
