"""Keeps what was erased out: takes tombstoned identifiers and addresses from what comes in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

from identity.app.keep_facts import address_of
from identity.app.keyed_records import KeyedRecord, key_record
from identity.domain.erasure import is_about_erased
from identity.domain.normalise import Problem
from identity.domain.policy import Policy
from identity.domain.record import Arrival, Record, Refusal, StatedAddress
from identity.store.ports import Stores, Vault

ABOUT_ERASED = Refusal("identifiers", Problem.ERASED, "is about a person who was erased: stop sending it")
_LEFT_OUT = "belonged to a person who was erased: it is left out"


T = TypeVar("T")


class _Erased(NamedTuple):
    """What of a batch is tombstoned: hashes of identifiers, and addresses."""

    hashes: frozenset[bytes]
    addresses: frozenset[StatedAddress]


def without_erased(
    stores: Stores,
    tenant: str,
    batch: Sequence[tuple[Arrival, KeyedRecord | None]],
    vault: Vault,
    policy: Policy,
) -> list[tuple[Arrival, KeyedRecord | None]]:
    """The batch without what was erased. Needless while nobody was."""
    erased = _find(stores, tenant, [keyed for _, keyed in batch if keyed is not None], vault)
    if not erased.hashes and not erased.addresses:
        return list(batch)
    return [
        (arrival, keyed)
        if keyed is None
        else _kept(arrival, keyed, erased, lambda record: key_record(record, tenant, vault, policy), policy)
        for arrival, keyed in batch
    ]


def _find(stores: Stores, tenant: str, records: Sequence[KeyedRecord], vault: Vault) -> _Erased:
    hashes = {hash_ for keyed in records for hash_ in keyed.identifiers}
    addresses = {address for keyed in records for address in _addresses(keyed.record)}
    marks_of_hashes = {hash_: vault.tombstone(tenant, hash_) for hash_ in hashes}
    marks_of_addresses = {
        address: vault.tombstone(tenant, address_of(tenant, address, vault).hash) for address in addresses
    }
    stand = stores.erasures.tombstoned(tenant, {*marks_of_hashes.values(), *marks_of_addresses.values()})
    return _Erased(_marked(marks_of_hashes, stand), _marked(marks_of_addresses, stand))


def _addresses(record: Record) -> set[StatedAddress]:
    return {*record.contact_points, *(consent.at for consent in record.consents)}


def _marked(marks: Mapping[T, bytes], standing: Collection[bytes]) -> frozenset[T]:
    return frozenset(each for each, mark in marks.items() if mark in standing)


def _kept(
    arrival: Arrival,
    keyed: KeyedRecord,
    erased: _Erased,
    key: Callable[[Record], KeyedRecord],
    policy: Policy,
) -> tuple[Arrival, KeyedRecord | None]:
    """What is taken of one record."""
    if is_about_erased(keyed.identifiers, erased.hashes, policy):
        return Arrival(None, (ABOUT_ERASED,)), None
    record = keyed.record
    if not (keyed.identifiers.keys() & erased.hashes or _addresses(record) & erased.addresses):
        return arrival, keyed
    gone = {keyed.identifiers[hash_] for hash_ in keyed.identifiers.keys() & erased.hashes}
    refusals = [
        Refusal(f"identifiers[{index}]", Problem.ERASED, _LEFT_OUT)
        for index, identifier in enumerate(record.identifiers)
        if identifier in gone
    ]
    refusals += [
        Refusal(f"contact_points[{index}]", Problem.ERASED, _LEFT_OUT)
        for index, point in enumerate(record.contact_points)
        if point in erased.addresses
    ]
    refusals += [
        Refusal(f"consents[{index}]", Problem.ERASED, _LEFT_OUT)
        for index, consent in enumerate(record.consents)
        if consent.at in erased.addresses
    ]
    kept = record._replace(
        identifiers=tuple(each for each in record.identifiers if each not in gone),
        contact_points=tuple(each for each in record.contact_points if each not in erased.addresses),
        consents=tuple(each for each in record.consents if each.at not in erased.addresses),
    )
    return Arrival(kept, (*arrival.refusals, *refusals)), key(kept)
