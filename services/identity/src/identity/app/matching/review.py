"""ListReviewTasks and Decide: pairs that a model cannot decide, and what a human says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound, WrongState
from servicekit.revision import Lane, Revision

from identity.app.change_graph import ChangeGraph
from identity.app.effect import Effect
from identity.app.operate import audit_operation
from identity.app.region import GraphChange
from identity.domain.verdicts import Operation, OperationKind, in_force, opposing
from identity.store.linking_rows import Cause, CauseKind, Mark, OperationRow
from identity.store.matching.rows import LabelRow, TaskRow
from identity.store.ports import Stores


@dataclass(frozen=True)
class ShownTask:
    """A task with the persons and clusters that its keys belong to now; cluster 0 is none."""

    row: TaskRow
    low_person_id: int
    high_person_id: int
    low_cluster_id: int
    high_cluster_id: int


class ListReviewTasks:
    """Reads tasks: those nearest to linking first."""

    def __call__(self, stores: Stores, tenant: str, after: int, limit: int) -> Sequence[ShownTask]:
        """Tasks whose keys are gone are left out."""
        rows = stores.matching.tasks.page(tenant, after, limit)
        key_ids = {key_id for row in rows for key_id in (row.low, row.high)}
        keys = stores.keys.rows(tenant, key_ids)
        clusters = stores.matching.keys.clusters(tenant, key_ids)
        return [
            ShownTask(
                row,
                keys[row.low].person_id,
                keys[row.high].person_id,
                clusters.get(row.low, 0),
                clusters.get(row.high, 0),
            )
            for row in rows
            if row.low in keys and row.high in keys
        ]


@dataclass(frozen=True)
class Decision:
    """What a human says of a task."""

    tenant: str
    actor: str
    task_id: int
    same: bool
    reason: str


@dataclass(frozen=True)
class Decided:
    """`operation_id` undoes it; `person_ids` changed, as `effect` tells in numbers."""

    operation_id: int
    person_ids: tuple[int, ...]
    effect: Effect
    revision: Revision


class Decide:
    """A decision is an operation that links or parts the two persons, and a label until the operation is undone."""

    def __init__(self, change: ChangeGraph, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def __call__(self, stores: Stores, decision: Decision) -> Decided:
        """Deciding the same again changes nothing. Raises ResourceNotFound, WrongState when the task was decided the
        other way, or when humans keep the two apart already."""
        tenant = decision.tenant
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        known = stores.matching.tasks.label_of_task(tenant, decision.task_id)
        if known is not None:
            if known.same != decision.same:
                problem = f"undo operation {known.operation_id} first"
                raise WrongState(f"review task {decision.task_id}", "decided", problem)
            return Decided(known.operation_id, (), Effect(), stores.changes.append(Lane.LIVE, []))
        task = stores.matching.tasks.get(tenant, decision.task_id)
        if task is None or len(stores.keys.rows(tenant, [task.low, task.high])) < 2:
            raise ResourceNotFound(f"review task {decision.task_id}")
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        operation = self._operate(stores, decision, task, now_us)
        stores.matching.tasks.remove(tenant, task.task_id)
        run = stores.matching.runs.get(tenant, task.run_id)
        stores.matching.tasks.add_label(
            tenant,
            LabelRow(
                task.low,
                task.high,
                decision.same,
                decision.actor,
                decision.reason,
                now_us,
                task.task_id,
                operation.operation_id,
                run.model_version if run else 0,
                task.weight,
            ),
        )
        cause = Cause(CauseKind.OPERATION, str(operation.operation_id))
        change = GraphChange(touched=frozenset((task.low, task.high)))
        changed = self._change(stores, tenant, change, now_us, cause)
        person_ids = tuple(sorted(changed.relinked.person_ids))
        return Decided(operation.operation_id, person_ids, changed.effect, changed.revision)

    def _operate(self, stores: Stores, decision: Decision, task: TaskRow, now_us: int) -> Operation:
        tenant = decision.tenant
        kind = OperationKind.CONFIRM_MATCH if decision.same else OperationKind.REJECT_MATCH
        sides = (frozenset((task.low,)), frozenset((task.high,)))
        operation = Operation(stores.operations.next_id(tenant), kind, sides)
        if decision.same:
            opposed = self._opposing(stores, tenant, task)
            if opposed:
                problem = f"operation {opposed} keeps the two apart: undo it first"
                raise WrongState(f"review task {task.task_id}", "contradicted", problem)
        row = OperationRow(operation, decision.actor, decision.reason, now_us)
        stores.operations.add(tenant, row)
        stores.marks.add(tenant, (task.low, task.high), Mark.VERDICT)
        keys = stores.keys.rows(tenant, [task.low, task.high])
        audit_operation(stores, tenant, row, {key.person_id for key in keys.values()}, self._clock)
        return operation

    def _opposing(self, stores: Stores, tenant: str, task: TaskRow) -> int:
        """The operation that keeps the two persons apart; 0 for none."""
        rows = stores.keys.rows(tenant, [task.low, task.high])
        keys = stores.keys.of_persons(tenant, {row.person_id for row in rows.values()})
        left, right = (
            frozenset(key.key_id for key in keys[rows[key_id].person_id]) for key_id in (task.low, task.high)
        )
        if rows[task.low].person_id == rows[task.high].person_id:
            return 0
        return opposing(in_force(stores.operations.standing(tenant, left | right)), left, right)
