"""Where random rules and people get their choices: from hypothesis, which can shrink them, or from a seed, which is
twenty times as fast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Chooser(Protocol):
    """Every choice is one of these two."""

    def pick(self, options: Sequence[T]) -> T: ...

    def count(self, low: int, high: int) -> int:
        """Both ends included."""
        ...


@dataclass(frozen=True)
class Drawn:
    """`draw` is hypothesis's."""

    draw: Callable[[st.SearchStrategy[Any]], Any]

    def pick(self, options: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(options))
        return found

    def count(self, low: int, high: int) -> int:
        found: int = self.draw(st.integers(low, high))
        return found


@dataclass(frozen=True)
class Seeded:
    """Equal seeds, equal choices."""

    random: Random

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.random.random() * len(options))]

    def count(self, low: int, high: int) -> int:
        return self.random.randint(low, high)
