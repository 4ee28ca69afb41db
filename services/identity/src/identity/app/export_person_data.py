"""ExportPersonData: everything that identity keeps of a person, readable."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.clock import Clock

from identity.app.attribute_sealing import open_statement
from identity.app.get_person import living_row
from identity.app.keep_facts import own_addresses
from identity.domain.audit_chain import AuditRow
from identity.domain.consents import Address
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow

Row = Mapping[str, Any]
ACTION = "export_person_data"
MAX_AUDIT_ROWS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ExportQuestion:
    """Whose data, who asks and why."""

    tenant: str
    subject: str
    person_id: int
    reason: str


@dataclass(frozen=True)
class PersonData:
    """`sections` in the order of their names' first mention; each row is plain JSON."""

    person_ids: tuple[int, ...]
    sections: Mapping[str, Sequence[Row]]


class ExportPersonData:
    """Reads one snapshot; `audit` follows in a transaction of its own, before the data leave."""

    def __init__(self, vault: Vault, plain: Callable[[bytes], Any], clock: Clock) -> None:
        """`plain` makes JSON of an attribute's encoded value."""
        self._vault = vault
        self._plain = plain
        self._clock = clock

    def __call__(self, stores: Stores, question: ExportQuestion) -> PersonData:
        """Raises ResourceNotFound, PersonErased."""
        tenant = question.tenant
        person = living_row(stores, tenant, question.person_id)
        keys = stores.keys.of_persons(tenant, [person.person_id]).get(person.person_id, ())
        key_ids = [key.key_id for key in keys]
        redirected = tuple(stores.persons.redirecting_to(tenant, person.person_id))
        points = self._contact_points(stores, tenant, key_ids)
        own = own_addresses(stores, tenant, {key.key_id: key for key in keys}, self._vault)
        sections: dict[str, Sequence[Row]] = {
            "persons": [{"person_id": person.person_id, "also": list(redirected)}],
            "identifiers": self._identifiers(stores, tenant, keys),
            "sightings": [
                {
                    "key_id": seen.key_id,
                    "source": seen.source,
                    "first": _moment(seen.first_us),
                    "last": _moment(seen.last_us),
                    "records": seen.records,
                }
                for seen in stores.sightings.of_keys(tenant, key_ids)
            ],
            "attributes": self._attributes(stores, tenant, key_ids),
            "contact_points": list(points.values()),
            "consents": self._consents(stores, tenant, own, points),
            "audit": _audited(stores, tenant, (person.person_id, *redirected)),
        }
        return PersonData((person.person_id, *redirected), sections)

    def audit(self, stores: Stores, question: ExportQuestion, data: PersonData) -> None:
        """Writes down who was given whose data."""
        counts = {section: len(rows) for section, rows in data.sections.items()}
        stores.audit.add(
            question.tenant,
            AuditRow(
                question.subject,
                ACTION,
                question.reason,
                json.dumps(counts, sort_keys=True),
                data.person_ids,
                int(self._clock.now().timestamp() * 1_000_000),
                int(self._clock.machine_now().timestamp() * 1_000_000),
            ),
        )

    def _identifiers(self, stores: Stores, tenant: str, keys: Sequence[KeyRow]) -> list[Row]:
        sealed = stores.keys.sealed(tenant, [key.key_id for key in keys])
        return [
            {
                "key_id": key.key_id,
                "namespace": key.namespace,
                "scope": key.scope,
                "value": self._vault.open(tenant, sealed[key.key_id], key.hash),
            }
            for key in keys
        ]

    def _attributes(self, stores: Stores, tenant: str, key_ids: Sequence[int]) -> list[Row]:
        return [
            {
                "key_id": key_id,
                "name": said.name,
                "source": said.source,
                "time": _moment(said.time_us),
                "value": self._plain(open_statement(self._vault, tenant, key_id, said).value),
            }
            for key_id, found in sorted(stores.attributes.of_keys(tenant, key_ids).items())
            for said in found
        ]

    def _contact_points(self, stores: Stores, tenant: str, key_ids: Sequence[int]) -> dict[Address, Row]:
        return {
            point.address: {
                "channel": point.address.channel.name.lower(),
                "scope": point.address.scope,
                "address": self._vault.open(tenant, point.sealed, point.address.hash),
                "stated": _moment(point.stated_us),
            }
            for _, found in sorted(stores.contact_points.of_keys(tenant, key_ids).items())
            for point in found
        }

    def _consents(
        self, stores: Stores, tenant: str, own: Mapping[Address, str], points: Mapping[Address, Row]
    ) -> list[Row]:
        texts = {**own, **{address: point["address"] for address, point in points.items()}}
        return [
            {
                "channel": address.channel.name.lower(),
                "address": texts[address],
                "purpose": said.purpose,
                "brand": said.brand,
                "granted": said.granted,
                "time": _moment(said.time_us),
                "expires": None if said.expire_us is None else _moment(said.expire_us),
                "text_version": said.text_version,
                "evidence": said.evidence,
            }
            for address, found in sorted(stores.consents.at(tenant, texts.keys()).items())
            for said in found
        ]


def _audited(stores: Stores, tenant: str, person_ids: Sequence[int]) -> list[Row]:
    """Who saw or changed the person's data."""
    return [
        {
            "subject": chained.row.subject,
            "action": chained.row.action,
            "reason": chained.row.reason,
            "time": _moment(chained.row.time_us),
        }
        for chained in stores.audit.page(tenant, 0, MAX_AUDIT_ROWS, person_ids=person_ids)
    ]


def _moment(time_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat()
