"""Who takes a step, and what that person may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Power(Enum):
    """REVIEW: approves and returns what others wrote. DIRECT: puts definitions into force without a review, forces what
    is in use, and acts on any owner's tags."""

    REVIEW = "tagging.reviews.write"
    DIRECT = "tagging.tags.write"


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller; `subject` names the key in the history."""

    subject: str
    powers: frozenset[Power] = frozenset()

    @classmethod
    def of(cls, subject: str, powers: Iterable[Power] = ()) -> "Actor":
        return cls(subject, frozenset(powers))


SYSTEM = Actor("tagging")
"""The service itself, for what time alone brings about."""


class StepForbidden(ValueError):
    """The step is for others; `who` says for whom."""

    def __init__(self, name: str, step: str, who: str) -> None:
        super().__init__(f"'{name}': to {step} it is for {who}")
        self.name = name
        self.step = step
        self.who = who


class OwnReview(ValueError):
    """Nobody reviews or decides on their own; `because` says what makes it their own."""

    def __init__(self, name: str, step: str, because: str) -> None:
        super().__init__(f"'{name}': you {because}, so somebody else must {step} it")
        self.name = name
        self.step = step
        self.because = because


class StepRefused(ValueError):
    """The step does not fit the state. `fitting`: the states that it would fit."""

    def __init__(self, name: str, state: str, step: str, fitting: Iterable[str], hint: str = "") -> None:
        self.name = name
        self.state = state
        self.step = step
        self.fitting = tuple(fitting)
        needed = " or ".join(each.replace("_", " ") for each in self.fitting)
        told = f"'{name}' is {state.replace('_', ' ') or 'unknown'}: to {step} it, it must be {needed}"
        super().__init__(f"{told}; {hint}" if hint else told)
