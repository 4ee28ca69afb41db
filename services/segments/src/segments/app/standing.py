"""One standing segment: its members, and what is told of who moves."""

from dataclasses import dataclass, field

from pyroaring import BitMap
from segments.app.rule_reading import ReadRule
from segments.app.waiting import until_then
from segments.domain.frozen import Frozen
from segments.domain.members import NOBODY, Members
from segments.domain.movement import Movement
from segments.domain.segment import Kind, Segment, State
from servicekit.revision import Lane

OVERFLOW = "a calculation leaves the range of numbers for some person"


@dataclass(slots=True)
class Standing:
    """A segment with its rule as read; `rule` is None while it cannot be read (a tag of it is gone).

    `told_elsewhere` holds per lane the persons whose last movement was told in the other lane: a lane's promise may
    rest on no entry of the other, so when a change in this lane touches them, they are told again in it. Kept in memory
    alone: after a restart nothing is told twice. `frozen` are the members of a segment that does not follow its rule
    from change to change, as they were computed or uploaded; or those of before, while the rule waits for behaviour.
    """

    segment: Segment
    rule: ReadRule | None
    problem: str = ""
    overflow: bool = False
    held: Members = field(default_factory=lambda: Members(NOBODY))
    told_elsewhere: dict[Lane, BitMap] = field(default_factory=dict)
    frozen: Frozen | None = None

    @property
    def members(self) -> BitMap:
        """Not to be changed."""
        return self.held.whole

    @members.setter
    def members(self, members: BitMap) -> None:
        self.held = Members(members)

    @property
    def freezes(self) -> bool:
        """Whether members stay as they are computed: of a one-off, and of LIMIT until the day turns."""
        return self.segment.draft.kind is Kind.ONE_OFF or self.turns_daily

    @property
    def turns_daily(self) -> bool:
        """Whether members are computed anew with each day, and only then: everybody decides about everybody."""
        return self.segment.draft.kind is Kind.DYNAMIC and self.rule is not None and self.rule.of_all

    @property
    def settled(self) -> Frozen | None:
        """Members that stay for now, whatever the rule would select."""
        return self.frozen if self.frozen is not None and not self.frozen.stale else None

    @property
    def stale(self) -> bool:
        """Whether the members are those of before, until new ones can be computed."""
        return self.frozen is not None and self.frozen.stale

    @property
    def live(self) -> bool:
        return self.segment.state is State.LIVE

    @property
    def has_members(self) -> bool:
        """Whether there are members to speak of: of now, or of before."""
        return self.live or self.stale

    def count(self) -> int | None:
        """How many members; None when there are none to speak of."""
        return len(self.held) if self.has_members else None

    def emptied(self) -> Movement:
        """Everybody leaves."""
        left, self.members = self.members, NOBODY
        return Movement(self.segment.segment_id, NOBODY, left)

    def told(self, movement: Movement, touched: BitMap, lane: Lane) -> Movement:
        """The movement, and with it the touched persons whose last one was told in the other lane."""
        other = Lane.BULK if lane is Lane.LIVE else Lane.LIVE
        moved = movement.entered | movement.left
        elsewhere, awaiting = self.told_elsewhere, self.told_elsewhere.get(lane)
        elsewhere[other] = elsewhere.get(other, NOBODY) | moved
        if not awaiting:
            return movement
        again = (touched & awaiting) - moved
        elsewhere[lane] = awaiting - (moved | again)
        if not again:
            return movement
        inside = again & self.members
        return Movement(movement.segment_id, movement.entered | inside, movement.left | (again - inside))

    def state_after(self, waiting: tuple[State, str]) -> tuple[State, str]:
        """The state that the segment has by now, with its note; `waiting` is what computing it would wait for."""
        state, note = waiting
        if self.frozen is not None:
            return (state, until_then(note, self.frozen)) if self.frozen.stale else (State.LIVE, "")
        if state is State.LIVE and self.overflow:
            return State.FAILED, OVERFLOW
        return state, note
