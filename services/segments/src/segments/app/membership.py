"""Who is in, and why."""

from dataclasses import dataclass

from segments.app.board import Board
from segments.app.freshness_notes import Freshness, freshness_of
from segments.app.names import nearest
from segments.app.standing import Standing
from segments.domain.segment import State
from segments.errors import PersonUnknown, SegmentNotLive
from servicekit.errors import ResourceNotFound


@dataclass(frozen=True, slots=True)
class Checked:
    """One person's memberships, in the order of the segments asked for. `person_id` 0: there is no such person."""

    person_id: int
    members: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """One person's place in one segment."""

    person_id: int
    member: bool
    in_population: bool
    rule: str
    freshness: Freshness


class Membership:
    """The use cases of MembershipService. Call inside the board's gate."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def check(
        self, tenant: str, person_ids: list[int], segment_ids: list[str]
    ) -> tuple[list[Checked], Freshness]:
        """Answers from the members as they stand. Raises ResourceNotFound, SegmentNotLive."""
        standing = [self._live(tenant, segment_id) for segment_id in segment_ids]
        index = self._board.tenant(tenant).index
        checked = []
        for person_id in person_ids:
            living = index.living(person_id)
            checked.append(Checked(living, tuple(living in each.members for each in standing)))
        rule = standing[0].rule if standing else None
        return checked, freshness_of(self._board, tenant, rule)

    def place(self, tenant: str, person_id: int, segment_id: str) -> Placed:
        """Where a person stands to a segment. Raises ResourceNotFound, SegmentNotLive, PersonUnknown."""
        standing = self._live(tenant, segment_id)
        index = self._board.tenant(tenant).index
        living = index.living(person_id)
        if living == 0:
            raise PersonUnknown(person_id)
        draft = standing.segment.draft
        return Placed(
            person_id=living,
            member=living in standing.members,
            in_population=living in index.population(draft.population),
            rule=draft.rule,
            freshness=freshness_of(self._board, tenant, standing.rule),
        )

    def _live(self, tenant: str, segment_id: str) -> Standing:
        segments = self._board.tenant(tenant)
        standing = segments.get(segment_id)
        if standing is None:
            names = [each.segment.segment_id for each in segments.all()]
            raise ResourceNotFound(f"segment {segment_id!r}", nearest(segment_id, names))
        segment = standing.segment
        if segment.state is not State.LIVE:
            raise SegmentNotLive(segment_id, segment.state.value, segment.note)
        return standing
