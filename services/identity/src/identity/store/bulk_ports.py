"""What bulk imports need of a store; the rules of ports.py hold."""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
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


@dataclass(frozen=True)
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

    keys: Iterable[TableRow] = ()
    edges: Iterable[TableRow] = ()
    sightings: Iterable[TableRow] = ()
    records: Iterable[TableRow] = ()
    attribute_values: Iterable[TableRow] = ()
    contact_points: Iterable[TableRow] = ()
    persons: Iterable[TableRow] = ()


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

    def adding(self) -> AbstractContextManager[Callable[[NewRows], None]]:
        """`add` beside the caller: what is handed over is added when the context ends, which raises what adding raised.
        Within it the caller asks nothing of the store."""
        ...

    def known_addresses(self, tenant: str, hashes: Collection[bytes]) -> set[bytes]:
        """Those of the hashes of addresses that a contact point or a consent has."""
        ...
