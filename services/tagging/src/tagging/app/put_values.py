"""Values that somebody states: checked row by row, kept, and what follows from them computed at once."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from rules.evaluate.meaning import Value
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceNotFound, RightMissing
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.recompute import RecomputePersons
from tagging.domain.definition import Grade, TagDefinition, TagValueType, kind_of
from tagging.domain.document import kind_name
from tagging.domain.kinds.families import TOLD
from tagging.domain.kinds.told import ImportedKind, ManualKind
from tagging.domain.persons import Person
from tagging.domain.stated import CERTAIN, MAX_AHEAD, MAX_SOURCE_CHARACTERS, Statement, supersedes
from tagging.errors import TagNotStated, nearest
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

LIVE_ROWS = 100
"""Rows of one call that are told in the live lane, at most: more are an import, and must not hold up what happens."""


class RefusalReason(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.RefusedValueReason."""

    PERSON_UNKNOWN = 1
    VALUE_MALFORMED = 2
    VALUE_NOT_LISTED = 3
    CONFIDENCE_OUT_OF_RANGE = 4
    TIME_OUT_OF_RANGE = 5


@dataclass(frozen=True, slots=True)
class GivenValue:
    """A row as it comes. `problem`: why it holds no value at all, "" when it does."""

    person_id: int
    value: Value | None
    confidence: int = CERTAIN
    time: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`index`: the row's place, from 0."""

    index: int
    reason: RefusalReason
    detail: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who states, and the grades of tags that they may state."""

    subject: str
    grades: frozenset[Grade]


@dataclass(frozen=True, slots=True)
class Told:
    """`stored`: rows that hold now; `superseded`: rows that something else stands above."""

    stored: int
    superseded: int
    refused: tuple[Refusal, ...]
    revision: Revision


@dataclass(slots=True)
class _Sorted:
    """Rows on their way: the statement to keep of each id, and where they came from."""

    statements: dict[int, Statement] = field(default_factory=dict)
    rows: list[Statement] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def take(self, statement: Statement) -> None:
        self.rows.append(statement)
        if supersedes(statement, self.statements.get(statement.person_id)):
            self.statements[statement.person_id] = statement


class PutValues:
    """Each method is one transaction, the caller's."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        recompute: RecomputePersons,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._recompute = recompute
        self._changelog = changelog
        self._clock = clock

    def put(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        source: str,
        given: Sequence[GivenValue],
        caller: Caller,
    ) -> Told:
        """Raises ResourceNotFound, TagNotStated, RightMissing, InvalidField."""
        self._facts.tenants.lock(connection, tenant)
        definition = self._definition(connection, tenant, tag_id, caller)
        said_by = _source(definition, source, caller)
        now = self._clock.now()
        living = self._facts.key_map.living(connection, tenant, {each.person_id for each in given})
        found = _Sorted()
        for index, row in enumerate(given):
            refusal = _refusal(index, row, definition.value_type, living, now)
            if refusal is None:
                found.take(_statement(row, definition, said_by, now))
            else:
                found.refused.append(refusal)
        lane = Lane.LIVE if len(given) <= LIVE_ROWS else Lane.BULK
        revision = self._keep(connection, tenant, tag_id, found.statements.values(), now, lane)
        persons = {living[each].person_id for each in found.statements}
        holding = self._tags.stated.of_persons(connection, tenant, [tag_id], persons)[tag_id]
        stored = sum(holding.get(living[each.person_id].person_id) == each for each in found.rows)
        return Told(stored, len(found.rows) - stored, tuple(found.refused), revision)

    def clear(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        source: str,
        person_ids: Sequence[int],
        caller: Caller,
    ) -> Told:
        """Takes back all that stands for these persons, also what was said of others before they became one with them.
        Raises as `put`."""
        self._facts.tenants.lock(connection, tenant)
        definition = self._definition(connection, tenant, tag_id, caller)
        said_by = _source(definition, source, caller)
        now = self._clock.now()
        living = self._facts.key_map.living(connection, tenant, person_ids)
        refused = [
            Refusal(index, RefusalReason.PERSON_UNKNOWN, _NOBODY)
            for index, person_id in enumerate(person_ids)
            if person_id not in living
        ]
        persons = {each.person_id for each in living.values()}
        known = self._tags.stated.each_of_persons(connection, tenant, [tag_id], persons)[tag_id]
        taken_back = [
            Statement(each.person_id, None, max(now, each.time), CERTAIN, said_by)
            for statements in known.values()
            for each in statements
            if each.value is not None
        ]
        lane = Lane.LIVE if len(person_ids) <= LIVE_ROWS else Lane.BULK
        revision = self._keep(connection, tenant, tag_id, taken_back, now, lane)
        return Told(len(persons), 0, tuple(refused), revision)

    def _definition(self, connection: Connection, tenant: str, tag_id: str, caller: Caller) -> TagDefinition:
        plan = self._columns.of(connection, tenant)
        if tag_id not in plan.tags:
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        definition = plan.tags[tag_id].definition
        if not isinstance(definition.kind, TOLD):
            raise TagNotStated(tag_id, kind_name(definition.kind))
        if definition.grade not in caller.grades:
            raise RightMissing(f"tagging.values.write_{definition.grade.value}")
        return definition

    def _keep(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        statements: Collection[Statement],
        now: dt.datetime,
        lane: Lane,
    ) -> Revision:
        changed = self._tags.stated.put(connection, tenant, tag_id, statements, now)
        living = self._facts.key_map.living(connection, tenant, changed)
        moved = frozenset(each.person_id for each in living.values())
        entries = []
        if moved:
            plan = self._columns.of(connection, tenant)
            entries = self._recompute.columns_of(connection, tenant, moved, what_rests_on(plan, tag_id))
            entries.append(self._facts.entries.touched(tenant, moved))
        return self._changelog.append(connection, lane, entries)


