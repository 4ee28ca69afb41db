"""What humans decided about who belongs together, and which of it is in force."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum


class OperationKind(IntEnum):
    """The decisions. The numbers are stored and are those of huaxiang.identity.v1.OperationKind."""

    BIND = 1
    UNBIND = 2
    MERGE = 3
    SPLIT = 4
    UNDO = 5
    CONFIRM_MATCH = 6
    REJECT_MATCH = 7


class VerdictKind(IntEnum):
    """MUST: all keys of both sides are one person. CANNOT: no person holds keys of both sides."""

    MUST = 1
    CANNOT = 2


_VERDICT_OF: Mapping[OperationKind, VerdictKind] = {
    OperationKind.BIND: VerdictKind.MUST,
    OperationKind.MERGE: VerdictKind.MUST,
    OperationKind.CONFIRM_MATCH: VerdictKind.MUST,
    OperationKind.UNBIND: VerdictKind.CANNOT,
    OperationKind.SPLIT: VerdictKind.CANNOT,
    OperationKind.REJECT_MATCH: VerdictKind.CANNOT,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A decision as it was taken. `sides` are empty and `undoes` names another operation for an UNDO, else 0."""

    operation_id: int
    kind: OperationKind
    sides: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    undoes: int = 0

    @property
    def verdict(self) -> "Verdict | None":
        """What it says about keys; None for an UNDO."""
        kind = _VERDICT_OF.get(self.kind)
        return None if kind is None else Verdict(self.operation_id, kind, self.sides)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an operation says about keys while it is in force."""

    operation_id: int
    kind: VerdictKind
    sides: tuple[frozenset[int], frozenset[int]]

    @property
    def key_ids(self) -> frozenset[int]:
        """The keys of both sides."""
        return self.sides[0] | self.sides[1]

    def parts(self, left: frozenset[int], right: frozenset[int]) -> bool:
        """Whether it forbids that keys of `left` and of `right` are one person."""
        if self.kind is not VerdictKind.CANNOT:
            return False
        one, other = self.sides
        together = left | right
        return bool(together & one) and bool(together & other)


def standing_operations(operations: Iterable[Operation]) -> frozenset[int]:
    """The ids of the operations that are not undone. Undoing an undo puts what it undid in force again."""
    by_id = {operation.operation_id: operation for operation in operations}
    in_force = dict.fromkeys(sorted(by_id), True)
    for operation_id in in_force:
        undone, stands = by_id[operation_id].undoes, False
        while undone in by_id:
            in_force[undone] = stands
            undone, stands = by_id[undone].undoes, not stands
    return frozenset(operation_id for operation_id, stands in in_force.items() if stands)


def in_force(operations: Iterable[Operation]) -> tuple[Verdict, ...]:
    """The verdicts that hold, by operation id: those not undone, and of those about the same two single keys only the
    latest. The order in which operations are given does not matter."""
    operations = sorted(operations, key=lambda operation: operation.operation_id)
    standing = standing_operations(operations)
    latest: dict[object, Verdict] = {}
    for operation in operations:
        verdict = operation.verdict
        if verdict is None or operation.operation_id not in standing:
            continue
        single = len(verdict.sides[0]) == len(verdict.sides[1]) == 1
        latest[verdict.key_ids if single else operation.operation_id] = verdict
    return tuple(sorted(latest.values(), key=lambda verdict: verdict.operation_id))


def opposing(verdicts: Sequence[Verdict], left: frozenset[int], right: frozenset[int]) -> int:
    """The first operation that keeps the two sets of keys apart and that a BIND or MERGE of them would not supersede:
    one about more than two single keys. 0 for none."""
    pair = left | right if len(left) == len(right) == 1 else None
    for verdict in verdicts:
        if verdict.parts(left, right) and verdict.key_ids != pair:
            return verdict.operation_id
    return 0
