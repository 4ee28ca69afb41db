"""GetPerson: one person with identifiers, attributes, redirects and the links that were not made."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision

from identity.app.attribute_sealing import open_statement
from identity.app.key_refs import ShownKey
from identity.app.person_links import PersonLinks, ShownLink, show_links
from identity.app.policies import PolicyBook
from identity.app.resolve_identifiers import read_revision
from identity.domain.attributes import AttributeDictionary, AttributeStatement, ranked
from identity.domain.audit_chain import AuditRow
from identity.domain.groups import Reason
from identity.domain.link_path import chains_from
from identity.domain.masking import masked
from identity.errors import PersonErased
from identity.store.linking_rows import Mark
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow, PersonRow, Sighting

MAX_CONFLICTS = 100
"""Conflicts of one answer, at most."""


@dataclass(frozen=True, slots=True, order=True)
class PersonConflict:
    """A pair of keys seen together and not linked, as seen from one of the persons: `key_id` is the key to blame, of
    either of them."""

    key_id: int
    namespace: str
    other_person_id: int
    reason: Reason
    first_us: int


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
    """`row` is the living person; identifiers come strongest first, and what sources say of an attribute the survivor
    first. `links` are the evidence that they are one person's."""

    row: PersonRow
    identifiers: tuple[ShownIdentifier, ...]
    attributes: Mapping[str, Sequence[AttributeStatement]]
    redirected_person_ids: tuple[int, ...]
    conflicts: tuple[PersonConflict, ...]
    links: tuple[ShownLink, ...]
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
        self, policies: PolicyBook, dictionary: AttributeDictionary, vault: Vault, clock: Clock, service: str
    ) -> None:
        self._policies = policies
        self._dictionary = dictionary
        self._vault = vault
        self._clock = clock
        self._service = service

    def __call__(self, stores: Stores, question: PersonQuestion) -> PersonDetail:
        """Raises ResourceNotFound, PersonErased."""
        tenant = question.tenant
        row = living_row(stores, tenant, question.person_id)
        keys = stores.keys.of_persons(tenant, [row.person_id])[row.person_id]
        key_ids = [key.key_id for key in keys]
        statements = [
            open_statement(self._vault, tenant, key_id, said)
            for key_id, found in stores.attributes.of_keys(tenant, key_ids).items()
            for said in found
        ]
        identifiers = self._identifiers(stores, question, keys)
        return PersonDetail(
            row,
            identifiers,
            ranked(statements, self._dictionary),
            tuple(stores.persons.redirecting_to(tenant, row.person_id)),
            find_conflicts(stores, tenant, row.person_id, keys),
            self._links(stores, tenant, identifiers),
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
        policy = self._policies.of(stores, question.tenant)
        strongest_first = sorted(
            keys, key=lambda key: (policy.namespaces[key.namespace].priority, key.key_id)
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

    def _links(
        self, stores: Stores, tenant: str, identifiers: Sequence[ShownIdentifier]
    ) -> tuple[ShownLink, ...]:
        """For each identifier but the strongest the last link of its chain from the strongest."""
        keys = [each.key for each in identifiers]
        if len(keys) == 1:
            return ()
        links = PersonLinks(stores, tenant, keys, self._policies.of(stores, tenant))
        before = chains_from(links.weights, keys[0].key_id)
        pairs = [(before[key.key_id], key.key_id) for key in keys if key.key_id in before]
        shown = {
            each.key.key_id: ShownKey(
                each.key.key_id, each.key.namespace, each.key.scope, each.value, each.key.person_id
            )
            for each in identifiers
        }
        return show_links(shown, pairs, links)


def living_row(stores: Stores, tenant: str, person_id: int) -> PersonRow:
    """The living person that an id stands for. Raises ResourceNotFound, PersonErased."""
    if stores.erasures.of_person(tenant, person_id) is not None:
        raise PersonErased(person_id)
    row = stores.persons.rows(tenant, [person_id]).get(person_id)
    if row is not None and row.redirect_person_id:
        row = stores.persons.rows(tenant, [row.redirect_person_id]).get(row.redirect_person_id)
    if row is None:
        raise ResourceNotFound(f"person {person_id}")
    return row


def find_conflicts(
    stores: Stores, tenant: str, person_id: int, keys: Sequence[KeyRow]
) -> tuple[PersonConflict, ...]:
    """The links that were not made between this person and others, directly or by way of a key of neither: at most
    100."""
    own = {key.key_id: key for key in keys}
    marked = [key.key_id for key in keys if key.marks & Mark.CONFLICT]
    found = set(stores.conflicts.of_keys(tenant, marked, MAX_CONFLICTS))
    between = {row.conflict.key_id for row in found} - own.keys()
    found |= {
        row
        for row in stores.conflicts.of_keys(tenant, between, MAX_CONFLICTS)
        if row.conflict.key_id in between
    }
    beside = {key_id for row in found for key_id in row.conflict[:2]} - own.keys()
    rows = dict(stores.keys.rows(tenant, beside)) | own
    shown: set[PersonConflict] = set()
    for (key_id, other, reason), first_us in found:
        others = {rows[key_id].person_id, rows[other].person_id} - {person_id}
        shown.update(
            PersonConflict(key_id, rows[key_id].namespace, other_person_id, reason, first_us)
            for other_person_id in others
        )
    return tuple(sorted(shown)[:MAX_CONFLICTS])
