"""From tree to text: `parse(print_rule(rule)) == rule` for every rule the parser can make."""

import datetime as dt
from enum import IntEnum

from . import tree as t
from .values import decimal_text


class Level(IntEnum):
    """How tightly a node binds; one that binds looser than its place asks for goes into brackets."""

    OR = 1
    AND = 2
    NOT = 3
    PREDICATE = 4
    SUM = 5
    PRODUCT = 6
    ATOM = 7


def print_rule(rule: t.Rule) -> str:
    """One line; keywords in capitals, brackets only where they are needed."""
    match rule.body:
        case t.SegmentMembers() | t.Union() | t.Intersect() | t.Except() as members:
            who = _members(members, outer=True)
        case condition:
            who = print_condition(condition)
    return " ".join([who, *map(print_step, rule.steps)])


def print_form(form: t.Expression | t.Condition) -> str:
    """A value or condition by itself; `parse_form` reads it back."""
    return _node(form, Level.OR)


def print_condition(condition: t.Condition) -> str:
    return _node(condition, Level.OR)


def print_window(window: t.Window) -> str:
    """With its leading word (`IN LAST 7 DAYS`), empty for all time."""
    match window:
        case t.AllTime():
            return ""
        case t.Last(count, unit):
            return f"IN LAST {_counted(count, unit)}"
        case t.Past(count, unit):
            return f"IN PAST {_counted(count, unit)}"
        case t.Previous(count, unit, before):
            anchor = f" BEFORE {before.value}" if before else ""
            return f"IN PREVIOUS {_counted(count, unit)}{anchor}"
        case t.Period(which, unit, to_date):
            return f"IN {which.value} {unit.value}{' TO DATE' if to_date else ''}"
        case t.BetweenDays(first, last):
            return f"IN BETWEEN {first.isoformat()} AND {last.isoformat()}"
        case t.BetweenMoments(begin, end):
            return f"IN BETWEEN {_moment(begin)} AND {_moment(end)}"
        case t.During(name):
            return f"DURING {_quoted(name)}"


def print_grouped(grouped: t.Grouped) -> str:
    """`parse_grouped` reads it back."""
    aggregate = grouped.aggregate
    read = ".".join([aggregate.event, *(aggregate.property.path if aggregate.property else ())])
    by = f" BY {'.'.join(grouped.by.path)}"
    decay = "" if grouped.half_life_days is None else f" DECAY {_counted(grouped.half_life_days, t.Unit.DAY)}"
    text = f"{aggregate.function.value}({read}{_where(aggregate.where)}{by}{decay})"
    return _windowed(text, aggregate.window)


def _node(node: t.Expression | t.Condition, place: Level) -> str:
    text, level = _written(node)
    return text if level >= place else f"({text})"


def _written(node: t.Expression | t.Condition) -> tuple[str, Level]:
    match node:
        case t.Or(operands):
            return " OR ".join(_node(each, Level.AND) for each in operands), Level.OR
        case t.And(operands):
            return " AND ".join(_node(each, Level.NOT) for each in operands), Level.AND
        case t.Not(operand):
            return f"NOT {_node(operand, Level.NOT)}", Level.NOT
        case t.Arithmetic(operator, left, right):
            tight = operator in {t.Operator.MULTIPLY, t.Operator.DIVIDE}
            level, after = (Level.PRODUCT, Level.ATOM) if tight else (Level.SUM, Level.PRODUCT)
            return f"{_node(left, level)} {operator.value} {_node(right, after)}", level
        case t.Constant() | t.InSegment() | t.AnyLine() | t.Sequence():
            return _standing(node), Level.ATOM
        case (
            t.Compare()
            | t.Between()
            | t.In()
            | t.Has()
            | t.TextTest()
            | t.Under()
            | t.IsKnown()
            | t.Anniversary()
        ):
            return _predicate(node), Level.PREDICATE
        case _:
            return _value(node), Level.ATOM


def _predicate(
    node: t.Compare | t.Between | t.In | t.Has | t.TextTest | t.Under | t.IsKnown | t.Anniversary,
) -> str:
    match node:
        case t.Compare(operator, left, right):
            return f"{_operand(left)} {operator.value} {_operand(right)}"
        case t.Between(operand, low, high):
            return f"{_operand(operand)} BETWEEN {_operand(low)} AND {_operand(high)}"
        case t.In(operand, values):
            return f"{_operand(operand)} IN {_values(values)}"
        case t.Has(operand, quantifier, values):
            return f"{_operand(operand)} HAS {quantifier.value} {_values(values)}"
        case t.TextTest(test, operand, pattern):
            return f"{_operand(operand)} {test.value} {_quoted(pattern)}"
        case t.Under(operand, value):
            return f"{_operand(operand)} UNDER {_quoted(value)}"
        case t.IsKnown(operand, known):
            return f"{_operand(operand)} IS {'KNOWN' if known else 'UNKNOWN'}"
        case t.Anniversary(operand, days, ahead):
            direction = "NEXT" if ahead else "LAST"
            return f"{_operand(operand)} ANNIVERSARY WITHIN {direction} {_counted(days, t.Unit.DAY)}"


