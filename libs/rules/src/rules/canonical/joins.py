"""AND, OR and NOT over conditions that are in normal form already; the results are in it too.

NOT goes inwards as far as the leaves and never into a comparison: `NOT city = '上海'` lets the unknown in,
`city != '上海'` does not. The laws used hold because every condition is true or false.
"""

from collections.abc import Iterable

from rules import tree as t
from rules.printer import print_condition, print_form
from rules.tree import Condition, Expression, Literal

TRUE, FALSE = t.Constant(True), t.Constant(False)
LITERALS = (t.Number, t.Text, t.Bool, t.Date, t.Moment)


def negation(condition: Condition) -> Condition:
    match condition:
        case t.Constant(value):
            return t.Constant(not value)
        case t.Not(operand):
            return operand
        case t.And(operands):
            return disjunction(negation(each) for each in operands)
        case t.Or(operands):
            return conjunction(negation(each) for each in operands)
    return t.Not(condition, span=condition.span)


def conjunction(conditions: Iterable[Condition]) -> Condition:
    """Flat, in the order of the texts, each once; `NOT x = a AND NOT x = b` is `NOT x IN (a, b)`."""
    flat: list[Condition] = []
    for each in conditions:
        flat.extend(each.operands if isinstance(each, t.And) else (each,))
    denied = [each.operand for each in flat if isinstance(each, t.Not)]
    others = [each for each in flat if not isinstance(each, t.Not)]
    merged = others + [negation(each) for each in _with_values_merged(denied)]
    kept = _in_order(merged)
    if FALSE in kept or _contradicts(kept):
        return FALSE
    kept = [each for each in kept if each != TRUE]
    if len(kept) < 2:
        return kept[0] if kept else TRUE
    return t.And(tuple(kept))


def disjunction(conditions: Iterable[Condition]) -> Condition:
    """Flat, in the order of the texts, each once; `x = a OR x = b` is `x IN (a, b)`."""
    flat: list[Condition] = []
    for each in conditions:
        flat.extend(each.operands if isinstance(each, t.Or) else (each,))
    kept = _in_order(_with_values_merged(flat))
    if TRUE in kept or _contradicts(kept):
        return TRUE
    kept = [each for each in kept if each != FALSE]
    if len(kept) < 2:
        return kept[0] if kept else FALSE
    return t.Or(tuple(kept))


def one_of(operand: Expression, values: Iterable[Literal]) -> Condition:
    """`operand IN (values)`, in order and each once; of one value it is `=`."""
    ordered = sorted(set(values), key=print_form)
    if len(ordered) == 1:
        return t.Compare(t.Comparison.EQ, operand, ordered[0], span=operand.span)
    return t.In(operand, tuple(ordered), span=operand.span)


def _with_values_merged(alternatives: list[Condition]) -> list[Condition]:
    """Of conditions joined by OR: those that ask for values of the same operand become one."""
    values: dict[Expression, list[Literal]] = {}
    others: list[Condition] = []
    for each in alternatives:
        match each:
            case t.Compare(t.Comparison.EQ, operand, right) if isinstance(right, LITERALS):
                values.setdefault(operand, []).append(right)
            case t.In(operand, listed):
                values.setdefault(operand, []).extend(listed)
            case _:
                others.append(each)
    return others + [one_of(operand, listed) for operand, listed in values.items()]


def _in_order(conditions: list[Condition]) -> list[Condition]:
    return sorted(dict.fromkeys(conditions), key=print_condition)


def _contradicts(conditions: list[Condition]) -> bool:
    """A condition stands beside its negation."""
    present = set(conditions)
    return any(isinstance(each, t.Not) and each.operand in present for each in conditions)
