"""GetPerson: one person with identifiers, attributes, redirects and the links that were not made."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision

from identity.app.attribute_sealing import open_statement
from identity.app.resolve_identifiers import read_revision
from identity.domain.attributes import AttributeDictionary, survivors
from identity.domain.audit_chain import AuditRow
from identity.domain.linking import Standing
from identity.domain.masking import masked
from identity.domain.policy import Policy
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow, PersonRow, Sighting

MAX_CONFLICTS = 100
"""Conflicts of one answer, at most."""


class ConflictReason(IntEnum):
    """Why two persons stay apart; the numbers are those of huaxiang.identity.v1.ConflictReason."""

    UNIQUE = 1
    SHARED = 2
    OVERSIZED = 3


_REASON_OF_STANDING = {
    Standing.SHARED: ConflictReason.SHARED,
    Standing.CONTESTED: ConflictReason.UNIQUE,
    Standing.OVERSIZED: ConflictReason.OVERSIZED,
}


@dataclass(frozen=True, slots=True, order=True)
class Conflict:
    """A key that touches another person and does not link to it."""

    key_id: int
    namespace: str
    other_person_id: int
    reason: ConflictReason


@dataclass(frozen=True)
class ShownIdentifier:
    """An identifier in readable form, masked or not."""

    key: KeyRow
    value: str
    sources: tuple[str, ...]
    first_us: int
    last_us: int


@dataclass(frozen=True)
class PersonDetail:
    """`row` is the living person; identifiers come strongest first."""

    row: PersonRow
    identifiers: tuple[ShownIdentifier, ...]
    attributes: Mapping[str, bytes]
    redirected_person_ids: tuple[int, ...]
    conflicts: tuple[Conflict, ...]
    revision: Revision


@dataclass(frozen=True)
class PersonQuestion:
    """`show_values`: the caller holds the right to see unmasked values and asks for them."""

    tenant: str
    subject: str
    person_id: int
    show_values: bool


class GetPerson:
    """Reads one snapshot; `audit` follows, before the answer leaves, when unmasked values are shown."""

    def __init__(
        self, policy: Policy, dictionary: AttributeDictionary, vault: Vault, clock: Clock, service: str
    ) -> None:
        self._policy = policy
        self._dictionary = dictionary
        self._vault = vault
        self._clock = clock
        self._service = service

    def __call__(self, stores: Stores, question: PersonQuestion) -> PersonDetail:
        """Raises ResourceNotFound."""
        tenant = question.tenant
        row = living_row(stores, tenant, question.person_id)
        keys = stores.keys.of_persons(tenant, [row.person_id])[row.person_id]
        key_ids = [key.key_id for key in keys]
        statements = [
            open_statement(self._vault, tenant, key_id, said)
            for key_id, found in stores.attributes.of_keys(tenant, key_ids).items()
            for said in found
        ]
        return PersonDetail(
            row,
            self._identifiers(stores, question, keys),
            survivors(statements, self._dictionary),
            tuple(stores.persons.redirecting_to(tenant, row.person_id)),
            find_conflicts(stores, tenant, row.person_id, keys, self._policy),
            read_revision(stores, self._service),
        )

    def audit(self, stores: Stores, question: PersonQuestion, shown: PersonDetail) -> None:
        """Writes down who saw the values of whom."""
        stores.audit.add(
            question.tenant,
            AuditRow(
                question.subject,
                "show_identifiers",
                "",
                json.dumps({"identifiers": len(shown.identifiers)}),
                (shown.row.person_id,),
                int(self._clock.now().timestamp() * 1_000_000),
                int(self._clock.machine_now().timestamp() * 1_000_000),
            ),
        )

    def _identifiers(
        self, stores: Stores, question: PersonQuestion, keys: Sequence[KeyRow]
    ) -> tuple[ShownIdentifier, ...]:
        key_ids = [key.key_id for key in keys]
        sealed = stores.keys.sealed(question.tenant, key_ids)
        sightings: dict[int, list[Sighting]] = defaultdict(list)
        for sighting in stores.sightings.of_keys(question.tenant, key_ids):
            sightings[sighting.key_id].append(sighting)
        shown: list[ShownIdentifier] = []
        strongest_first = sorted(
            keys, key=lambda key: (self._policy.namespaces[key.namespace].priority, key.key_id)
        )
        for key in strongest_first:
            value = self._vault.open(question.tenant, sealed[key.key_id], key.hash)
            seen = sightings[key.key_id]
            shown.append(
                ShownIdentifier(
                    key,
                    value if question.show_values else masked(key.namespace, value),
                    tuple(sighting.source for sighting in seen),
                    min(sighting.first_us for sighting in seen),
                    max(sighting.last_us for sighting in seen),
                )
            )
        return tuple(shown)


def living_row(stores: Stores, tenant: str, person_id: int) -> PersonRow:
    """The living person that an id stands for. Raises ResourceNotFound."""
    row = stores.persons.rows(tenant, [person_id]).get(person_id)
    if row is not None and row.redirect_person_id:
        row = stores.persons.rows(tenant, [row.redirect_person_id]).get(row.redirect_person_id)
    if row is None:
        raise ResourceNotFound(f"person {person_id}")
    return row


def find_conflicts(
    stores: Stores, tenant: str, person_id: int, keys: Sequence[KeyRow], policy: Policy
) -> tuple[Conflict, ...]:
    """The links that were not made between this person and others, from the edges between them: at most
    100.
    """
    own = {key.key_id: key for key in keys}
    beside = stores.edges.neighbours(tenant, own.keys())
    found: set[Conflict] = set()
    idle: dict[int, KeyRow] = {key.key_id: key for key in keys if key.standing is not Standing.LINKING}
    for key_id, others in beside.items():
        for other in others:
            if other.key_id in own:
                continue
            if other.standing is not Standing.LINKING:
                idle[other.key_id] = other
            elif own[key_id].standing is Standing.LINKING:
                found.add(Conflict(key_id, own[key_id].namespace, other.person_id, ConflictReason.UNIQUE))
    for key_id, others in stores.edges.neighbours(tenant, idle.keys()).items():
        reason = _REASON_OF_STANDING[idle[key_id].standing]
        for other_person_id in {idle[key_id].person_id, *(other.person_id for other in others)}:
            if other_person_id != person_id:
                found.add(Conflict(key_id, idle[key_id].namespace, other_person_id, reason))
    return tuple(sorted(found)[:MAX_CONFLICTS])
