"""From a rule's text to what can be evaluated over the index: checked, canonical, behaviour replaced by features."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rules import tree
from rules.ahead import FixedWindow, fixed_windows
from rules.check import Population, check_rule
from rules.errors import Problem, RuleCheckError, RuleSyntaxError
from rules.event_reads import read_of_events
from rules.features import plan_features
from rules.parser import parse
from rules.schema import Catalogue, TagType
from rules.values import Kind
from rules.walk import walk
from segments.domain.dictionary import Dictionary, EventGrade
from segments.errors import RuleInvalid


@dataclass(frozen=True, slots=True)
class Mentioned:
    """What rules of a tenant may mention. `periods`: of its calendar; `retired` and `deprecated`: tag -> what to use
    instead."""

    tags: Mapping[str, TagType]
    dictionary: Dictionary
    segments: Collection[str]
    periods: Collection[str] = ()
    retired: Mapping[str, str] = field(default_factory=dict)
    deprecated: Mapping[str, str] = field(default_factory=dict)

    def schema(self) -> Catalogue:
        """As rules are checked against it."""
        return Catalogue.of(
            self.tags.values(),
            self.dictionary.events,
            self.dictionary.tables,
            self.segments,
            self.periods,
            retired=self.retired,
            deprecated=self.deprecated,
        )


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule ready for the index.

    canonical   equal for equal rules
    body        the rule with every behavioural part replaced by its feature
    forms       the features it needs, by form, with the kind of their values
    tags        the tags it looks at, `segments` the segments it refers to
    graded      the events and properties it looks at that not everybody may read
    of_the_day  its truth moves with the day, whatever the values do
    of_the_hour its truth moves with every moment: periods of 24 hours since a moment
    of_all      whether a person is in depends on everybody else: LIMIT
    fixed       its windows at fixed dates
    """

    canonical: str
    body: tree.Rule
    population: Population
    forms: Mapping[str, Kind]
    tags: frozenset[str]
    segments: frozenset[str]
    graded: frozenset[EventGrade]
    of_the_day: bool
    of_the_hour: bool
    of_all: bool
    fixed: tuple[FixedWindow, ...]
    warnings: tuple[str, ...]


def read_rule(text: str, population: Population, mentioned: Mentioned) -> ReadRule:
    """Reads a rule. Raises RuleInvalid with every problem and its place."""
    schema = mentioned.schema()
    try:
        checked = check_rule(text, schema, population)
        plan = plan_features(checked.rule, schema)
    except RuleSyntaxError as error:
        raise _invalid([error.problem], readable=False) from error
    except RuleCheckError as error:
        further = _through_tags(text, mentioned.dictionary)
        raise _invalid(error.problems, readable=True, further=further) from error
    nodes = list(walk(plan.rule))
    return ReadRule(
        canonical=plan.canonical,
        body=plan.rule,
        population=population,
        forms={form.text: form.type.kind for form in plan.features},
        tags=checked.mentions.tags,
        segments=checked.mentions.segments,
        graded=mentioned.dictionary.grades_of(checked.rule),
        of_the_day=any(map(_is_of_the_day, nodes)),
        of_the_hour=any(map(_is_of_the_hour, nodes)),
        of_all=any(isinstance(step, tree.Limit) for step in plan.rule.steps),
        fixed=fixed_windows([checked.rule]),
        warnings=tuple(str(problem) for problem in checked.warnings),
    )


def _is_of_the_day(node: tree.Node) -> bool:
    return isinstance(node, tree.Anniversary) or (
        isinstance(node, tree.TimeFunction) and node.function is not tree.Clock.DAY
    )


def _is_of_the_hour(node: tree.Node) -> bool:
    return isinstance(node, tree.TimeFunction) and node.function is tree.Clock.ELAPSED_DAYS


def _through_tags(text: str, dictionary: Dictionary) -> list[str]:
    """What to do about events that the suite's dictionary does not know: they may be the tenant's own."""
    known = {each.name for each in dictionary.events}
    beside = sorted({event for event, _ in read_of_events([parse(text)])} - known)
    if not beside:
        return []
    named = ", ".join(beside)
    return [
        f"segments read the suite's event types alone: if {named} is declared by this tenant, make a tag of it "
        "(huaxiang tags apply, ApplyTags) and name the tag here"
    ]


def _invalid(problems: Sequence[Problem], *, readable: bool, further: Sequence[str] = ()) -> RuleInvalid:
    first, *others = problems
    return RuleInvalid(
        first.message,
        first.line,
        first.column,
        first.hint,
        readable=readable,
        further=[*(str(each) for each in others), *further],
    )
