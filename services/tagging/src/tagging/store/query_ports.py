"""What is needed to compute tags by SQL, and to refuse what could not be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rules.schema import Schema
from tagging.domain.columns import Ints, Shape, Vector
from tagging.domain.moment import Moment
from tagging.domain.run_failures import Failure, FailureReason

_OF_THE_MACHINE = {FailureReason.SQL_TIMED_OUT, FailureReason.SQL_MEMORY_EXCEEDED}


@dataclass(frozen=True, slots=True)
class LakeQuery:
    """A query, what it names (events, tags or reference; name), its limits, and the shape of its values."""

    query: str
    inputs: Sequence[tuple[str, str]]
    timeout_seconds: int
    memory_megabytes: int
    shape: Shape


class LakeQueries(Protocol):
    """Runs queries apart: in a process that reads nothing but copies of what the query names."""

    def run(
        self,
        duck: Any,
        asked: LakeQuery,
        schema: Schema,
        moment: Moment,
        persons: Ints,
        stops: Callable[[], bool],
    ) -> tuple[Ints, Vector]:
        """The persons that have a value, ascending, and their values. `duck` holds the relations "events.<type>",
        "tag.<tag_id>", "reference.<table>" and persons (person_id, state); `persons` are the living, ascending.

        Blocks. Raises ColumnFailed for whatever the query does that it may not, and when `stops` says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a look at a query: why it could not be run, if it could not."""

    failure: Failure | None

    @property
    def is_of_the_machine(self) -> bool:
        """Whether time or memory brought it about: another look may find otherwise."""
        return self.failure is not None and self.failure.reason in _OF_THE_MACHINE


class QueryChecks(Protocol):
    """Looks at queries before anything runs them. Safe for threads."""

    def known(self, asked: LakeQuery, schema: Schema) -> Verdict | None:
        """What came of a look at an equal query, over inputs that look equal; None when nobody has looked. Does not
        block."""
        ...

    def look(self, asked: LakeQuery, schema: Schema) -> None:
        """Makes it known whether a query parses, writes, reads files, uses what it may not, names what the schema has
        not, or does not give person_id and value of the asked shape. Blocks for half a second where that is not known
        yet, for ten at most."""
        ...

    def forget(self, asked: LakeQuery, schema: Schema) -> None:
        """What `known` answers, if the machine brought it about: who asks next has it looked at again. Does not
        block."""
        ...
