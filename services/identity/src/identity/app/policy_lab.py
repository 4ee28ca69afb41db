"""Links all stored evidence of a tenant under a policy, whichever it is, and compares: changes nothing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from servicekit.errors import InvalidField, WrongState

from identity.domain.full_columns import Flags, Ints, KeyColumns
from identity.domain.full_linking import FullLinking, link_all
from identity.domain.linking import ProbableLink
from identity.domain.policy import Form, Grade, NamespacePolicy, Policy, own_namespaces, parse_policy
from identity.domain.policy_effect import PolicyEffect, effect_of_policy, ids_after, strong_keys
from identity.domain.verdicts import Operation, in_force
from identity.store.column_ports import StoredColumns
from identity.store.ports import Stores, Vault

MAX_DOCUMENT_BYTES = 1_000_000
OPENED_AT_ONCE = 10_000
"""Values in clear at once, at most."""
_FIELD = "document"


@dataclass(frozen=True)
class Rehearsal:
    """The stored columns with `blocked` by the policy, the linking under it, each key's person then, and the effect."""

    stored: StoredColumns
    keys: KeyColumns
    linking: FullLinking
    ids: Ints
    effect: PolicyEffect


class PolicyLab:
    """Knows which policies a tenant may have."""

    def __init__(self, built_in: Policy, vault: Vault) -> None:
        self._built_in = built_in
        self._vault = vault

    def parse(self, document: str, version: int = 1) -> tuple[Policy, str]:
        """The policy and its document, numbered. Raises InvalidField."""
        if len(document.encode()) > MAX_DOCUMENT_BYTES:
            raise InvalidField(_FIELD, f"has more than {MAX_DOCUMENT_BYTES} bytes")
        try:
            parsed: Any = json.loads(document)
        except (ValueError, RecursionError):
            raise InvalidField(_FIELD, "is not JSON") from None
        if not isinstance(parsed, dict):
            raise InvalidField(_FIELD, "is not a JSON object")
        parsed["version"] = version
        try:
            policy = parse_policy(parsed)
        except ValueError as error:
            raise InvalidField(_FIELD, str(error)) from error
        except (TypeError, AttributeError, KeyError):
            raise InvalidField(_FIELD, "has a word with a value of the wrong kind") from None
        self._require_built_in(policy)
        return policy, json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))

    def rehearse(self, stores: Stores, tenant: str, current: Policy, policy: Policy) -> Rehearsal:
        """What the policy makes of the evidence that this transaction sees; `current` is the one in force. Raises
        WrongState where a namespace may not go or change."""
        _require_kept(stores, tenant, current, policy)
        stored = stores.columns.read(tenant)
        keys = self._blocking(stores, tenant, stored, current, policy)
        verdicts = in_force(_operations(stores, tenant))
        probable = [ProbableLink(row.low, row.high, row.score) for row in stores.probable_links.all(tenant)]
        linking = link_all(keys, stored.pairs, policy, verdicts, probable)
        strong = np.array(
            [policy.namespaces[namespace].grade is Grade.STRONG for namespace, _ in keys.places], dtype=bool
        )
        ids = ids_after(linking.group, stored.born_person_ids, strong_keys(keys.place_of, strong))
        conflicts = (stores.columns.conflict_count(tenant), len(linking.conflicts))
        effect = effect_of_policy(stored.person_ids, linking.group, ids, conflicts)
        return Rehearsal(stored, keys, linking, ids, effect)

    def _blocking(
        self, stores: Stores, tenant: str, stored: StoredColumns, current: Policy, policy: Policy
    ) -> KeyColumns:
        """The keys with what the policy blocks; where its list is the one in force, what is stored stands."""
        keys = stored.keys
        blocked = keys.blocked.copy()
        for number, (namespace, _) in enumerate(keys.places):
            wanted = policy.namespaces[namespace].blocked
            if wanted == current.namespaces[namespace].blocked:
                continue
            there = keys.place_of == number
            blocked[there] = False
            if wanted is not None:
                self._block(stores, tenant, keys, policy, there, blocked)
        return KeyColumns(keys.key_ids, keys.place_of, keys.places, keys.hashes, blocked)

    def _block(
        self, stores: Stores, tenant: str, keys: KeyColumns, policy: Policy, there: Flags, blocked: Flags
    ) -> None:
        positions = np.flatnonzero(there)
        for start in range(0, len(positions), OPENED_AT_ONCE):
            some = positions[start : start + OPENED_AT_ONCE].tolist()
            sealed = stores.keys.sealed(tenant, [int(keys.key_ids[at]) for at in some])
            for at in some:
                value = self._vault.open(tenant, sealed[int(keys.key_ids[at])], keys.hashes[at].tobytes())
                blocked[at] = policy.blocks(keys.places[keys.place_of[at]][0], value)

    def _require_built_in(self, policy: Policy) -> None:
        """Every built-in namespace as it is, and those of the tenant as they may be."""
        ours, theirs = self._built_in.namespaces, policy.namespaces
        missing = sorted(ours.keys() - theirs.keys())
        if missing:
            problem = f"does not name every namespace of the built-in policy: add {', '.join(missing)}"
            raise InvalidField(_FIELD, problem)
        for name, declared in ours.items():
            if _normalising(declared) != _normalising(theirs[name]):
                problem = f"changes the form or the scope of {name}, by which stored values were normalised"
                raise InvalidField(_FIELD, problem)
        try:
            own_namespaces(policy, self._built_in)
        except ValueError as error:
            raise InvalidField(_FIELD, str(error)) from error


def _require_kept(stores: Stores, tenant: str, current: Policy, policy: Policy) -> None:
    """Namespaces that go, or whose values were normalised otherwise, have no identifiers. Raises WrongState."""
    moved = [
        name
        for name, declared in current.namespaces.items()
        if name not in policy.namespaces or _normalising(declared) != _normalising(policy.namespaces[name])
    ]
    for name, count in sorted(stores.columns.key_counts(tenant, moved).items()) if moved else ():
        problem = "it cannot go or change its scope: declare it as before, with blocked_patterns ['.*'] to link nothing"
        raise WrongState(f"the namespace {name}", f"the one of {count} identifiers", problem)


def _normalising(declared: NamespacePolicy) -> tuple[Form, bool]:
    """What the normal form and the place of a value depend on."""
    return declared.form, declared.scoped_by_source


def _operations(stores: Stores, tenant: str) -> Iterable[Operation]:
    """Every operation."""
    before = 0
    while page := stores.operations.page(tenant, before, OPENED_AT_ONCE):
        yield from (row.operation for row in page)
        before = page[-1].operation.operation_id
        if before == 1:
            return