def _standing(node: t.Constant | t.InSegment | t.AnyLine | t.Sequence) -> str:
    match node:
        case t.Constant(value):
            return "TRUE" if value else "FALSE"
        case t.InSegment(name):
            return f"IN SEGMENT {_quoted(name)}"
        case t.AnyLine(lines, condition):
            return f"ANY({lines}, {print_condition(condition)})"
        case t.Sequence():
            return _sequence(node)


def _value(node: t.Expression) -> str:
    match node:
        case t.Number(value):
            return decimal_text(value)
        case t.Text(text):
            return _quoted(text)
        case t.Bool(truth):
            return "TRUE" if truth else "FALSE"
        case t.Date(day):
            return day.isoformat()
        case t.Moment(moment):
            return _moment(moment)
        case t.TagRef(name):
            return name
        case t.Property(path):
            return ".".join(path)
        case t.Aggregate():
            return _aggregate(node)
        case t.TimeFunction(function, operand):
            return f"{function.value}({_operand(operand)})"
        case t.Feature(form):
            return f"FEATURE {_quoted(form)}"
        case t.Arithmetic():
            return _written(node)[0]


def _operand(node: t.Expression) -> str:
    return _node(node, Level.SUM)


def _aggregate(node: t.Aggregate) -> str:
    path = ".".join([node.event, *(node.property.path if node.property else ())])
    inner = f"{node.index}, {path}" if node.index is not None else path
    if node.net:
        inner += " NET"
    inner += _where(node.where)
    if node.unit not in {None, t.Unit.DAY}:
        inner += f" BY {node.unit.value}" if node.unit else ""
    return _windowed(f"{node.function.value}({inner})", node.window)


def _sequence(node: t.Sequence) -> str:
    first, *followers = node.steps
    parts = [_filter(first.match)]
    for step in followers:
        parts.append(f"THEN {_filter(step.match)}")
        parts.extend(f"WITHOUT {_filter(each)}" for each in step.without)
    if node.by:
        parts.append("BY " + ", ".join(".".join(each.path) for each in node.by))
    if node.within:
        parts.append(f"WITHIN {_counted(node.within.count, node.within.unit)}")
    return _windowed(f"SEQUENCE({' '.join(parts)})", node.window)


def _filter(node: t.EventFilter) -> str:
    return node.event + _where(node.where)


def _where(condition: t.Condition | None) -> str:
    return f" WHERE {print_condition(condition)}" if condition else ""


def _windowed(text: str, window: t.Window) -> str:
    stretch = print_window(window)
    return f"{text} {stretch}" if stretch else text


def _members(node: t.SetExpression, *, outer: bool = False) -> str:
    match node:
        case t.SegmentMembers(name):
            return f"SEGMENT {_quoted(name)}"
        case t.Union(operands):
            text = " UNION ".join(_members(each) for each in operands)
        case t.Intersect(operands):
            text = " INTERSECT ".join(_members(each) for each in operands)
        case t.Except(base, removed):
            text = f"{_members(base)} EXCEPT {_members(removed)}"
    return text if outer else f"({text})"


def print_step(step: t.Limit | t.Sample) -> str:
    """`LIMIT ...` or `SAMPLE ...` as text."""
    match step:
        case t.Sample(percent, seed):
            return f"SAMPLE {decimal_text(percent)}% SEED {_quoted(seed)}"
        case t.Limit():
            size = str(step.count) if step.percent is None else f"{decimal_text(step.percent)}%"
            return f"LIMIT {size} BY {step.by.name}{' DESC' if step.descending else ''}"


def _values(values: tuple[t.Literal, ...]) -> str:
    return f"({', '.join(_value(each) for each in values)})"


def _counted(count: int, unit: t.Unit) -> str:
    return f"{count} {unit.value}{'' if count == 1 else 'S'}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _moment(moment: dt.datetime) -> str:
    """To the minute, second or microsecond, whichever loses nothing; aware ones in UTC."""
    clock = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
    exact = "microseconds" if clock.microsecond else "seconds" if clock.second else "minutes"
    return clock.isoformat(timespec=exact) + ("Z" if moment.tzinfo else "")
