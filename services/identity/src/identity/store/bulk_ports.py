"""What bulk imports need of a store; the rules of ports.py hold."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

TableRow = tuple[Any, ...]


class StoredImport(NamedTuple):
    """How far an import is: rows committed, and what became of them."""

    opening_digest: bytes
    rows: int = 0
    accepted: int = 0
    known: int = 0
    differing: int = 0
    refused: int = 0


@dataclass
class NewRows:
    """Rows of tables that hold none of their keys yet, as those tables have them (schema.py). Columns:

    keys: tenant, key_id, hash, namespace, scope, sealed, standing, person_id, born_person_id, marks
    edges, both directions: tenant, key_id, other_key_id, first_us, last_us, kinds, verified, unbound_us, sources
    sightings: tenant, key_id, source, first_us, last_us, records
    records: tenant, source, record_id, digest, time_us, anchor_key_id, key_ids (a tuple), link_kind, verified
    attribute_values: tenant, key_id, name, source, time_us, value, verified
    contact_points: tenant, key_id, channel, scope, address_hash, sealed, stated_us
    persons: tenant, person_id, birth_key_id, birth_hash, redirect_person_id, version, lane, entry
    """

    keys: list[TableRow] = field(default_factory=list)
    edges: list[TableRow] = field(default_factory=list)
    sightings: list[TableRow] = field(default_factory=list)
    records: list[TableRow] = field(default_factory=list)
    attribute_values: list[TableRow] = field(default_factory=list)
    contact_points: list[TableRow] = field(default_factory=list)
    persons: list[TableRow] = field(default_factory=list)


class Imports(Protocol):
    """The bulk imports of each tenant: only grows."""

    def get(self, tenant: str, import_id: str) -> StoredImport | None:
        """An import, None when it was never opened."""
        ...

    def put(self, tenant: str, import_id: str, stored: StoredImport) -> None:
        """Stores an import; the caller holds the tenant's lock."""
        ...


class BulkRows(Protocol):
    """Many rows at once, past the ports of single tables."""

    def add(self, rows: NewRows) -> None:
        """Adds rows; in order of their keys they are added faster. The caller holds the tenant's lock."""
        ...

    def known_addresses(self, tenant: str, hashes: Collection[bytes]) -> set[bytes]:
        """Those of the hashes of addresses that a contact point or a consent has."""
        ...
