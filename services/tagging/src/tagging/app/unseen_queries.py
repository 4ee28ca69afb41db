"""Queries of tags that nobody has looked at: a look takes half a second, and no transaction waits for it."""

from collections.abc import Sequence

from rules.schema import Schema
from tagging.store.query_ports import LakeQuery, QueryChecks


class QueriesUnseen(Exception):
    """Whether a definition holds is not known before these queries are looked at: roll back, look, repeat."""

    def __init__(self, checks: QueryChecks, asked: Sequence[tuple[LakeQuery, Schema]]) -> None:
        super().__init__(f"{len(asked)} queries nobody has looked at")
        self.asked = asked
        self._checks = checks

    def look(self, asked: LakeQuery, schema: Schema) -> None:
        """At one of them. Blocks."""
        self._checks.look(asked, schema)
