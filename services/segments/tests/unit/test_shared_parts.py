"""What several standing rules have in common is evaluated once while all are computed anew."""

from typing import Any

import pytest
from segments.domain import shared_parts
from segments.index import answering, readiness, selection
from segments_changes import person_values
from segments_following import Follower, anew, small
from servicekit.revision import Lane

EITHER = "(gender = 'female' OR points >= 2)"
RULES = (
    ("a", f"{EITHER} AND is_vip = TRUE"),
    ("b", f"{EITHER} AND NOT is_vip = TRUE"),
    ("d", "gender = 'female' AND is_vip = TRUE"),
)


@pytest.mark.parametrize(("room", "programs"), [(1 << 20, 4), (0, 3)])
def test_a_shared_part_is_evaluated_once_while_there_is_room(
    threads: object, monkeypatch: pytest.MonkeyPatch, room: int, programs: int
) -> None:
    told = small(*RULES)
    follower = Follower(told)
    values: list[Any] = [
        person_values(10, 1, gender="female", is_vip=True),
        person_values(11, 2, points=20_000),
        person_values(12, 3, points=10_000),
    ]
    follower.apply(Lane.LIVE, values, 12)
    made = []
    program_of = selection.program_of

    def counted(*asked: Any) -> Any:
        made.append(asked)
        return program_of(*asked)

    monkeypatch.setattr(selection, "program_of", counted)
    monkeypatch.setattr(answering, "BY_BLOCKS_FROM", 1)
    monkeypatch.setattr(readiness, "engine_is_ready", lambda: True)
    monkeypatch.setattr(shared_parts, "BYTES_MOST", room)
    segments = anew(follower, follower.segments.index)
    found = {each.segment.segment_id: list(each.members) for each in segments.all()}
    assert found == {"a": [1], "b": [2], "d": [1]}
    assert len(made) == programs
