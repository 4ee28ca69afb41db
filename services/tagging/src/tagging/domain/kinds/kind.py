"""What a kind of tag is to everyone who computes, checks and explains it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol, TypeAlias

import numpy as np
from rules.check import CheckedGrouped
from rules.tree import Condition, Expression, Grouped
from rules.values import ValueType
from tagging.domain.columns import Bools, Shape, Vector
from tagging.domain.groups import Groups

if TYPE_CHECKING:
    from tagging.domain.cuts import Cuts
    from tagging.domain.definition import TagValueType
    from tagging.domain.moment import Moment

Scaled: TypeAlias = Annotated[int, "scaled"]
"""A number of a definition, scaled by 10^4; a decimal in YAML, a scaled integer in the contract."""
Question: TypeAlias = Expression | Condition | Grouped
Answer: TypeAlias = Vector | Groups


class Compiler(Protocol):
    """Parses and checks what a definition says. `field` is the path within the definition that an error names.

    Raises DefinitionInvalid and RuleInvalid, with the place in the text.
    """

    def value(self, field: str, text: str, wanted: ValueType | None = None) -> Expression | Condition:
        """An expression of the wanted type, of any type without one."""
        ...

    def of_tags(self, field: str, text: str, wanted: ValueType) -> Expression | Condition:
        """An expression over tags alone, without events."""
        ...

    def rule(self, field: str, text: str) -> Condition: ...

    def grouped(self, field: str, text: str) -> CheckedGrouped: ...

    def event(self, field: str, name: str) -> str:
        """The event type itself, when there is one of this name."""
        ...

    def refused(self, field: str, problem: str) -> Exception:
        """The error to raise for what only the dictionary tells to be wrong."""
        ...


class ComputedKind(Protocol):
    """field      the name of the kind in a definition
    everybody  whether anonymous persons have values too, or only known ones
    daily      whether values change at the tenant's midnight beyond what the questions tell
    """

    field: ClassVar[str]
    everybody: ClassVar[bool]
    daily: ClassVar[bool]

    def fault(self, value_type: "TagValueType") -> str:
        """What breaks the stated limits, as "field: problem"; "" for nothing."""
        ...

    def questions(self, compiler: Compiler) -> dict[str, Question]: ...

    def listed(self) -> frozenset[str] | None:
        """The only texts it ever gives; None when the facts decide."""
        ...

    @property
    def has_cuts(self) -> bool:
        """Whether publishing runs freeze something of the whole population for it."""
        ...

    def freeze(self, answers: Mapping[str, Answer], known: Bools) -> "Cuts | None":
        """What the population says; None when it is empty."""
        ...

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: "Moment", cuts: "Cuts | None"
    ) -> Vector:
        """The value of each person, a slot each as in the answers."""
        ...

    def remarks(self, answers: Mapping[str, Answer], cuts: "Cuts | None") -> tuple[str, ...]:
        """What lies between the answers and the value of the first person, in sentences for people."""
        ...


class Uncut:
    """A kind of which runs freeze nothing."""

    __slots__ = ()

    @property
    def has_cuts(self) -> bool:
        return False

    def freeze(self, answers: Mapping[str, Answer], known: Bools) -> "Cuts | None":
        raise AssertionError("a kind without cuts freezes nothing")


def vector(answers: Mapping[str, Answer], name: str) -> Vector:
    found = answers[name]
    assert isinstance(found, Vector)
    return found


def groups(answers: Mapping[str, Answer], name: str) -> Groups:
    found = answers[name]
    assert isinstance(found, Groups)
    return found


def truths(answers: Mapping[str, Answer], name: str) -> Bools:
    """Of a condition: who satisfies it."""
    found: Bools = vector(answers, name).data.astype(np.bool_)
    return found
