"""Queries of tags that nobody has looked at: a look takes half a second, and no transaction waits for it."""

from collections.abc import Sequence

from rules.schema import Schema
from tagging.store.query_ports import LakeQuery, QueryChecks, Verdict


class QueriesUnseen(Exception):
    """Whether a definition holds is not known before these queries are looked at: roll back, look, repeat."""

    def __init__(self, checks: QueryChecks, asked: Sequence[tuple[LakeQuery, Schema]]) -> None:
        super().__init__(f"{len(asked)} queries nobody has looked at")
        self.asked = asked
        self._checks = checks

    def look(self, asked: LakeQuery, schema: Schema) -> None:
        """At one of them. Blocks."""
        self._checks.look(asked, schema)


class Verdicts:
    """What is known of the queries that one check of definitions meets, as a block. Its end raises QueriesUnseen where
    nobody has looked at some; what the machine brought about is known until a check has ended without.

    unseen  the queries that nobody has looked at
    """

    def __init__(self, checks: QueryChecks) -> None:
        self.unseen: list[tuple[LakeQuery, Schema]] = []
        self._checks = checks
        self._passing: list[tuple[LakeQuery, Schema]] = []

    def of(self, asked: LakeQuery, schema: Schema) -> Verdict | None:
        verdict = self._checks.known(asked, schema)
        if verdict is None:
            self.unseen.append((asked, schema))
        elif verdict.is_of_the_machine:
            self._passing.append((asked, schema))
        return verdict

    def __enter__(self) -> "Verdicts":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.unseen:
            raise QueriesUnseen(self._checks, self.unseen)
        for each in self._passing:
            self._checks.forget(*each)
