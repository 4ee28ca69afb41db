"""What can be wrong with a rule, with the place and the way out."""

from dataclasses import dataclass

from .tree import Span


class RuleError(Exception):
    """Every error of this package."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: what is wrong, where (line and column from 1), and what to write instead."""

    message: str
    line: int
    column: int
    span: Span
    hint: str = ""

    def __str__(self) -> str:
        tail = f" ({self.hint})" if self.hint else ""
        return f"line {self.line}, column {self.column}: {self.message}{tail}"


def problem(text: str, span: Span, message: str, hint: str = "") -> Problem:
    """The finding at a span of the text, with line and column counted from 1 in characters."""
    before = text[: span.start]
    line = before.count("\n") + 1
    return Problem(message, line, span.start - (before.rfind("\n") + 1) + 1, span, hint)


class RuleSyntaxError(RuleError):
    """The text is not a rule. Carries the one place where reading stopped."""

    def __init__(self, problem: Problem, expected: tuple[str, ...] = ()) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.expected = expected


class RuleCheckError(RuleError):
    """The rule says something that the schema, the types or the limits do not allow; all problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class UnsupportedNode(RuleError):
    """An evaluator refuses a node by name instead of approximating it."""

    def __init__(self, node: str, evaluator: str) -> None:
        super().__init__(f"{node} is not evaluated by {evaluator}")
        self.node = node
        self.evaluator = evaluator


class NumberOverflow(RuleError):
    """A fixed-point result does not fit in int64."""
