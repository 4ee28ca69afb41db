"""Values that are told and not computed: imported from a system, or set by hand. `stated.py` says which one holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tagging.domain.columns import Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Uncut, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

TOLD = "value"
"""The answer that no question asks for: the values that stand."""
MAX_EXPIRE_DAYS = 3 * 366
MAX_SOURCES = 20


@dataclass(frozen=True, slots=True)
class ImportedKind(Uncut):
    """What systems say. Every person may have a value.

    sources      who may say it; () is anybody
    expire_days  how long a value without an end of its own stands; 0 is for good
    """

    field: ClassVar[str] = "imported"
    everybody: ClassVar[bool] = True
    daily: ClassVar[bool] = False

    sources: tuple[str, ...] = ()
    expire_days: int = 0

    def fault(self, value_type: "TagValueType") -> str:
        if len(self.sources) > MAX_SOURCES or not all(self.sources):
            return f"sources: are at most {MAX_SOURCES}, none of them empty"
        return _expiry_fault(self.expire_days)

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        return {}

    def listed(self) -> frozenset[str] | None:
        return None

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        return vector(answers, TOLD)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class ManualKind(Uncut):
    """What people set by hand; its source is whoever sets it. Every person may have a value.

    expire_days  how long a value without an end of its own stands; 0 is for good
    """

    field: ClassVar[str] = "manual"
    everybody: ClassVar[bool] = True
    daily: ClassVar[bool] = False

    expire_days: int = 0

    def fault(self, value_type: "TagValueType") -> str:
        return _expiry_fault(self.expire_days)

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        return {}

    def listed(self) -> frozenset[str] | None:
        return None

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        return vector(answers, TOLD)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return ()


def _expiry_fault(days: int) -> str:
    return (
        "" if 0 <= days <= MAX_EXPIRE_DAYS else f"expire_days: is {days}, allowed are 0 to {MAX_EXPIRE_DAYS}"
    )
