"""GetContactPoints: hands out addresses where consent allows it at this moment, and says so in the audit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from servicekit.clock import Clock
from servicekit.revision import Revision

from identity.app.encoding import Encoding
from identity.app.resolve_identifiers import read_revision
from identity.app.tenant_settings import settings_of
from identity.domain.audit_chain import AuditRow
from identity.domain.consents import Address, Channel, Consent, Permission, permission
from identity.domain.recipients import is_minor, zone_named
from identity.store.ports import Stores, Vault
from identity.store.rows import ContactPointRow, PersonRow


class ContactPointStatus(IntEnum):
    """Whether a person may be reached; the numbers are those of huaxiang.identity.v1.ContactPointStatus."""

    PERMITTED = 1
    NO_CONSENT = 2
    WITHDRAWN = 3
    NO_ADDRESS = 4
    NO_PERSON = 5


@dataclass(frozen=True)
class ContactQuestion:
    """Whose addresses, what for, who asks and why."""

    tenant: str
    subject: str
    person_ids: Sequence[int]
    purpose: str
    channel: Channel
    scope: str
    brand: str
    reason: str


@dataclass(frozen=True, slots=True)
class PersonContactPoint:
    """`address` is empty unless permitted; `birth_key_id` anchors the events about a send; all else as in the
    contract."""

    person_id: int
    status: ContactPointStatus
    address: str = ""
    address_hash: int = 0
    birth_key_id: int = 0
    merged_birth_key_ids: tuple[int, ...] = ()
    time_zone: str = ""
    minor: bool = False
    no_profiling: bool = False


_NOBODY = PersonContactPoint(0, ContactPointStatus.NO_PERSON)


@dataclass(frozen=True)
class ContactAnswer:
    """One result per person id, in the same order."""

    results: tuple[PersonContactPoint, ...]
    revision: Revision


class GetContactPoints:
    """Reads one snapshot, so that a link made meanwhile cannot tear the answer; `audit` follows in a transaction of
    its own, before the answer leaves: what is not audited is not handed out."""

    def __init__(self, vault: Vault, clock: Clock, encoding: Encoding, service: str) -> None:
        self._vault = vault
        self._clock = clock
        self._encoding = encoding
        self._service = service

    def __call__(self, stores: Stores, question: ContactQuestion) -> ContactAnswer:
        tenant = question.tenant
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        rows = dict(stores.persons.rows(tenant, set(question.person_ids)))
        living = {person_id: row.redirect_person_id or person_id for person_id, row in rows.items()}
        rows |= stores.persons.rows(tenant, set(living.values()) - rows.keys())
        keys = stores.keys.of_persons(tenant, set(living.values()))
        points = stores.contact_points.of_keys(
            tenant, [key.key_id for found in keys.values() for key in found]
        )
        of_person: dict[int, list[ContactPointRow]] = {
            person_id: [
                point
                for key in found
                for point in points.get(key.key_id, ())
                if (point.address.channel, point.address.scope) == (question.channel, question.scope)
            ]
            for person_id, found in keys.items()
        }
        consents = stores.consents.at(
            tenant, {point.address for found in of_person.values() for point in found}
        )
        settings = settings_of(stores, tenant)
        merged = stores.persons.merged_birth_keys(tenant, of_person.keys())
        at = (now_us, settings.sensitive)
        answers = {
            person_id: self._about(
                rows[person_id],
                merged.get(person_id, ()),
                settings.time_zone,
                self._choose(question, person_id, found, consents, at),
            )
            for person_id, found in of_person.items()
        }
        results = tuple(answers.get(living.get(person_id, 0), _NOBODY) for person_id in question.person_ids)
        return ContactAnswer(results, read_revision(stores, self._service))

    def audit(self, stores: Stores, question: ContactQuestion, answer: ContactAnswer) -> None:
        """Writes down who asked for what, and whose addresses the answer holds."""
        served = tuple(
            result.person_id for result in answer.results if result.status is ContactPointStatus.PERMITTED
        )
        details = {
            "purpose": question.purpose,
            "channel": question.channel.name.lower(),
            "scope": question.scope,
            "brand": question.brand,
            "asked": len(answer.results),
            "permitted": len(served),
        }
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        machine_time_us = int(self._clock.machine_now().timestamp() * 1_000_000)
        stores.audit.add(
            question.tenant,
            AuditRow(
                question.subject,
                "get_contact_points",
                question.reason,
                json.dumps(details, sort_keys=True),
                served,
                now_us,
                machine_time_us,
            ),
        )

    def _about(
        self, row: PersonRow, merged: Sequence[int], tenant_zone: str, chosen: PersonContactPoint
    ) -> PersonContactPoint:
        """The answer with what is the person's whatever the address."""
        traits = self._encoding.traits(row.entry)
        zone = zone_named(traits.time_zone, tenant_zone)
        return PersonContactPoint(
            chosen.person_id,
            chosen.status,
            chosen.address,
            chosen.address_hash,
            row.birth_key_id,
            tuple(merged),
            zone,
            is_minor(traits.birth_date, self._clock.now(), zone),
            traits.no_profiling,
        )

    def _choose(
        self,
        question: ContactQuestion,
        person_id: int,
        points: Sequence[ContactPointRow],
        consents: Mapping[Address, Sequence[Consent]],
        at: tuple[int, frozenset[str]],
    ) -> PersonContactPoint:
        """The most recently stated permitted address; at one time that of the smallest key. `at` is the moment and the
        sensitive purposes."""
        if not points:
            return PersonContactPoint(person_id, ContactPointStatus.NO_ADDRESS)
        said = {
            point.address: permission(consents.get(point.address, ()), question.purpose, question.brand, *at)
            for point in points
        }
        permitted = [point for point in points if said[point.address] is Permission.GRANTED]
        if not permitted:
            withdrawn = Permission.WITHDRAWN in said.values()
            return PersonContactPoint(
                person_id, ContactPointStatus.WITHDRAWN if withdrawn else ContactPointStatus.NO_CONSENT
            )
        best = min(permitted, key=lambda point: (-point.stated_us, point.key_id, point.address.hash))
        return PersonContactPoint(
            person_id,
            ContactPointStatus.PERMITTED,
            self._vault.open(question.tenant, best.sealed, best.address.hash),
            int.from_bytes(best.address.hash[:8], "big"),
        )
