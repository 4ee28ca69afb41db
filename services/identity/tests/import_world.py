"""Two tenants of one store: one gets rows by IngestEvents, the other by ImportPersons, and both should be alike."""

import json
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import person_pb2
from identity.api.encoding import ProtoEncoding
from identity.api.parse_import import ImportParser
from identity.api.parse_records import RecordParser
from identity.api.plain_columns import ColumnNormaliser
from identity.app.attribute_sealing import open_statement
from identity.app.encoding import ChangeKind
from identity.app.hot_keys import HotKeys
from identity.app.import_persons import MAX_LINKED_ROWS, Imported, ImportPersons, PreparedRows, RowProblem
from identity.app.ingest_records import Ingested, IngestRecords
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.domain.normalise import Normaliser
from identity.main import Wiring
from identity.standards.load import load_standards, policy_document
from identity.store.linking_rows import StoredPolicy
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from import_files import NOW_US, OPENING, Row, batch_of, message_of
from servicekit.revision import Lane
from sqlalchemy import Connection, text

T = TypeVar("T")
Picture = dict[str, Any]


class BlindVault(KeyVault):
    """Gives all tenants the same hashes, so that what they hold can be compared."""

    def _derive(self, tenant: str, purpose: str) -> bytes:
        return super()._derive("", purpose)


class ImportWorld:
    """One tenant. `policy` are changes of the built-in one."""

    def __init__(
        self,
        wiring: Wiring,
        secret: bytes,
        policy: Mapping[str, Any] | None = None,
        max_linked_rows: int = MAX_LINKED_ROWS,
    ) -> None:
        standards = load_standards()
        self.vault = BlindVault(secret)
        self._wiring = wiring
        self._hot = HotKeys()
        normaliser, encoding = Normaliser(standards.policy, standards.blocked), ProtoEncoding()
        self._records = RecordParser(
            standards.policy, normaliser, standards.attributes, standards.closed_properties
        )
        columns = ColumnNormaliser(normaliser, standards.blocked)
        self._parser = ImportParser(standards.policy, columns, standards.attributes, self._records)
        policies = PolicyBook(standards.policy)
        publish = PublishPersons(standards.attributes, self.vault, encoding)
        self._ingest = IngestRecords(policies, self.vault, encoding, publish, self._hot)
        self._import = ImportPersons(
            policies, standards.attributes, self.vault, encoding, self._ingest, max_linked_rows
        )
        self.tenant = f"t{uuid.uuid4().hex}"
        if policy:
            self.write(lambda stores: self._put(stores, policy))

    def _put(self, stores: Stores, policy: Mapping[str, Any]) -> None:
        document = json.loads(policy_document())
        for namespace in document["namespaces"]:
            namespace.update(policy.get(namespace["name"], {}))
        document.update({name: value for name, value in policy.items() if name.startswith("max_")})
        stores.tenants.lock(self.tenant, stores.changes.head().epoch)
        stores.policies.put(self.tenant, StoredPolicy(1, json.dumps(document), "test", "test", 1))

    def send(
        self,
        rows: Sequence[Row],
        lane: Lane = Lane.BULK,
        before_commit: Callable[[], None] = lambda: None,
    ) -> Ingested:
        """One batch of the front door."""
        arrivals = self._records.parse([message_of(row) for row in rows], NOW_US)
        batch = self._ingest.prepare(self.tenant, lane, arrivals)

        def ingest(stores: Stores) -> Ingested:
            ingested = self._ingest(stores, batch, NOW_US)
            before_commit()
            return ingested

        answer = self.write(ingest)
        self._hot.learn(answer.learned)
        return answer

    def open(self, opening: pb.ImportOpening = OPENING) -> Imported:
        known = self._parser.opening(opening)
        return self.write(lambda stores: self._import.open(stores, self.tenant, known))

    def take(self, first_row: int, rows: Sequence[Row], opening: pb.ImportOpening = OPENING) -> Imported:
        """One message of an import, in as many portions as it takes; the answer is to all of it."""
        prepared = self.prepared(first_row, rows, opening)
        taken = 0
        problems: tuple[RowProblem, ...] = ()
        while True:
            answer = self.portion(prepared, taken)
            assert taken < answer.taken <= len(rows)
            taken, problems = answer.taken, (*problems, *answer.problems)
            if taken == len(rows):
                return replace(answer, problems=problems)

    def prepared(
        self, first_row: int, rows: Sequence[Row], opening: pb.ImportOpening = OPENING
    ) -> PreparedRows:
        known = self._parser.opening(opening)
        message = pb.ImportRows(first_row=first_row, record_batch=batch_of(rows))
        return self._import.prepare(self.tenant, known, self._parser.rows(opening, known, message, NOW_US))

    def portion(self, prepared: PreparedRows, start: int) -> Imported:
        """One transaction's worth of a message."""
        answer = self.write(lambda stores: self._import(stores, self.tenant, prepared, NOW_US, start))
        if answer.learned is not None:
            self._hot.learn(answer.learned)
        return answer

    def write(self, work: Callable[[Stores], T]) -> T:
        def run(connection: Connection) -> T:
            return work(open_stores(connection, self._wiring.changelog))

        return self._wiring.database.write_now(run)

    def facts(self) -> Picture:
        """What no order and no batching changes: all evidence, and who is whose."""
        return self._read(lambda stored: stored.facts())

    def persons(self) -> list[Any]:
        """What is stored of persons, and every change that was published, ids renamed."""
        return self._read(lambda stored: stored.persons())

    def _read(self, look: Callable[["Stored"], T]) -> T:
        """Looks at one snapshot."""

        def run(connection: Connection) -> T:
            stores = open_stores(connection, self._wiring.changelog)
            return look(Stored(self.tenant, self.vault, connection, stores))

        return self._wiring.database.read_now(run)


