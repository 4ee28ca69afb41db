"""ResolveIdentifiers: looks identifiers up and creates nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from servicekit.revision import LANES, Revision

from identity.domain.linking import Standing
from identity.domain.record import Identifier
from identity.store.ports import Stores, Vault

NO_PROBLEM = ""
BLOCKED = "is a placeholder and links nobody"


@dataclass(frozen=True, slots=True)
class Lookup:
    """An identifier to look up, or what is wrong with it."""

    identifier: Identifier | None
    problem: str = NO_PROBLEM


@dataclass(frozen=True, slots=True)
class Resolved:
    """Ids are 0 when unknown; `problem` is empty when the identifier is usable."""

    person_id: int
    key_id: int
    problem: str


@dataclass(frozen=True)
class Resolution:
    """One result per lookup, in the same order."""

    results: tuple[Resolved, ...]
    revision: Revision


class ResolveIdentifiers:
    """Reads."""

    def __init__(self, vault: Vault, service: str) -> None:
        self._vault = vault
        self._service = service

    def __call__(self, stores: Stores, tenant: str, lookups: Sequence[Lookup]) -> Resolution:
        hashes = [
            self._vault.identifier_hash(tenant, lookup.identifier) if lookup.identifier else None
            for lookup in lookups
        ]
        key_ids = stores.keys.find(tenant, {hash_ for hash_ in hashes if hash_ is not None})
        rows = stores.keys.rows(tenant, key_ids.values())
        results: list[Resolved] = []
        for lookup, hash_ in zip(lookups, hashes, strict=True):
            row = rows.get(key_ids.get(hash_, 0)) if hash_ is not None else None
            problem = BLOCKED if lookup.identifier and lookup.identifier.blocked else lookup.problem
            if row is None:
                results.append(Resolved(0, 0, problem))
            else:
                blocked = row.standing is Standing.BLOCKED
                results.append(Resolved(row.person_id, row.key_id, BLOCKED if blocked else problem))
        return Resolution(tuple(results), read_revision(stores, self._service))


def read_revision(stores: Stores, service: str) -> Revision:
    """What a read of this transaction was read at: the end of both lanes."""
    head = stores.changes.head()
    revision = Revision(service, head.epoch)
    for lane in LANES:
        revision = revision.at(lane, head.last(lane))
    return revision
