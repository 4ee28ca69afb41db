"""MemberHistoryService: trends, differences, and why somebody moved."""

import datetime as dt

from huaxiang.segments.v1 import member_history_service_pb2 as pb
from huaxiang.segments.v1.member_history_service_pb2_grpc import MemberHistoryServiceServicer
from huaxiang.type.v1 import revision_pb2, value_pb2
from rules.evaluate.meaning import Value
from segments.api import parse
from segments.app.explain_move import Explained, ExplainMove, LeafMove
from segments.app.member_history import Difference, MemberHistory
from segments.app.version import Board
from segments.domain.kept_members import KeptMembers, MembersAt
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.values import date_of, date_problem, days_of, put_scalar, timestamp_of

PERSONS_PER_PAGE = 1_000
MAX_PERSONS_PER_PAGE = 10_000


class MemberHistoryServicer(MemberHistoryServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self, board: Board, database: Database, history: MemberHistory, explain_move: ExplainMove
    ) -> None:
        self._board = board
        self._database = database
        self._history = history
        self._explain_move = explain_move

    async def GetTrend(self, request: pb.GetTrendRequest, context: object) -> pb.GetTrendResponse:
        tenant = current_principal().require_tenant()
        version = self._board.current
        first = _day("from_day", request.from_day) if request.HasField("from_day") else None
        last = _day("to_day", request.to_day) if request.HasField("to_day") else None
        found = await self._database.read(
            self._history.trend, version, tenant, request.segment_id, first, last
        )
        return pb.GetTrendResponse(
            days=[
                pb.SegmentDay(day=days_of(each.day), members=_kept(each.kept), has_members=each.has_members)
                for each in found
            ],
            revision=version.revision.to_proto(),
        )

    async def DiffMembers(self, request: pb.DiffMembersRequest, context: object) -> pb.DiffMembersResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size, default=PERSONS_PER_PAGE, maximum=MAX_PERSONS_PER_PAGE)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, int)
        version = self._board.current
        found = await self._database.read(
            self._history.diff,
            version,
            tenant,
            request.segment_id,
            _members_at("from", _from(request)),
            _members_at("to", request.to),
        )
        page, more = _page(request.kind, found, last[0] if last else 0, size)
        answer = pb.DiffMembersResponse(
            to=_kept(found.new),
            joined_count=len(found.joined),
            left_count=len(found.left),
            stayed_count=found.stayed_count,
            person_ids=page,
            next_page_token=make_token([page[-1]], bound_to) if more else "",
            revision=version.revision.to_proto(),
        )
        getattr(answer, "from").CopyFrom(_kept(found.old))
        return answer

    async def GetMembershipHistory(
        self, request: pb.GetMembershipHistoryRequest, context: object
    ) -> pb.GetMembershipHistoryResponse:
        tenant, version = current_principal().require_tenant(), self._board.current
        found, member = await self._database.read(
            self._history.of_person, version, tenant, request.segment_id, request.person_id
        )
        return pb.GetMembershipHistoryResponse(
            stretches=[
                pb.MembershipStretch(
                    first_day=days_of(each.first), last_day=days_of(each.last), member=each.member
                )
                for each in found
            ],
            member=member,
            revision=version.revision.to_proto(),
        )

    async def ExplainMove(self, request: pb.ExplainMoveRequest, context: object) -> pb.ExplainMoveResponse:
        principal = current_principal()
        tenant, version = principal.require_tenant(), self._board.current
        moments = _members_at("from", _from(request)), _members_at("to", request.to)
        living, old, new = await self._database.read(
            self._explain_move.standpoints,
            version,
            tenant,
            request.person_id,
            request.segment_id,
            moments,
            parse.grades_of(principal),
        )
        found = await self._explain_move.complete(version, tenant, living, old, new)
        answer = pb.ExplainMoveResponse(
            from_member=found.old.member,
            to_member=found.new.member,
            to=_kept(found.new.kept),
            leaves=[_leaf(each, found) for each in found.leaves],
            redefined=found.redefined,
            unknown=found.unknown,
            revision=version.revision.to_proto(),
        )
        getattr(answer, "from").CopyFrom(_kept(found.old.kept))
        return answer


def _from(request: pb.DiffMembersRequest | pb.ExplainMoveRequest) -> pb.MembersAt:
    """The contract's word is one of Python's own."""
    found: pb.MembersAt = getattr(request, "from")
    return found


def _day(field: str, number: int) -> dt.date:
    if problem := date_problem(number):
        raise InvalidField(field, problem)
    return date_of(number)


def _members_at(field: str, message: pb.MembersAt) -> MembersAt:
    match message.WhichOneof("kept"):
        case "snapshot_id":
            return MembersAt(snapshot_id=message.snapshot_id)
        case "day":
            return MembersAt(day=_day(f"{field}.day", message.day))
        case _:
            return MembersAt()


def _page(kind: int, found: Difference, after: int, size: int) -> tuple[list[int], bool]:
    """A page of ids, and whether more follow."""
    if kind == pb.MOVE_KIND_UNSPECIFIED:
        return [], False
    if kind not in (pb.MOVE_KIND_JOINED, pb.MOVE_KIND_LEFT):
        raise InvalidField("kind", f"{kind} is no kind of this version")
    persons = found.joined if kind == pb.MOVE_KIND_JOINED else found.left
    start = persons.rank(after)
    page = persons[start : start + size].to_array().tolist()
    return page, start + size < len(persons)


def _kept(kept: KeptMembers) -> pb.KeptMembers:
    return pb.KeptMembers(
        count=kept.count,
        population_count=kept.population_count,
        take_time=timestamp_of(kept.take_time),
        as_of=timestamp_of(kept.as_of),
        revision=revision_pb2.Revision(token=kept.revision_token),
        version=kept.version,
    )


def _leaf(leaf: LeafMove, found: Explained) -> pb.LeafMove:
    return pb.LeafMove(
        text=leaf.text,
        from_holds=leaf.old,
        to_holds=leaf.new,
        flipped=leaf.flipped,
        values=[
            pb.ValueMove(
                tag_id=tag_id,
                old=_value(found.old.values.get(tag_id)),
                new=_value(found.new.values.get(tag_id)),
                old_known=tag_id in found.old.values,
                new_known=tag_id in found.new.values,
            )
            for tag_id in leaf.tags
        ],
    )


def _value(value: Value | None) -> value_pb2.Value | None:
    if value is None:
        return None
    message = value_pb2.Value()
    if isinstance(value, tuple):
        for each in value:
            put_scalar(message.list_value.values.add(), each)
    else:
        put_scalar(message, value)
    return message