def what_rests_on(plan: ColumnPlan, tag_id: str) -> set[str]:
    """The stream columns that a value of the tag reaches, itself included."""
    return plan.with_what_rests_on_them([tag_id]) & plan.stream()


_NOBODY = "no living person has this id"


def _source(definition: TagDefinition, source: str, caller: Caller) -> str:
    """Raises InvalidField."""
    if isinstance(definition.kind, ManualKind):
        return caller.subject[:MAX_SOURCE_CHARACTERS]
    assert isinstance(definition.kind, ImportedKind)
    if not 1 <= len(source) <= MAX_SOURCE_CHARACTERS:
        raise InvalidField(
            "source", f"has {len(source)} characters, allowed are 1 to {MAX_SOURCE_CHARACTERS}"
        )
    if definition.kind.sources and source not in definition.kind.sources:
        listed = ", ".join(definition.kind.sources)
        raise InvalidField("source", f"is '{source}', the tag takes values of {listed}")
    return source


def _refusal(
    index: int, row: GivenValue, value_type: TagValueType, living: Mapping[int, Person], now: dt.datetime
) -> Refusal | None:
    if row.person_id not in living:
        return Refusal(index, RefusalReason.PERSON_UNKNOWN, _NOBODY)
    if problem := row.problem or _type_problem(row.value, value_type):
        return Refusal(index, RefusalReason.VALUE_MALFORMED, problem)
    if value_type.closed and not _elements(row.value) <= {each.value for each in value_type.options}:
        return Refusal(index, RefusalReason.VALUE_NOT_LISTED, "the tag's closed list does not have the value")
    if not 0 <= row.confidence <= CERTAIN:
        return Refusal(index, RefusalReason.CONFIDENCE_OUT_OF_RANGE, f"confidence is between 0 and {CERTAIN}")
    time = row.time or now
    if time - now > MAX_AHEAD:
        minutes = MAX_AHEAD // dt.timedelta(minutes=1)
        return Refusal(index, RefusalReason.TIME_OUT_OF_RANGE, f"time is more than {minutes} minutes ahead")
    if row.expires_at is not None and row.expires_at <= min(time, now):
        return Refusal(index, RefusalReason.TIME_OUT_OF_RANGE, "expire_time is not after time")
    return None


def _type_problem(value: Value | None, value_type: TagValueType) -> str:
    if value is None or value == ():
        return "value is missing: take values back by ClearTagValues"
    if isinstance(value, tuple) != value_type.multi_valued:
        return f"value is {'not ' if value_type.multi_valued else ''}a list"
    for each in value if isinstance(value, tuple) else (value,):
        if kind_of(each) is not value_type.base:
            return f"value is {kind_of(each).value}, the tag's values are {value_type.base.value}"
    return ""


def _elements(value: Value | None) -> set[object]:
    return set(value) if isinstance(value, tuple) else {value}


def _statement(row: GivenValue, definition: TagDefinition, source: str, now: dt.datetime) -> Statement:
    kind = definition.kind
    assert isinstance(kind, TOLD)
    time = min(row.time or now, now)
    expires_at = row.expires_at
    if expires_at is None and kind.expire_days:
        expires_at = time + dt.timedelta(days=kind.expire_days)
    return Statement(row.person_id, row.value, time, row.confidence, source, expires_at)