class Stored:
    """What a store holds of a tenant, its keys named by their hashes."""

    def __init__(self, tenant: str, vault: KeyVault, connection: Connection, stores: Stores) -> None:
        self._tenant, self._vault, self._connection, self._stores = tenant, vault, connection, stores
        rows = self._rows("SELECT key_id, hash FROM keys WHERE tenant = :tenant")
        self._hash_of = {row[0]: bytes(row[1]).hex() for row in rows}

    def facts(self) -> Picture:
        hash_of = self._hash_of
        found: Picture = {
            "keys": self._groups(hash_of),
            "edges": self._table(
                "edges",
                "key_id, other_key_id, first_us, last_us, kinds, verified, unbound_us, sources",
                hash_of,
                2,
            ),
            "sightings": self._table("sightings", "key_id, source, first_us, last_us, records", hash_of, 1),
            "conflicts": self._table("conflicts", "key_id, other_key_id, reason, first_us", hash_of, 2),
            "consents": self._table(
                "consents",
                "address_hash, channel, scope, purpose, brand, time_us, granted, source, record_id, expire_us, "
                "text_version, evidence",
                hash_of,
                0,
            ),
            "records": self._records_stored(hash_of),
        }
        found["attributes"] = self._attributes(hash_of)
        found["contact_points"] = self._contact_points(hash_of)
        found["sealed"] = self._identifiers(hash_of)
        return found

    def persons(self) -> list[Any]:
        hash_of, kept = self._hash_of, self._stores.changes.kept
        rows = self._stores.persons.page(self._tenant, 0, 100_000)
        births = {row.person_id: row.birth_hash for row in rows}
        stored = sorted(
            (
                row.birth_hash,
                hash_of[row.birth_key_id],
                births.get(row.redirect_person_id),
                row.lane,
                _renamed(row.entry, hash_of, births),
            )
            for row in rows
        )
        changes = sorted(
            _renamed(entry.payload, hash_of, births) for entry in kept(ChangeKind.PERSON, self._tenant)
        )
        versions = {row.person_id: row.version for row in rows}
        last: dict[int, int] = {}
        for entry in kept(ChangeKind.PERSON, self._tenant):
            person = person_pb2.Person.FromString(entry.payload)
            assert person.version == entry.position
            last[person.person_id] = entry.position
        assert versions == last
        return [stored, changes]

    def _rows(self, sql: str) -> list[Any]:
        return list(self._connection.execute(text(sql), {"tenant": self._tenant}).all())

    def _groups(self, hash_of: Mapping[int, str]) -> Any:
        rows = self._rows(
            "SELECT key_id, namespace, scope, standing, marks, person_id FROM keys WHERE tenant = :tenant"
        )
        groups: dict[int, set[str]] = {}
        for row in rows:
            groups.setdefault(row[5], set()).add(hash_of[row[0]])
        return {hash_of[row[0]]: (*row[1:5], sorted(groups[row[5]]) if row[5] else None) for row in rows}

    def _table(self, table: str, columns: str, hash_of: Mapping[int, str], ids: int) -> Any:
        found = []
        for row in self._rows(f"SELECT {columns} FROM {table} WHERE tenant = :tenant"):
            named = [hash_of[each] for each in row[:ids]] + [
                bytes(each).hex() if isinstance(each, bytes | memoryview) else each for each in row[ids:]
            ]
            if table == "edges":
                if hash_of[row[0]] > hash_of[row[1]]:
                    continue
                turned = row[0] > row[1]
                named[5] = (named[5] & 1) << 1 | named[5] >> 1 if turned else named[5]
                named[7] = ""
            found.append(tuple(named))
        return sorted(found, key=repr)

    def _records_stored(self, hash_of: Mapping[int, str]) -> Any:
        sql = "SELECT source, record_id, digest, time_us, anchor_key_id, key_ids, link_kind, verified FROM records"
        return sorted(
            (
                *row[:2],
                bytes(row[2]).hex(),
                row[3],
                hash_of.get(row[4]),
                tuple(hash_of[each] for (each,) in struct.iter_unpack("<q", row[5])),
                *row[6:],
            )
            for row in self._rows(f"{sql} WHERE tenant = :tenant")
        )

    def _attributes(self, hash_of: Mapping[int, str]) -> Any:
        return sorted(
            (hash_of[key_id], said.name, said.source, said.time_us, said.value, said.verified)
            for key_id, statements in self._stores.attributes.of_keys(self._tenant, hash_of).items()
            for said in (open_statement(self._vault, self._tenant, key_id, each) for each in statements)
        )

    def _contact_points(self, hash_of: Mapping[int, str]) -> Any:
        return sorted(
            (
                hash_of[key_id],
                point.address,
                self._vault.open(self._tenant, point.sealed, point.address.hash),
                point.stated_us,
            )
            for key_id, points in self._stores.contact_points.of_keys(self._tenant, hash_of).items()
            for point in points
        )

    def _identifiers(self, hash_of: Mapping[int, str]) -> Any:
        return sorted(
            self._vault.open(self._tenant, sealed, bytes.fromhex(hash_of[key_id]))
            for key_id, sealed in self._stores.keys.sealed(self._tenant, hash_of).items()
        )


def _renamed(entry: bytes, hash_of: Mapping[int, str], births: Mapping[int, int]) -> str:
    person = person_pb2.Person.FromString(entry)
    keys = sorted((hash_of[key.key_id], key.namespace) for key in person.keys)
    redirect = births.get(person.redirect_person_id)
    for name in ("keys", "person_id", "version", "redirect_person_id"):
        person.ClearField(name)  # type: ignore[arg-type]
    return f"{person.SerializeToString(deterministic=True).hex()} {keys} {redirect}"
