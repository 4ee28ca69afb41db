"""Keeps what records say at keys and addresses: attributes, contact points, consents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from identity.app.attribute_sealing import open_statement, seal_statement
from identity.app.keyed_records import KeyedRecord
from identity.domain.attributes import AttributeStatement, later
from identity.domain.consents import Address, Channel, Consent
from identity.domain.record import StatedAddress
from identity.store.ports import RecordKey, Stores, Vault
from identity.store.rows import ContactPointRow, KeyRow

CHANNEL_OF = {"phone": Channel.SMS, "email": Channel.EMAIL, "wechat_openid": Channel.WECHAT}
"""Identifiers that are addresses too."""


@dataclass(frozen=True)
class KeptFacts:
    """The keys at whose persons something may have changed."""

    key_ids: frozenset[int]


def keep_facts(
    stores: Stores, tenant: str, records: Sequence[KeyedRecord], key_ids: Mapping[bytes, int], vault: Vault
) -> KeptFacts:
    """Stores what new records say; attributes and contact points are kept at the record's anchor."""
    touched = _keep_attributes(stores, tenant, records, key_ids, vault)
    touched |= _keep_contact_points(stores, tenant, records, key_ids, vault)
    touched |= _keep_consents(stores, tenant, records, vault)
    return KeptFacts(frozenset(touched))


def _keep_attributes(
    stores: Stores, tenant: str, records: Sequence[KeyedRecord], key_ids: Mapping[bytes, int], vault: Vault
) -> set[int]:
    latest: dict[tuple[int, str, str], AttributeStatement] = {}
    for keyed in records:
        if keyed.anchor is None:
            continue
        for statement in keyed.record.attributes:
            place = (key_ids[keyed.anchor], statement.name, statement.source)
            latest[place] = later(latest.get(place, statement), statement)
    if not latest:
        return set()
    stored = {
        (key_id, statement.name, statement.source): open_statement(vault, tenant, key_id, statement)
        for key_id, statements in stores.attributes.of_keys(tenant, {place[0] for place in latest}).items()
        for statement in statements
    }
    news = [
        (place[0], statement)
        for place, statement in latest.items()
        if place not in stored or later(stored[place], statement) != stored[place]
    ]
    stores.attributes.save(
        tenant, [(key_id, seal_statement(vault, tenant, key_id, said)) for key_id, said in news]
    )
    return {key_id for key_id, _ in news}


def _keep_contact_points(
    stores: Stores,
    tenant: str,
    records: Sequence[KeyedRecord],
    key_ids: Mapping[bytes, int],
    vault: Vault,
) -> set[int]:
    stated: dict[tuple[int, Address], tuple[int, StatedAddress]] = {}
    for keyed in records:
        if keyed.anchor is None:
            continue
        for point in keyed.record.contact_points:
            place = (key_ids[keyed.anchor], address_of(tenant, point, vault))
            time_us = max(keyed.record.time_us, stated.get(place, (0, point))[0])
            stated[place] = (time_us, point)
    if not stated:
        return set()
    stored = {
        (key_id, point.address): point
        for key_id, points in stores.contact_points.of_keys(tenant, {place[0] for place in stated}).items()
        for point in points
    }
    news: list[ContactPointRow] = []
    for place, (time_us, point) in stated.items():
        known = stored.get(place)
        if known is None:
            sealed = vault.seal(tenant, point.address, place[1].hash)
            news.append(ContactPointRow(*place, sealed, time_us))
        elif time_us > known.stated_us:
            news.append(replace(known, stated_us=time_us))
    stores.contact_points.save(tenant, news)
    return {row.key_id for row in news if (row.key_id, row.address) not in stored}


def _keep_consents(stores: Stores, tenant: str, records: Sequence[KeyedRecord], vault: Vault) -> set[int]:
    statements: list[tuple[RecordKey, Consent]] = []
    for keyed in records:
        record = keyed.record
        for said in record.consents:
            consent = Consent(
                address_of(tenant, said.at, vault),
                said.purpose,
                record.brand,
                said.granted,
                said.time_us,
                said.expire_us,
                said.text_version,
                said.evidence,
            )
            statements.append(((record.source, record.record_id), consent))
    if not statements:
        return set()
    stores.consents.add(tenant, statements)
    return stores.contact_points.keys_at(tenant, {consent.address for _, consent in statements})


def address_of(tenant: str, stated: StatedAddress, vault: Vault) -> Address:
    """The address as it is stored and compared."""
    return Address(stated.channel, stated.scope, vault.address_hash(tenant, stated))


def own_addresses(
    stores: Stores, tenant: str, rows: Mapping[int, KeyRow], vault: Vault
) -> dict[Address, str]:
    """The addresses that keys are themselves, readable."""
    reached = {key_id: row for key_id, row in rows.items() if row.namespace in CHANNEL_OF}
    sealed = stores.keys.sealed(tenant, reached.keys())
    stated = [
        StatedAddress(CHANNEL_OF[row.namespace], row.scope, vault.open(tenant, sealed[key_id], row.hash))
        for key_id, row in reached.items()
    ]
    return {address_of(tenant, each, vault): each.address for each in stated}
