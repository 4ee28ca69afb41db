"""Exports: asked for, approved by somebody else, fetched in their own order, recorded."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.meaning import Value
from rules.values import Kind, ValueType
from segments.app.insight.desk import Desk
from segments.app.insight.readable_tags import require_readable
from segments.app.membership import live_segment
from segments.app.ownership import require_reason
from segments.app.readable import SENSITIVE, MayRead, purposes_of
from segments.app.tenant_segments import TenantSegments
from segments.app.today import today
from segments.app.version import Board, Version
from segments.domain.exports import (
    MAX_DUE,
    MAX_OPEN_EXPORTS,
    ROW_LIMIT_WINDOW,
    Export,
    ExportAction,
    ExportState,
    ExportStep,
    Ids,
    has_order_of,
    in_order,
)
from segments.domain.packing import Codes, scalar_of
from segments.domain.people import Actor
from segments.errors import ExportDecided, ExportForbidden
from segments.store.insight_ports import TagColumns
from segments.store.life_ports import Exports
from servicekit.errors import InvalidField, QueueFull, ResourceExists, ResourceNotFound, WrongState
from sqlalchemy import Connection

ROWS_AT_ONCE = 5_000
PERSONS_AT_ONCE = 1_000_000
"""Columns are read whole for so many: an export's order is that of no block. 20 columns of so many take 320 MB."""
TRACED_AT_ONCE = 1_000
OTHERS = "somebody else than its requester"
_DECISIONS = {ExportState.APPROVED: ExportAction.APPROVE, ExportState.REJECTED: ExportAction.REJECT}
_SAID = {ExportAction.APPROVE: "approved", ExportAction.REJECT: "rejected", ExportAction.PASS: "approved"}
THE_LIMIT = "the row limit"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for. `digest` is equal for equal requests."""

    request_id: str
    digest: str
    segment_id: str
    tag_ids: tuple[str, ...]
    reason: str
    recipient: str
    due_time: dt.datetime
    namespaces: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a caller says of an export. `request_id` "" for none: then no repeat is known as one."""

    export_id: str
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """One member; `values` in the order of the export's tags, None where unknown; `identifiers` in that of its
    namespaces."""

    person_id: int
    values: tuple[Value | None, ...]
    identifiers: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Column:
    """A tag's values by the place in a list of persons; ascending, a value of several each by itself."""

    type: ValueType
    places: npt.NDArray[np.int64]
    codes: Codes
    texts: Mapping[int, str]

    def values(self, start: int, end: int) -> dict[int, Value]:
        """By place, of those from start to before end."""
        first, last = np.searchsorted(self.places, [start, end]).tolist()
        kind = self.type.element or self.type.kind
        found: dict[int, Value] = {}
        for place, code in zip(
            self.places[first:last].tolist(), self.codes[first:last].tolist(), strict=True
        ):
            value = self.texts[code] if kind is Kind.TEXT else scalar_of(code, kind)
            if self.type.kind is Kind.LIST:
                before = found.get(place, ())
                assert isinstance(before, tuple)
                found[place] = (*before, value)
            else:
                found[place] = value
        return found


