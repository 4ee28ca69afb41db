"""Checked records with their identifiers hashed: what needs no store, in this process or in another, where nothing of
stores or servers is imported for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from servicekit.revision import Lane

from identity.domain.policy import Policy
from identity.domain.record import Arrival, Identifier, Record

if TYPE_CHECKING:
    from identity.store.ports import Vault


class KeyedRecord(NamedTuple):
    """A record with its identifiers hashed, in the order stated, without repeats.

    `anchor` is the hash of the identifier of highest priority that may link, None without one: a function of
    the policy and the record alone. `blocked` are those that the tenant's policy forbids to link.
    """

    record: Record
    identifiers: Mapping[bytes, Identifier]
    anchor: bytes | None
    blocked: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Batch:
    """Checked records of one tenant, keyed under a version of its policy and ready for the transaction."""

    tenant: str
    lane: Lane
    arrivals: Sequence[Arrival]
    keyed: Sequence[KeyedRecord | None]
    policy_version: int = 0


def key_arrivals(
    tenant: str, arrivals: Iterable[Arrival], vault: "Vault", policy: Policy
) -> list[KeyedRecord | None]:
    """`key_record` of each arrival, None for one that is refused as a whole."""
    return [
        None if arrival.record is None else key_record(arrival.record, tenant, vault, policy)
        for arrival in arrivals
    ]


def key_record(record: Record, tenant: str, vault: "Vault", policy: Policy) -> KeyedRecord:
    """Hashes a record's identifiers and picks its anchor."""
    identifiers = {vault.identifier_hash(tenant, identifier): identifier for identifier in record.identifiers}
    return key_hashed(record, identifiers, policy)


def key_hashed(record: Record, identifiers: Mapping[bytes, Identifier], policy: Policy) -> KeyedRecord:
    """Picks the anchor of a record whose identifiers were hashed; what it says of attributes is verified when one of
    the identifiers that the anchor is picked from is."""
    blocked: frozenset[bytes] = frozenset()
    if policy.blocking:
        blocked = frozenset(
            hash_ for hash_, found in identifiers.items() if policy.blocks(found.namespace, found.value)
        )
    linkable = [hash_ for hash_, found in identifiers.items() if not found.blocked and hash_ not in blocked]
    if len(linkable) > 1:
        linkable.sort(key=lambda hash_: (policy.namespaces[identifiers[hash_].namespace].priority, hash_))
    if record.attributes and linkable:
        strongest = identifiers[linkable[0]].namespace
        linking = {identifiers[hash_][:3] for hash_ in linkable if identifiers[hash_].namespace == strongest}
        verified = any(each.verified and each[:3] in linking for each in record.identifiers)
        record = record._replace(
            attributes=tuple([replace(said, verified=verified) for said in record.attributes])
        )
    return KeyedRecord(record, identifiers, linkable[0] if linkable else None, blocked)
