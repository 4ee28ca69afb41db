"""Which events a caller may ask about: as a rule over them, before anybody looks at one."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.check import Population
from segments.app.readable import MayRead, purposes_of
from segments.app.unknown_names import UpToDate, read_up_to_date
from segments.app.version import Board
from segments.domain.segment import Draft
from segments.errors import RuleInvalid

_BEFORE = "COUNT("


@dataclass(frozen=True, slots=True)
class EventsRead:
    """`purposes` of sensitive events, in order."""

    purposes: tuple[str, ...]
    warnings: tuple[str, ...]


async def read_events(
    board: Board, up_to_date: UpToDate, tenant: str, events: Mapping[str, str], may_read: MayRead
) -> EventsRead:
    """`events`: by the field that says them. Raises RuleInvalid with the place in a field's text, NodeUnsupported,
    RightMissing, CatchingUp, UpstreamUnavailable."""
    purposes: set[str] = set()
    warnings: list[str] = []
    for field, text in events.items():
        draft = Draft("", "", "", f"{_BEFORE}{text}) >= 1", Population.ALL, "")
        try:
            rule = await read_up_to_date(board, up_to_date, tenant, draft, may_read)
        except RuleInvalid as error:
            raise _placed(field, error) from error
        purposes.update(purposes_of(board.current.tenant(tenant), rule))
        warnings += [f"{field}: {each}" for each in rule.warnings]
    return EventsRead(tuple(sorted(purposes)), tuple(warnings))


def _placed(field: str, error: RuleInvalid) -> RuleInvalid:
    said = error.metadata
    line, column = int(said["line"]), int(said["column"])
    suggestion = said["suggestion"]
    hint = f"did you mean '{suggestion}'?" if f"did you mean '{suggestion}'" in error.message else suggestion
    place = max(1, column - len(_BEFORE)) if line == 1 else column
    return RuleInvalid(f"{field}: {said['problem']}", line, place, hint, readable=error.readable)
