"""GetIdentifiers: hands out identifiers of many where consent allows it at this moment, and says so in the audit."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from servicekit.clock import Clock
from servicekit.errors import InvalidField
from servicekit.revision import Revision

from identity.app.keep_facts import CHANNEL_OF, address_of
from identity.app.policies import PolicyBook
from identity.app.resolve_identifiers import read_revision
from identity.app.tenant_settings import settings_of
from identity.domain.audit_chain import AuditRow
from identity.domain.consents import Address, Permission, permission
from identity.domain.record import StatedAddress
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow


class IdentifiersStatus(IntEnum):
    """Whether identifiers are served; the numbers are those of huaxiang.identity.v1.IdentifiersStatus."""

    SERVED = 1
    NO_CONSENT = 2
    WITHDRAWN = 3
    NO_IDENTIFIER = 4
    NO_PERSON = 5


@dataclass(frozen=True)
class IdentifiersQuestion:
    """Whose identifiers, what for, who asks, on whose behalf and why."""

    tenant: str
    subject: str
    requester: str
    person_ids: Sequence[int]
    namespaces: Sequence[str]
    purpose: str
    brand: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServedIdentifier:
    """An identifier in normal form."""

    namespace: str
    scope: str
    value: str


@dataclass(frozen=True, slots=True)
class PersonIdentifiers:
    """`identifiers` by namespace in the order asked for, then by key; none unless served."""

    person_id: int
    status: IdentifiersStatus
    identifiers: tuple[ServedIdentifier, ...] = ()


_NOBODY = PersonIdentifiers(0, IdentifiersStatus.NO_PERSON)


@dataclass(frozen=True)
class IdentifiersAnswer:
    """One result per person id, in the same order."""

    results: tuple[PersonIdentifiers, ...]
    revision: Revision


@dataclass(frozen=True)
class _Reading:
    """What was read of the persons: their keys, readable where wanted or an address, and what addresses permit.
    `addresses` are those that keys are themselves, `stated` the others, by key."""

    values: Mapping[int, str]
    addresses: Mapping[int, Address]
    stated: Mapping[int, Sequence[Address]]
    said: Mapping[Address, Permission]

    def of_person(self, keys: Iterable[KeyRow]) -> Permission:
        """What the person's addresses permit together: taking back at one outweighs permission at the others."""
        here = {
            self.said[address]
            for key in keys
            for address in (*self._own(key), *self.stated.get(key.key_id, ()))
        }
        ranked = (Permission.WITHDRAWN, Permission.GRANTED)
        return next((each for each in ranked if each in here), Permission.NEVER)

    def of_key(self, key: KeyRow, person: Permission) -> Permission:
        """What is permitted of one identifier."""
        return next((self.said[address] for address in self._own(key)), person)

    def _own(self, key: KeyRow) -> tuple[Address, ...]:
        return (self.addresses[key.key_id],) if key.key_id in self.addresses else ()


class GetIdentifiers:
    """Reads one snapshot; `audit` follows in a transaction of its own, before the answer leaves: what is not audited is
    not handed out."""

    def __init__(self, policies: PolicyBook, vault: Vault, clock: Clock, service: str) -> None:
        self._policies = policies
        self._vault = vault
        self._clock = clock
        self._service = service

    def __call__(self, stores: Stores, question: IdentifiersQuestion) -> IdentifiersAnswer:
        """Raises InvalidField for a namespace that the tenant has not."""
        tenant = question.tenant
        known = self._policies.of(stores, tenant).namespaces
        for namespace in question.namespaces:
            if namespace not in known:
                raise InvalidField(
                    "namespaces", f"name {namespace!r}, which the linking policy does not have"
                )
        rows = stores.persons.rows(tenant, set(question.person_ids))
        living = {person_id: row.redirect_person_id or person_id for person_id, row in rows.items()}
        keys = stores.keys.of_persons(tenant, set(living.values()))
        reading = self._read(stores, question, [key for found in keys.values() for key in found])
        answers = {
            person_id: _about(question, person_id, found, reading) for person_id, found in keys.items()
        }
        results = tuple(answers.get(living.get(person_id, 0), _NOBODY) for person_id in question.person_ids)
        return IdentifiersAnswer(results, read_revision(stores, self._service))

    def audit(self, stores: Stores, question: IdentifiersQuestion, answer: IdentifiersAnswer) -> None:
        """Writes down who asked for what and why, and whose identifiers the answer holds."""
        counts = Counter(result.status.name.lower() for result in answer.results)
        details = {
            "requester": question.requester,
            "namespaces": list(question.namespaces),
            "purpose": question.purpose,
            "brand": question.brand,
            "asked": len(answer.results),
            **counts,
        }
        stores.audit.add(
            question.tenant,
            AuditRow(
                question.subject,
                "get_identifiers",
                question.reason,
                json.dumps(details, sort_keys=True),
                tuple(each.person_id for each in answer.results if each.status is IdentifiersStatus.SERVED),
                int(self._clock.now().timestamp() * 1_000_000),
                int(self._clock.machine_now().timestamp() * 1_000_000),
            ),
        )

    def _read(self, stores: Stores, question: IdentifiersQuestion, keys: Sequence[KeyRow]) -> _Reading:
        tenant = question.tenant
        shown = [key for key in keys if key.namespace in question.namespaces or key.namespace in CHANNEL_OF]
        sealed = stores.keys.sealed(tenant, [key.key_id for key in shown])
        values = {key.key_id: self._vault.open(tenant, sealed[key.key_id], key.hash) for key in shown}
        addresses = {
            key.key_id: address_of(
                tenant,
                StatedAddress(CHANNEL_OF[key.namespace], key.scope, values[key.key_id]),
                self._vault,
            )
            for key in shown
            if key.namespace in CHANNEL_OF
        }
        points = stores.contact_points.of_keys(tenant, [key.key_id for key in keys])
        stated = {key_id: [point.address for point in found] for key_id, found in points.items()}
        every = {*addresses.values(), *(address for found in stated.values() for address in found)}
        consents = stores.consents.at(tenant, every)
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        sensitive = settings_of(stores, tenant).sensitive
        said = {
            address: permission(
                consents.get(address, ()), question.purpose, question.brand, now_us, sensitive
            )
            for address in every
        }
        return _Reading(values, addresses, stated, said)


def _about(
    question: IdentifiersQuestion, person_id: int, keys: Sequence[KeyRow], reading: _Reading
) -> PersonIdentifiers:
    of_namespace: dict[str, list[KeyRow]] = defaultdict(list)
    for key in keys:
        of_namespace[key.namespace].append(key)
    wanted = [key for namespace in question.namespaces for key in of_namespace[namespace]]
    if not wanted:
        return PersonIdentifiers(person_id, IdentifiersStatus.NO_IDENTIFIER)
    person = reading.of_person(keys)
    said = {key.key_id: reading.of_key(key, person) for key in wanted}
    served = tuple(
        ServedIdentifier(key.namespace, key.scope, reading.values[key.key_id])
        for key in wanted
        if said[key.key_id] is Permission.GRANTED
    )
    if served:
        return PersonIdentifiers(person_id, IdentifiersStatus.SERVED, served)
    withdrawn = Permission.WITHDRAWN in said.values()
    return PersonIdentifiers(
        person_id, IdentifiersStatus.WITHDRAWN if withdrawn else IdentifiersStatus.NO_CONSENT
    )
