"""ReplayPolicy: puts a policy in force and links all stored evidence by it, in one transaction."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from servicekit.clock import Clock
from servicekit.errors import WrongState
from servicekit.revision import Lane, Revision

from identity.app.append_changes import append_changes
from identity.app.change_graph import IdsTaken
from identity.app.encoding import Encoding
from identity.app.operate import Decider
from identity.app.policies import PolicyBook
from identity.app.policy_lab import PolicyLab, Rehearsal
from identity.app.publish_persons import PublishPersons
from identity.app.region import GraphChange
from identity.app.relink import Relinked, settle
from identity.app.resolve_identifiers import read_revision
from identity.app.store_changes import store_relinked
from identity.domain.audit_chain import AuditRow
from identity.domain.linking import Conflict, Linking, Standing
from identity.domain.policy import Policy
from identity.domain.policy_effect import PolicyEffect, members, touched_groups
from identity.errors import ConfirmationNeeded
from identity.store.linking_rows import Cause, CauseKind, Mark, StoredPolicy
from identity.store.ports import Stores

CONFLICTS_AT_ONCE = 10_000
_OWN_MARKS = Mark.CONFLICT | Mark.QUARANTINED | Mark.BLOCKED


@dataclass(frozen=True)
class PolicyWish:
    """`expected_version` None: whichever is in force. `confirm` is the number of persons that it may split."""

    by: Decider
    document: str
    expected_version: int | None = None
    confirm: int = 0


@dataclass(frozen=True)
class Replayed:
    """`version` is in force now; the effect is empty when the document was already."""

    version: int
    effect: PolicyEffect
    revision: Revision


class ReplayPolicy:
    """In the caller's transaction: rolled back, it is a dry run."""

    def __init__(
        self,
        policies: PolicyBook,
        lab: PolicyLab,
        publish: PublishPersons,
        encoding: Encoding,
        clock: Clock,
        service: str,
    ) -> None:
        self._policies = policies
        self._lab = lab
        self._publish = publish
        self._encoding = encoding
        self._clock = clock
        self._service = service

    def __call__(self, stores: Stores, wish: PolicyWish) -> Replayed:
        """Raises InvalidField, WrongState, ConfirmationNeeded."""
        tenant = wish.by.tenant
        version = stores.tenants.lock(tenant, stores.changes.head().epoch).policy_version
        current = self._policies.of_version(stores.policies, tenant, version)
        newest = next((stored.version for stored in stores.policies.all(tenant)), 0)
        policy, document = self._lab.parse(wish.document, newest + 1)
        if replace(policy, version=current.version) == current:
            return Replayed(version, PolicyEffect(), read_revision(stores, self._service))
        if wish.expected_version not in (None, version):
            problem = f"it is not version {wish.expected_version} any more: read it and simulate again"
            raise WrongState("the linking policy", f"at version {version}", problem)
        rehearsal = self._lab.rehearse(stores, tenant, current, policy)
        effect = rehearsal.effect
        if effect.splits_half and wish.confirm != effect.persons_split:
            raise ConfirmationNeeded(effect.persons_split, effect.persons_before)
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        self._audit(stores, wish.by, policy, effect, now_us)
        stores.policies.put(
            tenant, StoredPolicy(policy.version, document, wish.by.subject, wish.by.reason, now_us)
        )
        revision = self._apply(stores, tenant, current, policy, rehearsal, now_us)
        return Replayed(policy.version, effect, revision)

    def _apply(
        self, stores: Stores, tenant: str, current: Policy, policy: Policy, rehearsal: Rehearsal, now_us: int
    ) -> Revision:
        counters = stores.tenants.lock(tenant, stores.changes.head().epoch)
        take = IdsTaken(counters.blocks)
        regraded = any(
            declared.grade is not policy.namespaces[name].grade
            for name, declared in current.namespaces.items()
            if name in policy.namespaces
        )
        relinked = _relinked(stores, tenant, policy, rehearsal, take, regraded=regraded)
        cause = Cause(CauseKind.POLICY, str(policy.version))
        store_relinked(stores, tenant, GraphChange(), relinked, {}, now_us, cause)
        persons = self._publish.changed(stores, tenant, relinked.person_ids, relinked, policy, now_us)
        stores.tenants.save(tenant, replace(counters, blocks=take.left))
        return append_changes(stores, self._encoding, tenant, Lane.LIVE, persons)

    def _audit(self, stores: Stores, by: Decider, policy: Policy, effect: PolicyEffect, now_us: int) -> None:
        details = {
            "version": policy.version,
            "persons_merged": effect.persons_merged,
            "persons_split": effect.persons_split,
        }
        stores.audit.add(
            by.tenant,
            AuditRow(
                by.subject,
                "replay_policy",
                by.reason,
                json.dumps(details),
                (),
                now_us,
                int(self._clock.machine_now().timestamp() * 1_000_000),
            ),
        )


def _relinked(
    stores: Stores, tenant: str, policy: Policy, rehearsal: Rehearsal, take: IdsTaken, *, regraded: bool
) -> Relinked:
    """What becomes of the persons that the policy changes: whole persons, before and after."""
    stored, linking = rehearsal.stored, rehearsal.linking
    conflicts = set(linking.conflicts)
    old_conflicts = set(_stored_conflicts(stores, tenant))
    marks = _marks(rehearsal, conflicts)
    changed = (stored.standing != linking.standing) | (stored.marks != marks)
    chosen = touched_groups(stored.person_ids, rehearsal.ids, changed, linking.group)
    if regraded:
        chosen[:] = True
    key_ids = rehearsal.keys.key_ids
    groups = members(linking.group, chosen)
    standing = {int(key_ids[at]): Standing(int(linking.standing[at])) for at in np.flatnonzero(chosen)}
    rows = stores.keys.rows(tenant, standing.keys())
    relinked = settle(
        rows,
        Linking(tuple(frozenset(int(key_ids[at]) for at in group) for group in groups.values()), standing),
        {int(key_ids[at]): int(marks[at]) for at in np.flatnonzero(chosen)},
        policy,
        take,
        tuple(sorted(conflicts - old_conflicts)),
        tuple(sorted(old_conflicts - conflicts)),
    )
    if regraded:
        everybody = relinked.person_ids | {row.person_id for row in relinked.rows.values()}
        relinked = replace(relinked, person_ids=everybody)
    return relinked


def _marks(rehearsal: Rehearsal, conflicts: set[Conflict]) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """The marks that follow from the policy, beside those that do not."""
    key_ids = rehearsal.keys.key_ids
    named = np.array(sorted({key_id for conflict in conflicts for key_id in conflict[:2]}), dtype=np.int64)
    marks = rehearsal.stored.marks & np.int16(~_OWN_MARKS)
    for chosen, mark in (
        (np.isin(key_ids, named), Mark.CONFLICT),
        (rehearsal.linking.quarantined, Mark.QUARANTINED),
        (rehearsal.keys.blocked, Mark.BLOCKED),
    ):
        marks[chosen] |= np.int16(mark)
    return marks


def _stored_conflicts(stores: Stores, tenant: str) -> Iterator[Conflict]:
    after: Conflict | None = None
    while page := stores.conflicts.page(tenant, after, CONFLICTS_AT_ONCE):
        yield from (row.conflict for row in page)
        after = page[-1].conflict
