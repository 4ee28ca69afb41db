"""Checking whole rules and forms: text or tree in, a checked rule or all problems out."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, get_args

from rules import tree as t
from rules.errors import Problem, RuleCheckError
from rules.limits import FORM_SLACK, MAX_LIMIT
from rules.parser import parse, parse_form, parse_grouped
from rules.printer import print_form, print_grouped, print_rule
from rules.schema import Catalogue, Schema, Scope
from rules.values import BOOL, SCALE, Kind, ValueType

from .checker import Checker
from .conditions import check_segment
from .findings import Findings
from .grouped import check_grouped_node
from .sizes import check_size
from .stretches import anchored
from .values import tag_type

_NOTHING = Catalogue()
_CONDITIONS = get_args(t.Condition)
_SETS = get_args(t.SetExpression)


class Population(Enum):
    """Whom a rule is about; NOT is the complement within it."""

    KNOWN = "known"
    MEMBER = "member"
    ALL = "all"


class Context(Enum):
    """What a rule defines. A tag may not look at segments, nor use LIMIT, SAMPLE and sets."""

    SEGMENT = "segment"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Mentions:
    """The names a rule uses, NET's reversals included."""

    tags: frozenset[str]
    events: frozenset[str]
    tables: frozenset[str]
    segments: frozenset[str]


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule whose names exist and whose types fit; spans point into `text`."""

    rule: t.Rule
    population: Population
    text: str
    mentions: Mentions
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class CheckedForm:
    """A value or condition by itself, with the type it has."""

    form: t.Expression | t.Condition
    type: ValueType
    text: str
    mentions: Mentions
    warnings: tuple[Problem, ...]


def check_rule(
    rule: str | t.Rule,
    schema: Schema,
    population: Population = Population.KNOWN,
    context: Context = Context.SEGMENT,
) -> CheckedRule:
    """Checks names, types and limits. A tree is printed first, so that problems have a place in a text.

    Raises RuleSyntaxError, or RuleCheckError with every problem in the order of the text.
    """
    text = rule if isinstance(rule, str) else print_rule(_printable(rule))
    parsed = parse(text)
    findings = Findings(text, schema, context is Context.TAG)
    checker = Checker(findings)
    if check_size(findings, parsed):
        parsed = replace(parsed, body=_body(checker, parsed.body))
        for step in parsed.steps:
            _check_step(checker, step)
        _check_steps_once(findings, parsed)
    _raise(findings)
    return CheckedRule(parsed, population, text, _mentions(findings), tuple(findings.warnings))


def check_form(form: str | t.Expression | t.Condition, schema: Schema) -> CheckedForm:
    """Checks what a statistic tag or a feature computes. Raises as check_rule; segments are refused."""
    text = form if isinstance(form, str) else print_form(form)
    parsed = parse_form(text)
    findings = Findings(text, schema, tag_context=True)
    checker = Checker(findings)
    kind = BOOL
    if check_size(findings, parsed, FORM_SLACK):
        if isinstance(parsed, _SETS):
            check_segment(checker, parsed, "")
        elif isinstance(parsed, _CONDITIONS):
            parsed = checker.condition(parsed, None)
        else:
            whole: Any = anchored(findings, parsed)
            parsed, typed = checker.value(whole, None)
            kind = typed.type if typed else BOOL
    _raise(findings)
    return CheckedForm(parsed, kind, text, _mentions(findings), tuple(findings.warnings))


@dataclass(frozen=True, slots=True)
class CheckedGrouped:
    """A grouped aggregate with the type of its keys."""

    grouped: t.Grouped
    key: ValueType
    text: str
    mentions: Mentions
    warnings: tuple[Problem, ...]


def check_grouped(grouped: str | t.Grouped, schema: Schema) -> CheckedGrouped:
    """Checks an aggregate with BY. Raises as check_rule."""
    text = grouped if isinstance(grouped, str) else print_grouped(grouped)
    parsed = parse_grouped(text)
    findings = Findings(text, schema, tag_context=True)
    key = None
    if check_size(findings, parsed):
        whole: Any = anchored(findings, parsed)
        parsed, key = check_grouped_node(Checker(findings), whole)
    _raise(findings)
    assert key is not None  # else there is a problem
    return CheckedGrouped(parsed, key, text, _mentions(findings), tuple(findings.warnings))


def type_of(expression: t.Expression, schema: Schema, scope: Scope | None = None) -> ValueType:
    """The type of a value of a checked rule; `scope` is the event (and list) of the WHERE it stands in."""
    findings = Findings("", schema, tag_context=False)
    _, typed = Checker(findings).value(expression, scope)
    if typed is None:
        raise RuleCheckError(tuple(findings.problems))
    return typed.type


def _printable(rule: t.Rule) -> t.Rule:
    """Refuses a tree too large for printing, which recurses, before it is tried."""
    findings = Findings("", _NOTHING, tag_context=False)
    check_size(findings, rule)
    _raise(findings)
    return rule


def _body(checker: Checker, body: t.Condition | t.SetExpression) -> t.Condition | t.SetExpression:
    if isinstance(body, t.SegmentMembers | t.Union | t.Intersect | t.Except):
        _check_set(checker, body)
        return body
    return checker.condition(body, None)


def _check_set(checker: Checker, node: t.SetExpression) -> None:
    match node:
        case t.SegmentMembers(name):
            check_segment(checker, node, name)
        case t.Union(operands) | t.Intersect(operands):
            for each in operands:
                _check_set(checker, each)
        case t.Except(base, removed):
            _check_set(checker, base)
            _check_set(checker, removed)


def _check_step(checker: Checker, step: t.Limit | t.Sample) -> None:
    findings = checker.findings
    name = "LIMIT" if isinstance(step, t.Limit) else "SAMPLE"
    if findings.tag_context:
        findings.error(step.span, f"{name} cannot stand in a tag's definition", "use it in a segment")
        return
    if step.percent is not None and not 0 < step.percent <= 100 * SCALE:
        findings.error(step.span, f"{name} takes more than 0 and at most 100 percent")
    if not isinstance(step, t.Limit):
        return
    if step.count is not None and not 1 <= step.count <= MAX_LIMIT:
        findings.error(step.span, f"LIMIT takes 1 to {MAX_LIMIT} persons")
    typed = tag_type(checker, step.by)
    if typed is not None and typed.kind not in {Kind.NUMBER, Kind.DATE, Kind.DATETIME}:
        findings.error(step.by.span, f"LIMIT orders by a number, date or datetime, not a {typed.type}")


def _check_steps_once(findings: Findings, rule: t.Rule) -> None:
    seen: set[type] = set()
    for step in rule.steps:
        if type(step) in seen:
            findings.error(step.span, "LIMIT and SAMPLE stand at most once each")
        seen.add(type(step))


def _mentions(findings: Findings) -> Mentions:
    return Mentions(
        frozenset(findings.tags),
        frozenset(findings.events),
        frozenset(findings.tables),
        frozenset(findings.segments),
    )


def _raise(findings: Findings) -> None:
    if findings.problems:
        raise RuleCheckError(tuple(sorted(findings.problems, key=lambda each: each.span.start)))
