"""Merge, Split, Bind, Unbind, UndoOperation, ListOperations: what humans decide, and the way back."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceNotFound, WrongState
from servicekit.revision import Revision

from identity.app.change_graph import Changed, ChangeGraph
from identity.app.effect import Effect
from identity.app.explain_link import ShownConflict, show_conflicts
from identity.app.get_person import living_row
from identity.app.key_refs import KeyRef, find_key
from identity.app.policies import PolicyBook
from identity.app.region import GraphChange
from identity.domain.audit_chain import AuditRow
from identity.domain.groups import Reason
from identity.domain.linking import Standing
from identity.domain.policy import Policy
from identity.domain.verdicts import Operation, OperationKind, in_force
from identity.errors import CannotLink, OperationNotInForce, PolicyForbids
from identity.store.linking_rows import Cause, CauseKind, ConflictRow, Mark, OperationRow
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow

MAX_CONFLICTS = 100
"""Conflicts of one answer, at most."""
Keys = frozenset[int]


@dataclass(frozen=True)
class Decider:
    """Who decides for which tenant, and why."""

    tenant: str
    subject: str
    reason: str


@dataclass(frozen=True)
class Operated:
    """What became of a decision; `conflicts` are pairs that stay apart because of it or in spite of it."""

    row: OperationRow
    effect: Effect
    conflicts: tuple[ShownConflict, ...]
    revision: Revision


class Operate:
    """Each method is one decision in the caller's transaction; a dry run is the same call, rolled back."""

    def __init__(self, change: ChangeGraph, policies: PolicyBook, vault: Vault, clock: Clock) -> None:
        self._change = change
        self._policies = policies
        self._vault = vault
        self._clock = clock

    def merge(self, stores: Stores, by: Decider, person_id: int, other_person_id: int) -> Operated:
        """Ties the strongest keys of two persons. Raises ResourceNotFound, PersonErased, WrongState, CannotLink,
        PolicyForbids."""
        _lock(stores, by.tenant)
        living = [living_row(stores, by.tenant, each).person_id for each in (person_id, other_person_id)]
        if living[0] == living[1]:
            problem = f"{person_id} and {other_person_id} are person {living[0]} already"
            raise WrongState(f"person {other_person_id}", "merged", problem)
        keys = stores.keys.of_persons(by.tenant, living)
        one, other = (self._strongest(stores, by.tenant, keys[each]) for each in living)
        _require_not_parted(stores, by.tenant, _ids(keys[living[0]]), _ids(keys[living[1]]))
        _require_allowed(self._policies.of(stores, by.tenant), keys[living[0]], keys[living[1]])
        return self._take(stores, by, OperationKind.MERGE, (frozenset({one}), frozenset({other})), living)

    def split(self, stores: Stores, by: Decider, person_id: int, refs: Sequence[KeyRef]) -> Operated:
        """Keeps the named keys of a person from its others. Raises ResourceNotFound, PersonErased, InvalidField."""
        _lock(stores, by.tenant)
        living = living_row(stores, by.tenant, person_id).person_id
        all_keys = _ids(stores.keys.of_persons(by.tenant, [living])[living])
        leaving = set()
        for ref in refs:
            key_id = find_key(stores, by.tenant, self._vault, ref).key_id
            if key_id not in all_keys:
                raise InvalidField(ref.field, f"is not an identifier of person {living}")
            leaving.add(key_id)
        if leaving == all_keys:
            raise InvalidField("keys", "are all identifiers of the person: leave at least one")
        sides = (all_keys - leaving, frozenset(leaving))
        return self._take(stores, by, OperationKind.SPLIT, sides, [living])

    def bind(self, stores: Stores, by: Decider, ref: KeyRef, other_ref: KeyRef) -> Operated:
        """Raises ResourceNotFound, InvalidField, CannotLink, PolicyForbids."""
        _lock(stores, by.tenant)
        one, other = self._two_keys(stores, by.tenant, ref, other_ref)
        persons = {one.person_id, other.person_id}
        keys = stores.keys.of_persons(by.tenant, persons)
        if len(persons) == 2:
            named = {one.key_id, other.key_id}
            left, right = (_ids(keys[each.person_id]) for each in (one, other))
            _require_not_parted(stores, by.tenant, left, right, named)
            policy = self._policies.of(stores, by.tenant)
            _require_allowed(policy, keys[one.person_id], keys[other.person_id])
        sides = (frozenset({one.key_id}), frozenset({other.key_id}))
        return self._take(stores, by, OperationKind.BIND, sides, persons)

    def unbind(self, stores: Stores, by: Decider, ref: KeyRef, other_ref: KeyRef) -> Operated:
        """Raises ResourceNotFound, InvalidField."""
        _lock(stores, by.tenant)
        one, other = self._two_keys(stores, by.tenant, ref, other_ref)
        sides = (frozenset({one.key_id}), frozenset({other.key_id}))
        return self._take(stores, by, OperationKind.UNBIND, sides, {one.person_id, other.person_id})

    def undo(self, stores: Stores, by: Decider, operation_id: int) -> Operated:
        """Raises ResourceNotFound, OperationNotInForce."""
        tenant = by.tenant
        _lock(stores, tenant)
        chain = _chain(stores, tenant, operation_id)
        _require_in_force(chain)
        undo = Operation(stores.operations.next_id(tenant), OperationKind.UNDO, undoes=operation_id)
        row = OperationRow(undo, by.subject, by.reason, self._now_us())
        stores.operations.add(tenant, row)
        above = undo.operation_id
        for depth, undone in enumerate(chain):
            stores.operations.set_undone(tenant, undone.operation.operation_id, 0 if depth % 2 else above)
            above = undone.operation.operation_id
        verdict = chain[-1].operation.verdict
        concerned = stores.keys.rows(tenant, verdict.key_ids if verdict else ())
        persons = {key.person_id for key in concerned.values()}
        return self._relink(stores, by, row, frozenset(concerned), persons)

    def _take(
        self,
        stores: Stores,
        by: Decider,
        kind: OperationKind,
        sides: tuple[Keys, Keys],
        person_ids: Collection[int],
    ) -> Operated:
        operation = Operation(stores.operations.next_id(by.tenant), kind, sides)
        row = OperationRow(operation, by.subject, by.reason, self._now_us())
        stores.operations.add(by.tenant, row)
        stores.marks.add(by.tenant, sorted(sides[0] | sides[1]), Mark.VERDICT)
        return self._relink(stores, by, row, sides[0] | sides[1], person_ids)

    def _relink(
        self, stores: Stores, by: Decider, row: OperationRow, touched: Keys, person_ids: Collection[int]
    ) -> Operated:
        operation = row.operation
        audit_operation(stores, by.tenant, row, person_ids, self._clock)
        cause = Cause(CauseKind.OPERATION, str(operation.operation_id))
        changed = self._change(stores, by.tenant, GraphChange(touched=touched), row.time_us, cause)
        conflicts = show_conflicts(
            stores, by.tenant, self._vault, _conflicts(stores, by.tenant, row, changed)[:MAX_CONFLICTS]
        )
        return Operated(row, changed.effect, conflicts, changed.revision)

    def _two_keys(self, stores: Stores, tenant: str, ref: KeyRef, other_ref: KeyRef) -> tuple[KeyRow, KeyRow]:
        one, other = (find_key(stores, tenant, self._vault, each) for each in (ref, other_ref))
        if one.key_id == other.key_id:
            raise InvalidField(other_ref.field, f"is the same identifier as {ref.field}")
        return one, other

    def _strongest(self, stores: Stores, tenant: str, keys: Iterable[KeyRow]) -> int:
        """The key that stands for a person: one that links, of the highest priority."""
        namespaces = self._policies.of(stores, tenant).namespaces
        strongest = min(
            keys,
            key=lambda key: (
                key.standing is not Standing.LINKING,
                namespaces[key.namespace].priority,
                key.hash,
            ),
        )
        return strongest.key_id

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)


