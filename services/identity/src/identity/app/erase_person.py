"""ErasePerson, GetErasure, ListUnconfirmedErasures, ConfirmErasure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision

from identity.app.erase_keys import EraseKeys
from identity.app.resolve_identifiers import read_revision
from identity.domain.audit_chain import AuditRow
from identity.errors import ServiceUnknown
from identity.store.ports import Stores
from identity.store.privacy_rows import ErasureRow
from identity.store.rows import PersonRow

ACTION = "erase_person"
MAX_UNCONFIRMED = 500


@dataclass(frozen=True)
class ErasureQuestion:
    """Whom to erase, who asks and why."""

    tenant: str
    subject: str
    person_id: int
    reason: str


@dataclass(frozen=True)
class ErasureStatus:
    """An erasure with when each service confirmed; 0 until then. identity's own part comes first."""

    row: ErasureRow
    confirmations: Mapping[str, int]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left anywhere."""
        return all(self.confirmations.values())


@dataclass(frozen=True)
class PersonErasure:
    """`tombstones` are those of this erasure, for the journal."""

    status: ErasureStatus
    tombstones: Sequence[bytes]
    revision: Revision


class Erasures:
    """The life of an erasure."""

    def __init__(self, erase_keys: EraseKeys, services: Sequence[str], clock: Clock, service: str) -> None:
        self._erase_keys = erase_keys
        self._services = tuple(services)
        self._clock = clock
        self._service = service

    def erase(self, stores: Stores, question: ErasureQuestion) -> PersonErasure:
        """Erases a person, or answers with the erasure there was. Raises ResourceNotFound."""
        tenant = question.tenant
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        before = stores.erasures.of_person(tenant, question.person_id)
        if before is not None:
            marks = stores.erasures.tombstones(tenant, before.erasure_id)
            return PersonErasure(
                self._status(stores, tenant, before), marks, read_revision(stores, self._service)
            )
        row = _living(stores, tenant, question.person_id)
        rows = {
            key.key_id: key for key in stores.keys.of_persons(tenant, [row.person_id]).get(row.person_id, ())
        }
        person_ids = (row.person_id, *stores.persons.redirecting_to(tenant, row.person_id))
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        erased = self._erase_keys(stores, tenant, rows, person_ids, rows.keys(), now_us)
        counts = {
            "identifiers": len(rows),
            "attributes": erased.removed.attributes,
            "contact_points": erased.removed.contact_points,
            "consents": erased.removed.consents,
            "pairs": erased.removed.pairs,
            "other_persons_changed": len(erased.others),
        }
        erasure = ErasureRow(
            stores.erasures.last(tenant) + 1,
            person_ids,
            tuple(sorted(rows)),
            question.subject,
            question.reason,
            now_us,
            json.dumps(counts),
            erased.revision.live,
        )
        stores.erasures.add(tenant, erasure, erased.tombstones)
        self._audit(stores, question, erasure)
        return PersonErasure(self._status(stores, tenant, erasure), erased.tombstones, erased.revision)

    def get(self, stores: Stores, tenant: str, erasure_id: int, person_id: int) -> ErasureStatus:
        """By the one that is not 0. Raises ResourceNotFound."""
        found = (
            stores.erasures.get(tenant, erasure_id)
            if erasure_id
            else stores.erasures.of_person(tenant, person_id)
        )
        if found is None:
            what = f"erasure {erasure_id}" if erasure_id else f"erasure of person {person_id}"
            raise ResourceNotFound(what)
        return self._status(stores, tenant, found)

    def unconfirmed(
        self, stores: Stores, service: str, after: tuple[str, int], limit: int
    ) -> tuple[Sequence[tuple[str, ErasureRow]], str]:
        """What a service has yet to remove behind a tenant and id, and the store's epoch. Raises ServiceUnknown."""
        self._require_known(service)
        return stores.erasures.unconfirmed(service, after, limit), stores.changes.head().epoch

    def confirm(self, stores: Stores, tenant: str, erasure_id: int, service: str) -> None:
        """Raises ServiceUnknown, ResourceNotFound."""
        self._require_known(service)
        if stores.erasures.get(tenant, erasure_id) is None:
            raise ResourceNotFound(f"erasure {erasure_id}")
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        stores.erasures.confirm(tenant, erasure_id, service, now_us)

    def _status(self, stores: Stores, tenant: str, row: ErasureRow) -> ErasureStatus:
        confirmed = stores.erasures.confirmations(tenant, [row.erasure_id]).get(row.erasure_id, {})
        own = {self._service: row.scrubbed_us}
        return ErasureStatus(row, own | {service: confirmed.get(service, 0) for service in self._services})

    def _audit(self, stores: Stores, question: ErasureQuestion, erasure: ErasureRow) -> None:
        details = {"erasure_id": erasure.erasure_id} | json.loads(erasure.counts)
        stores.audit.add(
            question.tenant,
            AuditRow(
                question.subject,
                ACTION,
                question.reason,
                json.dumps(details, sort_keys=True),
                erasure.person_ids,
                erasure.time_us,
                int(self._clock.machine_now().timestamp() * 1_000_000),
            ),
        )

    def _require_known(self, service: str) -> None:
        if service not in self._services:
            raise ServiceUnknown(service, self._services)


def _living(stores: Stores, tenant: str, person_id: int) -> PersonRow:
    """Raises ResourceNotFound."""
    row = stores.persons.rows(tenant, [person_id]).get(person_id)
    if row is not None and row.redirect_person_id:
        row = stores.persons.rows(tenant, [row.redirect_person_id]).get(row.redirect_person_id)
    if row is None:
        raise ResourceNotFound(f"person {person_id}")
    return row
