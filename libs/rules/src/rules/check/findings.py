"""What a check collects on its way: problems, warnings, and what the rule mentions."""

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from heapq import nlargest

from rules.errors import Problem, problem
from rules.schema import Schema, UnknownPath
from rules.tree import Span

MAX_PROBLEMS = 100
# Looking for the nearest of thousands of names takes tens of milliseconds.
MAX_SUGGESTIONS = 10
MAX_COMPARED = 50  # candidates that are compared closely
MAX_NEAR = 3  # of which one with the same characters, some exchanged, is meant before any other


@dataclass(slots=True)
class Findings:
    """`tag_context`: the rule defines a tag, so it may not look at segments."""

    text: str
    schema: Schema
    tag_context: bool
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    segments: set[str] = field(default_factory=set)

    def error(self, span: Span, message: str, hint: str = "") -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem(self.text, span, message, hint))

    def warn(self, span: Span, message: str, hint: str = "") -> None:
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(problem(self.text, span, message, hint))

    def missing(self, span: Span, message: str, name: str, candidates: Collection[str]) -> None:
        """An error about a name that does not exist, with the nearest one that does."""
        few = len(self.problems) < MAX_SUGGESTIONS
        self.error(span, message, nearest(name, candidates) if few else "")


def near_property(schema: Schema, event: str, error: UnknownPath) -> str:
    """What to write instead of a property that there is not, or how to have it."""
    if error.name in schema.undeclared(event):
        return "it comes in, but nobody declared it: declare it with huaxiang events declare (PutEventType)"
    return nearest(error.name, error.candidates)


def nearest(name: str, candidates: Collection[str]) -> str:
    """`did you mean 'x'?`, or nothing when no candidate is near."""
    wanted = name.lower()
    lowered = {each.lower(): each for each in candidates}
    pairs = _pairs(wanted)
    alike = nlargest(MAX_COMPARED, sorted(lowered), key=lambda each: len(pairs & _pairs(each)))
    found = get_close_matches(wanted, alike, n=MAX_NEAR, cutoff=0.5)
    if not found:
        return ""
    exchanged = (each for each in found if sorted(each) == sorted(wanted))
    return f"did you mean '{lowered[next(exchanged, found[0])]}'?"


def _pairs(name: str) -> set[str]:
    """The neighbouring characters of a name, its ends included: cheap to compare by the thousand."""
    framed = f"^{name}$"
    return {framed[place : place + 2] for place in range(len(framed) - 1)}
