"""What is counted of a tag: its values, the values at a level of its tree, or stretches of numbers and days."""

import datetime as dt
from dataclasses import dataclass

from rules import tree
from rules.evaluate.meaning import Scalar
from rules.printer import print_condition
from rules.schema import TagType
from rules.values import Kind
from rules.windows import CalendarSettings
from segments.domain.insight.withholding import OWN, Path
from segments.domain.packing import day_of

MAX_LEVEL = 16


@dataclass(frozen=True, slots=True)
class Cell:
    """`key` places it among the tag's cells. `path`: its value, of a tree with all above it, from the top; empty for a
    stretch, which goes from `low` up to but without `high` (None: open). `rule` selects just its persons."""

    key: Path
    path: tuple[Scalar, ...] = ()
    low: Scalar | None = None
    high: Scalar | None = None
    rule: str = ""


def path_of(tag: TagType, text: str) -> Path:
    """A text's place in the tag's tree, from the top; itself alone when there is none."""
    if tag.values is None or not tag.values.is_tree:
        return (text,)
    return tuple(reversed(tag.values.line_of(text)))


def at_level(path: Path, level: int) -> Path:
    """The value at that level which stands for it: 1 is the top; itself when it ends above, and at level 0."""
    return path[:level] if level else path


def text_cell(tag: TagType, key: Path, *, stem: bool) -> Cell:
    """The cell of a value; `stem`: with all values below it. A key that ends with OWN is the value without those."""
    path = tuple(step for step in key if step != OWN)
    reference = tree.TagRef(tag.name)
    with_all_below = tree.Under(reference, path[-1])
    condition = with_all_below if stem else _equals(tag, tree.Text(path[-1]))
    return Cell(key, path, rule=print_condition(condition))


def value_cell(tag: TagType, value: Scalar) -> Cell:
    """The cell of a value that is no text."""
    return Cell((repr(value),), (value,), rule=print_condition(_equals(tag, _literal(value))))


def stretch_cells(tag: TagType, bounds: tuple[int, ...], calendar: CalendarSettings) -> list[Cell]:
    """One more than there are bounds; the first and the last are open. Bounds of dates and moments are days."""
    numbers = tag.type.kind is Kind.NUMBER
    ends: list[Scalar | None] = [None, *(each if numbers else day_of(each) for each in bounds), None]
    cells = []
    for place in range(len(ends) - 1):
        low, high = ends[place], ends[place + 1]
        rule = print_condition(_between(tag, low, high, calendar))
        cells.append(Cell((f"{place:03d}",), low=low, high=high, rule=rule))
    return cells


def _equals(tag: TagType, literal: tree.Literal) -> tree.Condition:
    reference = tree.TagRef(tag.name)
    if tag.type.kind is Kind.LIST:
        return tree.Has(reference, tree.Quantifier.ANY, (literal,))
    return tree.Compare(tree.Comparison.EQ, reference, literal)


def _between(
    tag: TagType, low: Scalar | None, high: Scalar | None, calendar: CalendarSettings
) -> tree.Condition:
    reference = tree.TagRef(tag.name)
    parts: list[tree.Condition] = []
    for end, comparison in ((low, tree.Comparison.GE), (high, tree.Comparison.LT)):
        if end is not None:
            if tag.type.kind is Kind.DATETIME and isinstance(end, dt.date):
                end = calendar.midnight(end)  # noqa: PLW2901  # a day begins at the tenant's midnight
            parts.append(tree.Compare(comparison, reference, _literal(end)))
    if not parts:
        return tree.IsKnown(reference)
    return parts[0] if len(parts) == 1 else tree.And(tuple(parts))


def _literal(value: Scalar) -> tree.Literal:
    match value:
        case bool():
            return tree.Bool(value)
        case int():
            return tree.Number(value)
        case str():
            return tree.Text(value)
        case dt.datetime():
            return tree.Moment(value)
        case _:
            return tree.Date(value)
