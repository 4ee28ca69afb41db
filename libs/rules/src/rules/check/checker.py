"""The walk over a tree: hands each node to the module that knows it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules import tree as t
from rules.schema import Scope

from .aggregates import check_aggregate, check_sequence
from .conditions import check_condition
from .findings import Findings
from .typed import Typed
from .values import check_value

if TYPE_CHECKING:
    from rules.tree import Condition, Expression


@dataclass(frozen=True, slots=True)
class Checker:
    """`scope` is None where a person is asked, else the event (and list) whose properties are in scope."""

    findings: Findings

    def condition(self, node: "Condition", scope: Scope | None) -> "Condition":
        return check_condition(self, node, scope)

    def value(self, node: "Expression", scope: Scope | None) -> tuple["Expression", Typed | None]:
        return check_value(self, node, scope)

    def aggregate(self, node: t.Aggregate) -> tuple["Expression", Typed | None]:
        return check_aggregate(self, node)

    def sequence(self, node: t.Sequence) -> t.Sequence:
        return check_sequence(self, node)
