"""The questions of the segments bench, and how each engine is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Is:
    """A bool is true."""

    column: int


@dataclass(frozen=True)
class In:
    """A category is one of some values."""

    column: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Within:
    """A number is from low to high."""

    column: int
    low: int
    high: int


@dataclass(frozen=True)
class HasAny:
    """A list has one of some values."""

    column: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Not:
    operand: "Question"


@dataclass(frozen=True)
class All:
    operands: tuple["Question", ...]


@dataclass(frozen=True)
class Any:
    operands: tuple["Question", ...]


Question: TypeAlias = Is | In | Within | HasAny | Not | All | Any
Render: TypeAlias = Callable[[Question], str]


def _q3(listed: Question) -> Question:
    """20 leaves: 9 bools, 6 categories, 4 ranges, and the one given."""
    return All(
        (
            Any((Is(1), Is(4), In(3, (1,)))),
            Not(Is(20)),
            Not(Is(25)),
            Not(Is(30)),
            Any((In(10, (1, 2, 5)), In(6, (2,)), Is(7))),
            Any((Within(4, 100, 400), Is(10), Within(9, 6_000, 16_384))),
            Not(All((In(8, (0,)), Within(5, 0, 500)))),
            Any((listed, Is(13), In(5, (1,)))),
            Within(7, 1_000, 8_192),
            Not(All((In(15, (0, 3)), Is(2)))),
        )
    )


QUESTIONS: dict[str, Question] = {
    "q1": All((In(4, (1,)), In(9, (0,)), In(12, (2,)))),
    "q2": All((Any((Is(12), Is(17))), Not(Is(9)), Within(8, 3_000, 6_000))),
    "q3": _q3(HasAny(0, (0, 3, 7))),
    "q3n": _q3(Is(15)),
}


def rule(question: Question) -> str:
    """In the rule language."""
    match question:
        case Is():
            return f"b{question.column}"
        case In():
            return f"c{question.column} IN ({_texts(question.values)})"
        case Within():
            return f"n{question.column} BETWEEN {question.low} AND {question.high}"
        case HasAny():
            return f"m{question.column} HAS ANY ({_texts(question.values)})"
        case _:
            return _joined(question, rule)


def duckdb(question: Question) -> str:
    if isinstance(question, HasAny):
        return f"list_has_any(m{question.column}, {list(question.values)}::UTINYINT[])"
    return _sql(question, duckdb)


def clickhouse(question: Question) -> str:
    if isinstance(question, HasAny):
        return f"hasAny(m{question.column}, {list(question.values)})"
    return _sql(question, clickhouse)


def polars(question: Question) -> str:
    if isinstance(question, HasAny):
        parts = (f"ARRAY_CONTAINS(m{question.column}, {each})" for each in question.values)
        return f"({' OR '.join(parts)})"
    return _sql(question, polars)


def group_bitmaps(question: Question) -> str:
    """Over a table of one bitmap per (tag, value); ranges are bitmaps made before, which flatters."""

    def bitmap(tag: str, values: tuple[int, ...]) -> str:
        return f"(SELECT groupBitmapMergeState(z) FROM bitmaps WHERE tag = '{tag}' AND value IN {values})"

    match question:
        case Is():
            return bitmap(f"b{question.column}", (1,))
        case In():
            return bitmap(f"c{question.column}", question.values)
        case HasAny():
            return bitmap(f"m{question.column}", question.values)
        case Within():
            return bitmap(range_name(question), (1,))
        case Not():
            return f"bitmapAndnot({bitmap('everyone', (1,))}, {group_bitmaps(question.operand)})"
        case All() | Any():
            function = "bitmapAnd" if isinstance(question, All) else "bitmapOr"
            found, *rest = (group_bitmaps(each) for each in question.operands)
            for each in rest:
                found = f"{function}({found}, {each})"
            return found


def moved(question: Question, by: int) -> Question:
    """The same with both ends of every range moved by so much."""
    match question:
        case Within():
            return Within(question.column, question.low + by, question.high + by)
        case Not():
            return Not(moved(question.operand, by))
        case All() | Any():
            return type(question)(tuple(moved(each, by) for each in question.operands))
        case _:
            return question


def range_name(question: Within) -> str:
    return f"n{question.column}:{question.low}-{question.high}"


def ranges(question: Question) -> set[Within]:
    """All ranges that a question mentions."""
    match question:
        case Within():
            return {question}
        case Not():
            return ranges(question.operand)
        case All() | Any():
            return set().union(*map(ranges, question.operands))
        case _:
            return set()


def _texts(values: tuple[int, ...]) -> str:
    return ", ".join(f"'v{each}'" for each in values)


def _sql(question: Question, render: Render) -> str:
    match question:
        case Is():
            return f"b{question.column}"
        case In() if len(question.values) == 1:
            return f"c{question.column} = {question.values[0]}"
        case In():
            return f"c{question.column} IN ({', '.join(map(str, question.values))})"
        case Within():
            return f"n{question.column} BETWEEN {question.low} AND {question.high}"
        case _:
            return _joined(question, render)


def _joined(question: Question, render: Render) -> str:
    match question:
        case Not():
            return f"NOT ({render(question.operand)})"
        case All():
            return " AND ".join(f"({render(each)})" for each in question.operands)
        case Any():
            return " OR ".join(f"({render(each)})" for each in question.operands)
    raise TypeError(f"{type(question).__name__} has its own form")
