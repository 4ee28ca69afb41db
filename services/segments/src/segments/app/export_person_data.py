"""ExportPersonData: the segments that a person is in."""

from collections.abc import Mapping, Sequence
from typing import Any

from segments.app.version import Board

Row = Mapping[str, Any]


class ExportPersonData:
    """Answers from the members as they stand."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def __call__(self, tenant: str, person_ids: Sequence[int]) -> dict[str, Sequence[Row]]:
        """By section. Ids that redirect lead to the living person."""
        segments = self._board.current.tenant(tenant)
        ids = sorted({segments.index.living(person_id) for person_id in person_ids} - {0})
        return {
            "memberships": [
                {"person_id": person_id, "segment": standing.segment.segment_id}
                for person_id in ids
                for standing in segments.all()
                if person_id in standing.members
            ]
        }
