"""Stored values follow the mapping: what rules read besides events changed, so columns are computed again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from servicekit.clock import Clock
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.publish import SILENT, ComputeEverybody
from tagging.domain.columns import microseconds
from tagging.store.mapping_ports import Mapped, MappingChange, MappingChanges

QUIET_MS = 1_000
"""Without further changes, machine time: a load is followed once."""
PATIENCE_MS = 30_000
"""After which a load that does not end is followed all the same."""
FAILURE_PAUSE_MS = 60_000
LONGEST_PAUSE_MS = 3_600_000
"""What fails may fail for good, until somebody mends a definition: pauses grow twofold up to this."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """What could not be followed whole, when, and how long that rests."""

    changes: Sequence[MappingChange]
    at_ms: int
    pause_ms: int

    def pause_of(self, changes: Sequence[MappingChange]) -> int:
        """Further changes wait for the shortest pause only."""
        return self.pause_ms if changes == self.changes else FAILURE_PAUSE_MS


class FollowMapping:
    """Computes everybody's stream columns that read a changed part of the mapping, and what rests on them."""

    def __init__(
        self,
        database: Database,
        changes: MappingChanges,
        columns: ColumnsInForce,
        compute: ComputeEverybody,
        clock: Clock,
    ) -> None:
        self._database = database
        self._changes = changes
        self._columns = columns
        self._compute = compute
        self._clock = clock
        self._failed: dict[str, _Failed] = {}

    def follow(self, *, at_once: bool = False) -> bool:
        """Does so for the first tenant that is ready for it, and says whether there was any. `at_once`: however fresh
        its changes are. Blocks. A column that fails is tried again after pauses that grow."""
        now_ms = microseconds(self._clock.machine_now()) // 1_000
        for tenant, seen in self._database.read_now(self._changes.waiting).items():
            failed = self._failed.get(tenant)
            rests = failed is not None and now_ms < failed.at_ms + failed.pause_of(seen)
            if at_once or (not rests and _is_ready(seen, now_ms)):
                self._follow(tenant, seen, now_ms)
                return True
        return False

    def _follow(self, tenant: str, seen: Sequence[MappingChange], now_ms: int) -> None:
        parts = {each.mapped for each in seen}
        if self._database.read_now(self._columns_reading, tenant, parts):
            outcome = self._compute(tenant, "mapping", lambda plan: columns_reading(plan, parts), SILENT)
            if outcome.failures:
                failed = self._failed.get(tenant)
                again = failed is not None and failed.changes == seen
                pause_ms = (
                    min(2 * failed.pause_ms, LONGEST_PAUSE_MS) if failed and again else FAILURE_PAUSE_MS
                )
                self._failed[tenant] = _Failed(seen, now_ms, pause_ms)
                return
        self._failed.pop(tenant, None)
        self._database.write_now(self._changes.settle, tenant, seen)

    def _columns_reading(self, connection: Connection, tenant: str, parts: Collection[Mapped]) -> set[str]:
        return columns_reading(self._columns.of(connection, tenant), parts)


def columns_reading(plan: ColumnPlan, parts: Collection[Mapped]) -> set[str]:
    """The stream columns that read a part of the mapping, and what rests on them."""
    return plan.with_what_rests_on_them(plan.reading(parts)) & plan.stream()


def _is_ready(seen: Sequence[MappingChange], now_ms: int) -> bool:
    quiet = max(each.latest_ms for each in seen) <= now_ms - QUIET_MS
    return quiet or min(each.since_ms for each in seen) <= now_ms - PATIENCE_MS
