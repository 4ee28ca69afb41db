"""Why a rule is true or false of a person: every node with the value, and the events, that decided it."""

from dataclasses import dataclass

from rules.evaluate.meaning import Value
from rules.evaluate.refusal import STEPS, refuse
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from rules.tree import Aggregate, Condition, Expression, Node, Rule, Sequence
from rules.walk import children

from .evaluator import EVALUATOR, PersonScope
from .facts import Event, Person, ReferenceRows
from .flips import would_flip
from .interpreter import truth, value

MAX_EVIDENCE = 10


@dataclass(frozen=True, slots=True)
class Explanation:
    """One node of the rule, seen from the person.

    value          a condition's truth, an expression's value; None = unknown
    evidence       of an aggregate: up to 10 of the events that made the value, the latest first;
                   the deciding one alone for FIRST, LAST, MIN and MAX. Of a sequence its steps, the last first:
                   of the latest match, or of the longest beginning that another event might go on with
    evidence_total how many events made the value
    would_flip     of a condition in simple cases: what would turn it round, "" where that is not said
    parts          the nodes below, in the order of the text; a WHERE, a window and a sequence have none: they speak
                   of events, and the evidence shows which events passed
    """

    node: Condition | Expression
    value: Value | None
    evidence: tuple[Event, ...]
    evidence_total: int
    would_flip: str
    parts: "tuple[Explanation, ...]"

    @property
    def truth(self) -> bool:
        """Of a condition."""
        return self.value is True


def explain(
    rule: Rule | Condition, person: Person, setting: Setting, tables: ReferenceRows | None = None
) -> Explanation:
    """The checked rule as a tree of explanations; a set of segments as the IN SEGMENT that it means. Raises
    UnsupportedNode (for LIMIT and SAMPLE: they are not about what a person is), NumberOverflow."""
    refuse(rule, EVALUATOR, setting, STEPS)
    return _explain(condition_within(rule), PersonScope(person, setting, tables or {}))


def _explain(node: Condition | Expression, scope: PersonScope) -> Explanation:
    if isinstance(node, Aggregate):
        outcome = scope.outcome(node)
        latest = tuple(reversed(outcome.evidence[-MAX_EVIDENCE:]))
        return Explanation(node, outcome.value, latest, len(outcome.evidence), "", ())
    if isinstance(node, Sequence):
        found = scope.sequence(node)
        chain = found.whole or found.open
        steps = tuple(reversed(chain.events)) if chain else ()
        holds = found.whole is not None
        return Explanation(node, holds, steps, len(steps), would_flip(node, scope), ())
    parts = tuple(_explain(each, scope) for each in _below(node))
    if isinstance(node, Expression):
        return Explanation(node, value(node, scope), (), 0, "", parts)
    return Explanation(node, truth(node, scope), (), 0, would_flip(node, scope), parts)


def _below(node: Node) -> list[Condition | Expression]:
    return [each for each in children(node) if isinstance(each, Condition | Expression)]