class MemberExports:
    """The use cases of ExportService; what takes a connection is part of a transaction, `order` and `rows` are for the
    desk. `now` is the suite's time; no more rows than `row_limit` go without a second person."""

    def __init__(
        self,
        exports: Exports,
        columns: TagColumns,
        desk: Desk,
        new_id: Callable[[], str],
        new_seed: Callable[[], int],
        now: Callable[[], dt.datetime],
        row_limit: int,
    ) -> None:
        self._row_limit = row_limit
        self._exports = exports
        self._columns = columns
        self.desk = desk
        self._new_id = new_id
        self._new_seed = new_seed
        self._now = now

    def request(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        asked: Asked,
        actor: Actor,
        may_read: MayRead,
    ) -> Export:
        """Freezes the members. Raises ResourceNotFound, SegmentNotLive, TagNotReadable, InvalidField, ResourceExists,
        QueueFull."""
        self._exports.take_turns(connection, tenant)
        known = self._exports.of_request(connection, tenant, asked.request_id)
        if known is not None:
            if known.request != asked.digest:
                raise ResourceExists(f"request {asked.request_id!r}")
            return known.at(self._now())
        now = self._now()
        if not now < asked.due_time <= now + MAX_DUE:
            raise InvalidField("due_time", f"is not within {MAX_DUE.days} days from now")
        segments = version.tenant(tenant)
        require_readable(segments, asked.tag_ids, may_read)
        standing = live_segment(segments, asked.segment_id)
        if self._exports.open(connection, tenant, now) >= MAX_OPEN_EXPORTS:
            raise QueueFull("open exports", MAX_OPEN_EXPORTS)
        tags = (segments.index.tags[each] for each in asked.tag_ids)
        purposes = {each.purpose for each in tags if each.grade == SENSITIVE and each.purpose}
        if standing.rule is not None:
            purposes |= set(purposes_of(segments, standing.rule))
        alone = not purposes and self._goes_alone(connection, tenant, actor, len(standing.members), now)
        export = Export(
            export_id=self._new_id(),
            request_id=asked.request_id,
            request=asked.digest,
            segment_id=asked.segment_id,
            count=len(standing.members),
            tag_ids=asked.tag_ids,
            reason=asked.reason,
            recipient=asked.recipient,
            subject=actor.subject,
            create_time=now,
            due_time=asked.due_time,
            seed=self._new_seed(),
            purposes=tuple(sorted(purposes)),
            state=ExportState.APPROVED if alone else ExportState.REQUESTED,
            namespaces=asked.namespaces,
            purpose=asked.purpose,
            brand=standing.segment.draft.brand if asked.namespaces else "",
        )
        added = self._exports.add(connection, tenant, export, standing.members)
        self._record(connection, tenant, added, ExportAction.REQUEST, actor, asked.reason)
        if alone:
            why = f"no more than {self._row_limit} rows"
            self._record(connection, tenant, added, ExportAction.PASS, Actor(""), why)
        return added

    def _goes_alone(
        self, connection: Connection, tenant: str, actor: Actor, rows: int, now: dt.datetime
    ) -> bool:
        since = now - ROW_LIMIT_WINDOW
        return rows + self._exports.passed(connection, tenant, actor.subject, since) <= self._row_limit

    def approve(self, connection: Connection, tenant: str, actor: Actor, decision: Decision) -> Export:
        """Raises ResourceNotFound, ExportForbidden, ExportDecided, WrongState, InvalidField."""
        self._exports.lock(connection, tenant, decision.export_id)
        export = self.get(connection, tenant, decision.export_id)
        if actor.subject == export.subject:
            raise ExportForbidden(export.export_id, "approve", OTHERS)
        return self._decide(connection, tenant, actor, decision, export, ExportState.APPROVED)

    def reject(
        self,
        connection: Connection,
        tenant: str,
        actor: Actor,
        decision: Decision,
        *,
        may_approve: bool,
    ) -> Export:
        """Raises ResourceNotFound, ExportForbidden, ExportDecided, WrongState, InvalidField."""
        self._exports.lock(connection, tenant, decision.export_id)
        export = self.get(connection, tenant, decision.export_id)
        if not may_approve and actor.subject != export.subject:
            raise ExportForbidden(export.export_id, "reject", f"{export.subject!r}, and for who may approve")
        return self._decide(connection, tenant, actor, decision, export, ExportState.REJECTED)

    def get(self, connection: Connection, tenant: str, export_id: str) -> Export:
        """One export as it stands. Raises ResourceNotFound."""
        found = self._exports.get(connection, tenant, export_id)
        if found is None:
            raise ResourceNotFound(f"export {export_id!r}")
        return found.at(self._now())

    def history(self, connection: Connection, tenant: str, export_id: str) -> list[ExportStep]:
        """Oldest first."""
        return self._exports.steps(connection, tenant, export_id)

    def page(self, connection: Connection, tenant: str, before: int | None, limit: int) -> list[Export]:
        """Newest first."""
        return [each.at(self._now()) for each in self._exports.page(connection, tenant, before, limit)]

    def trace(self, connection: Connection, tenant: str, person_ids: Sequence[int]) -> list[Export]:
        """The exports whose order the persons have, newest first."""
        found: list[Export] = []
        before: int | None = None
        while some := self._exports.page(connection, tenant, before, TRACED_AT_ONCE):
            found += [each.at(self._now()) for each in some if has_order_of(person_ids, each.seed)]
            before = some[-1].sequence
        return found

    def fetchable(
        self, connection: Connection, tenant: str, export_id: str, actor: Actor
    ) -> tuple[Export, BitMap]:
        """An export and its frozen members. Raises ResourceNotFound, ExportForbidden, WrongState."""
        export = self.require_approved(connection, tenant, export_id)
        if actor.subject != export.subject:
            raise ExportForbidden(export_id, "fetch", repr(export.subject))
        members = self._exports.members(connection, tenant, export_id)
        if members is None:
            raise _not_approved(export)
        return export, members

    def require_approved(self, connection: Connection, tenant: str, export_id: str) -> Export:
        """That it may still be fetched. Raises ResourceNotFound, WrongState."""
        export = self.get(connection, tenant, export_id)
        if export.state is not ExportState.APPROVED:
            raise _not_approved(export)
        return export

    def order(
        self, version: Version, tenant: str, export: Export, members: BitMap, after: int, may_read: MayRead
    ) -> Ids:
        """The persons to send, in the export's order. Takes its time. Raises TagNotReadable."""
        segments = version.tenant(tenant)
        require_readable(segments, export.tag_ids, may_read)
        living = today(segments.index, members)
        renamed = _ids(living - members)
        return in_order(_ids(living), export.seed, after, renamed)

    def watermark(self, export: Export) -> str:
        """What a file that is fetched now says of itself."""
        return export.watermark(self._now())

    def record_fetch(
        self, connection: Connection, tenant: str, export_id: str, actor: Actor, rows: int
    ) -> None:
        """Raises ResourceNotFound, WrongState."""
        export = self.require_approved(connection, tenant, export_id)
        self._record(connection, tenant, export, ExportAction.FETCH, actor, rows=rows)

    def rows(
        self, board: Board, version: Version, tenant: str, export: Export, persons: Ids
    ) -> Iterator[list[Row]]:
        """The persons with their values in a version, in the same order, some at once, without whoever was erased by
        then."""
        segments = version.tenant(tenant)
        for begin in range(0, len(persons), PERSONS_AT_ONCE):
            part = persons[begin : begin + PERSONS_AT_ONCE]
            columns = [self._column(segments, tag_id, part) for tag_id in export.tag_ids]
            for start in range(0, len(part), ROWS_AT_ONCE):
                some = part[start : start + ROWS_AT_ONCE]
                values = [column.values(start, start + len(some)) for column in columns]
                living = _living(board.current.tenant(tenant), some)
                yield [
                    Row(person, tuple(each.get(start + place) for each in values))
                    for place, person in enumerate(some.tolist())
                    if person in living
                ]

    def _column(self, segments: TenantSegments, tag_id: str, persons: Ids) -> "_Column":
        order = np.argsort(persons, kind="stable")
        ones = self._columns.ones(segments.index, tag_id, persons[order])
        places = order[ones.places]
        in_order = np.argsort(places, kind="stable")
        return _Column(
            segments.index.tags[tag_id].tag.type, places[in_order], ones.codes[in_order], ones.texts
        )

    def forget_members(self, connection: Connection) -> None:
        """Of exports that are rejected, or past their due time."""
        self._exports.forget_members(connection, self._now())

    def _decide(
        self,
        connection: Connection,
        tenant: str,
        actor: Actor,
        decision: Decision,
        export: Export,
        state: ExportState,
    ) -> Export:
        """Approval comes first, and once; rejection once, whatever came before."""
        require_reason(decision.reason)
        action = _DECISIONS[state]
        step = ExportStep(action, actor.subject, self._now(), decision.reason, request_id=decision.request_id)
        earlier = [
            each for each in self.history(connection, tenant, export.export_id) if each.action in _SAID
        ]
        if any(map(step.repeats, earlier)):
            return export
        if export.state is ExportState.EXPIRED:
            raise WrongState(f"export {export.export_id!r}", export.state.name, "it ended by itself")
        if earlier and (state is ExportState.APPROVED or export.state is state):
            last = earlier[-1]
            raise ExportDecided(export.export_id, _SAID[last.action], last.subject or THE_LIMIT, last.time)
        self._exports.put_state(connection, tenant, export.export_id, state)
        self._exports.add_step(connection, tenant, export.export_id, step)
        return self.get(connection, tenant, export.export_id)

    def _record(
        self,
        connection: Connection,
        tenant: str,
        export: Export,
        action: ExportAction,
        actor: Actor,
        reason: str = "",
        rows: int = 0,
    ) -> None:
        step = ExportStep(action, actor.subject, self._now(), reason, rows)
        self._exports.add_step(connection, tenant, export.export_id, step)


def _ids(persons: BitMap) -> Ids:
    return np.asarray(persons.to_array(), np.uint32)


def _living(segments: TenantSegments, persons: Ids) -> BitMap:
    """Without the erased; who was merged meanwhile stays under the old id."""
    asked = BitMap(persons)
    gone = asked - segments.index.population(Population.ALL)
    return asked - BitMap(each for each in gone if not segments.index.living(each))


def _not_approved(export: Export) -> WrongState:
    return WrongState(f"export {export.export_id!r}", export.state.name, "only an approved one is fetched")
