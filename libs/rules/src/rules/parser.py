"""From text to tree. Reading knows no names: whether a tag exists is the check's question."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from .builder import Builder
from .errors import RuleSyntaxError, problem
from .limits import FORM_SLACK, MAX_CHARACTERS, MAX_DEPTH
from .tree import Condition, Expression, Grouped, Rule, Span

# Texts up to so long are read once while they are among the last that were asked for: a definition is read again
# whenever one beside it changes.
_KEPT_TEXTS = 1_000
_KEPT_CHARACTERS = 500

# One node of the syntax tree takes at most this many levels of lark's.
_LEVELS_PER_NODE = 4

_WORDS = {
    "a name": {"PATH"},
    "a number": {"NUMBER"},
    "a text in single quotes": {"STRING"},
    "a day such as 2026-01-31": {"DATE"},
    "a moment such as 2026-01-31T20:00": {"MOMENT"},
    "TRUE or FALSE": {"BOOLEAN"},
    "a comparison": {
        "COMPARISON",
        "_BETWEEN",
        "_IN",
        "_HAS",
        "TEXT_OPERATOR",
        "_UNDER",
        "_IS",
        "_ANNIVERSARY",
    },
    "an aggregate such as COUNT(...)": {"FUNCTION", "NTH", "STREAK"},
    "a window such as IN LAST 7 DAYS": {"_IN_WINDOW"},
    "arithmetic": {"PLUS", "MINUS", "STAR", "SLASH"},
    "a unit such as DAYS": {"UNIT", "_DAYS"},
    "BY and a tag or property": {"_BY"},
    "DECAY and a number of days": {"_DECAY"},
    "'('": {"_OPEN"},
    "')'": {"_CLOSE"},
    "','": {"_COMMA"},
    "'%'": {"PERCENT"},
    "ASC or DESC": {"ORDER"},
    "ANY, ALL or NONE": {"QUANTIFIER"},
    "NEXT or LAST": {"DIRECTION"},
    "KNOWN or UNKNOWN": {"KNOWN"},
    "the end of the rule": {"$END"},
}
_WORD_OF = {terminal: words for words, terminals in _WORDS.items() for terminal in terminals}
# Where a value may start, so many terminals fit that one word says more.
_VALUE_STARTS = {
    "PATH",
    "NUMBER",
    "STRING",
    "DATE",
    "MOMENT",
    "BOOLEAN",
    "FUNCTION",
    "NTH",
    "STREAK",
    "MINUS",
}
_SILENT = {"_ANY_LINE", "_SEGMENT", "_IN_SEGMENT", "_SEQUENCE", "DID", "CLOCK", "_DURING", "TO_DATE"}

_CHARACTER_HINTS = {
    '"': "texts go in single quotes: 'text'",
    "‘": "texts go in plain single quotes: 'text'",
    "’": "texts go in plain single quotes: 'text'",
    "“": "texts go in plain single quotes: 'text'",
    "”": "texts go in plain single quotes: 'text'",
    "（": "use the plain bracket (",
    "）": "use the plain bracket )",
    "，": "use the plain comma ,",
    "＝": "use the plain sign =",
    "；": "a rule is one condition, without a semicolon",
    ";": "a rule is one condition, without a semicolon",
    "&": "write AND",
    "|": "write OR",
    "'": "this text has no closing quote; a quote inside a text is written twice: ''",
    "!": "write NOT before a condition, != between values",
    "<": "different from is written !=",
    ".": "a number starts with a digit: 0.5",
}

_DATE_WORD = re.compile(r"\b(?:DATE|DATETIME|TIMESTAMP|TIME|MOMENT)(?:\s*\()?\Z", re.IGNORECASE)
_DATE_INSIDE = re.compile(r"\A\(?\s*'(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?")
_DATE_BEFORE = re.compile(r"\b\d{4}-\d{2}-\d{2}\Z")
_TIME = re.compile(r"\d{2}:\d{2}(?::\d{2})?")


def parse(text: str) -> Rule:
    """The rule a text says. Raises RuleSyntaxError with line, column, what was expected and a hint."""
    rule: Rule = _read(text, "rule", MAX_CHARACTERS)
    return rule


def parse_form(text: str) -> Expression | Condition:
    """One value or one condition by itself: what a statistic tag computes, and the form of a feature.

    A bare name is a value. Raises RuleSyntaxError.
    """
    form: Expression | Condition = _read(text, "form", FORM_SLACK * MAX_CHARACTERS)
    return form


def parse_grouped(text: str) -> Grouped:
    """An aggregate with BY: one number per value of a property. Raises RuleSyntaxError."""
    grouped: Grouped = _read(text, "grouped", MAX_CHARACTERS)
    return grouped


@cache
def _lark() -> Lark:
    grammar = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", start=["rule", "form", "grouped"], propagate_positions=True)


def _read(text: str, start: str, longest: int) -> Any:
    read = _read_once if len(text) <= _KEPT_CHARACTERS else _read_anew
    return read(text, start, longest)


def _read_anew(text: str, start: str, longest: int) -> Any:
    if len(text) > longest:
        message = f"the rule has {len(text)} characters, the limit is {longest}"
        raise RuleSyntaxError(problem(text, Span(longest, len(text)), message, "split it into segments"))
    try:
        parsed: Tree[Token] = _lark().parse(text, start=start)
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from None
    _refuse_deep(text, parsed)
    return Builder(text).build(parsed)


_read_once = lru_cache(_KEPT_TEXTS)(_read_anew)


def _refuse_deep(text: str, parsed: Tree[Token]) -> None:
    """Walks without recursion, before anything that recurses sees the tree."""
    level: list[Tree[Token]] = [parsed]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH * _LEVELS_PER_NODE:
            message = f"the rule is nested deeper than {MAX_DEPTH} levels"
            raise RuleSyntaxError(problem(text, Span(0, len(text)), message, "split it into segments"))
        level = [child for each in level for child in each.children if isinstance(child, Tree)]


def _syntax_error(text: str, error: UnexpectedInput) -> RuleSyntaxError:
    expected = _in_words(error)
    wanted = f"expected {' or '.join(expected)}" if expected else "nothing fits here"
    if _at_end(error):
        place = Span(len(text.rstrip()), len(text))
        return RuleSyntaxError(problem(text, place, f"the rule ends too early: {wanted}"), expected)
    start = error.pos_in_stream or 0
    found = str(error.token) if isinstance(error, UnexpectedToken) else text[start]
    place = Span(start, start + len(found))
    return RuleSyntaxError(
        problem(text, place, f"'{found}' does not fit: {wanted}", _hint(text, start, found)), expected
    )


def _at_end(error: UnexpectedInput) -> bool:
    return isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    )


def _in_words(error: UnexpectedInput) -> tuple[str, ...]:
    """The terminals that fit, in words, in a fixed order; at most eight."""
    if isinstance(error, UnexpectedCharacters):
        terminals = set(error.allowed or ())
    elif isinstance(error, UnexpectedToken):
        terminals = set(error.accepts or error.expected)
    else:
        terminals = set(getattr(error, "expected", ()))
    terminals -= _SILENT
    words = set()
    if {"PATH", "NUMBER", "STRING"} <= terminals:
        terminals -= _VALUE_STARTS
        words = {"a name, a value or an aggregate"}
    words |= {_WORD_OF.get(each, each.lstrip("_")) for each in terminals}
    return tuple(sorted(words, key=_rank)[:8])


def _rank(words: str) -> tuple[int, str]:
    known = list(_WORDS)
    return (known.index(words) if words in known else len(known), words)


def _hint(text: str, start: int, found: str) -> str:
    before = text[:start].rstrip()
    if found.upper() in {"AND", "OR", "THEN"} and not before:
        return "a condition stands before it"
    if found == "=" and before.endswith("="):
        return "equality is a single ="
    if found == "(" and before.upper().endswith(
        ("COUNT", "SUM", "AVG", "MIN", "MAX", "LAST", "FIRST", "DISTINCT")
    ):
        return "an aggregate cannot stand inside WHERE or ANY"
    if found.upper() == "IN":
        return "a window goes right behind its aggregate: COUNT(...) IN LAST 7 DAYS >= 1"
    if found.upper() == "NOT" and text[start + 3 :].lstrip().upper().startswith("IN"):
        return "write NOT x IN (...), which also lets in the people whose x is unknown"
    if written := _date_hint(text[start:], before, found):
        return written
    if len(found) > 1 and found[0] == found[-1] == "'":
        return ""
    if found[0] in _CHARACTER_HINTS:
        return _CHARACTER_HINTS[found[0]]
    if not found[0].isascii():
        return f"texts go in single quotes: '{_run_of(text, start)}'"
    return ""


def _date_hint(rest: str, before: str, found: str) -> str:
    """How a date is written, where one stands in another dialect; else empty."""
    if found[0] in "('" and _DATE_WORD.search(before):
        said = _DATE_INSIDE.search(rest)
        day, time = said.groups(default="") if said else ("2026-01-31", "")
        return f"a date is written without a word and quotes: {day}{time and 'T'}{time}"
    if found[0].isdigit() and _DATE_BEFORE.search(before) and (time_ := _TIME.match(rest)):
        return f"a date and its time are joined by T: {before[-10:]}T{time_[0]}"
    return ""


def _run_of(text: str, start: int) -> str:
    """The unquoted word at the place, for showing it quoted."""
    end = start
    while end < len(text) and not text[end].isascii():
        end += 1
    return text[start:end]