def audit_operation(
    stores: Stores, tenant: str, row: OperationRow, person_ids: Collection[int], clock: Clock
) -> None:
    """Writes down who decided what about whom."""
    operation = row.operation
    details = {"operation_id": operation.operation_id}
    if operation.undoes:
        details["undoes"] = operation.undoes
    stores.audit.add(
        tenant,
        AuditRow(
            row.actor,
            f"operation_{operation.kind.name.lower()}",
            row.reason,
            json.dumps(details),
            tuple(sorted(person_ids)),
            row.time_us,
            int(clock.machine_now().timestamp() * 1_000_000),
        ),
    )


def list_operations(stores: Stores, tenant: str, before: int, limit: int) -> Sequence[OperationRow]:
    """Operations with a smaller id (0: from the end), the latest first."""
    return stores.operations.page(tenant, before, limit)


def _lock(stores: Stores, tenant: str) -> None:
    stores.tenants.lock(tenant, stores.changes.head().epoch)


def _ids(keys: Iterable[KeyRow]) -> Keys:
    return frozenset(key.key_id for key in keys)


def _require_not_parted(
    stores: Stores, tenant: str, left: Keys, right: Keys, superseded: Collection[int] = ()
) -> None:
    """Raises CannotLink when an operation keeps the two apart, but for one about the `superseded` pair alone."""
    for verdict in in_force(stores.operations.standing(tenant, left | right)):
        if verdict.parts(left, right) and verdict.key_ids != superseded:
            raise CannotLink(verdict.operation_id)


def _require_allowed(policy: Policy, one: Sequence[KeyRow], other: Sequence[KeyRow]) -> None:
    """Raises PolicyForbids when a person with the keys of both could not be: a tie would tear both apart."""
    held = {(key.namespace, key.scope) for key in one if policy.namespaces[key.namespace].unique}
    for key in other:
        if (key.namespace, key.scope) in held:
            raise PolicyForbids(Reason.UNIQUE.name, key.namespace)
    if len(one) + len(other) > policy.max_person_keys:
        raise PolicyForbids(Reason.OVERSIZED.name)


def _chain(stores: Stores, tenant: str, operation_id: int) -> list[OperationRow]:
    """An operation, what it undoes, and so on down to a decision."""
    chain: list[OperationRow] = []
    while operation_id:
        row = stores.operations.get(tenant, operation_id)
        if row is None:
            raise ResourceNotFound(f"operation {operation_id}")
        chain.append(row)
        operation_id = row.operation.undoes
    return chain


def _require_in_force(chain: Sequence[OperationRow]) -> None:
    """Raises OperationNotInForce unless the first of the chain is in force, and what it did stands."""
    above = 0
    for depth, row in enumerate(chain):
        if row.undone_by != (above if depth % 2 else 0):
            raise OperationNotInForce(chain[0].operation.operation_id, row.undone_by)
        above = row.operation.operation_id


def _conflicts(stores: Stores, tenant: str, row: OperationRow, changed: Changed) -> list[ConflictRow]:
    """The pair that was wanted together and stays apart, then what is new."""
    wanted = row.operation.sides[0] | row.operation.sides[1]
    new = {ConflictRow(conflict, row.time_us) for conflict in changed.relinked.new_conflicts}
    standing = {
        found
        for found in (stores.conflicts.of_keys(tenant, wanted) if len(wanted) == 2 else ())
        if {found.conflict.key_id, found.conflict.other_key_id} == wanted
    }
    return [*sorted(standing), *sorted(new - standing)]
