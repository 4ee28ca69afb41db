"""A member file as messages of an import, and the two places they go to in the bench: a store, and memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from identity.api.encoding import ProtoEncoding
from identity.api.parse_import import ImportParser
from identity.api.parse_records import RecordParser
from identity.api.plain_columns import ColumnNormaliser
from identity.app.import_persons import ImportPersons, PreparedRows
from identity.app.policies import PolicyBook
from identity.domain.bulk_rows import Opening, ParsedRows
from identity.domain.full_columns import KeyColumns, PairColumns
from identity.domain.full_linking import link_all
from identity.domain.lone_rows import shape_of
from identity.domain.normalise import Normaliser
from identity.domain.record import Record
from identity.standards.load import Standards, load_standards
from identity.store.bulk_ports import StoredImport
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from sqlalchemy import Connection

from benches.crowd import DAY_US
from benches.identity_store import NOW_US, IdentityStore

Ints = npt.NDArray[np.int64]
CITIES = ("上海", "北京", "广州", "深圳", "杭州", "成都", "武汉", "西安")
NAMES = ("王伟", "李娜", "张敏", "刘洋", "陈静", "杨帆", "赵磊", "黄小明", "周婷婷", "欧阳修远")
OPENING = pb.ImportOpening(
    import_id="members",
    source="crm",
    record_id_column="id",
    time_column="time",
    identifiers=[
        pb.IdentifierColumn(column="member", namespace="member_id"),
        pb.IdentifierColumn(column="phone", namespace="phone"),
        pb.IdentifierColumn(column="mailbox", namespace="email"),
        pb.IdentifierColumn(column="openid", namespace="wechat_openid", scope="wx_mini"),
    ],
    attributes=[
        pb.AttributeColumn(column="name", attribute="name"),
        pb.AttributeColumn(column="city", attribute="city"),
        pb.AttributeColumn(column="gender", attribute="gender"),
    ],
)


def encoded(start: int, numbers: Sequence[int], phones: Sequence[str]) -> bytes:
    """Rows of persons of these numbers: half of them with a mailbox, half with an openid."""
    count = len(numbers)
    batch = pa.record_batch(
        {
            "id": [f"person:{start + at}" for at in range(count)],
            "time": pa.array([NOW_US - DAY_US - n for n in numbers], pa.timestamp("us", tz="UTC")),
            "member": [f"M{n:09d}" for n in numbers],
            "phone": list(phones),
            "mailbox": pa.array(
                [f"c{n}@mail.example.cn" if n % 2 else None for n in numbers], type=pa.string()
            ),
            "openid": pa.array([None if n % 2 else f"o-open-{n:010d}" for n in numbers], type=pa.string()),
            "name": [NAMES[n % len(NAMES)] for n in numbers],
            "city": [CITIES[n % len(CITIES)] for n in numbers],
            "gender": ["male" if n % 3 else "female" for n in numbers],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def parser_of(standards: Standards) -> tuple[ImportParser, RecordParser]:
    """How the service reads rows, and records."""
    normaliser = Normaliser(standards.policy, standards.blocked)
    records = RecordParser(standards.policy, normaliser, standards.attributes, standards.closed_properties)
    columns = ColumnNormaliser(normaliser, standards.blocked)
    return ImportParser(standards.policy, columns, standards.attributes, records), records


class ImportDoor:
    """The import of one store, called directly."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._parser, _ = parser_of(store.standards)
        self._opening: Opening = self._parser.opening(OPENING)
        self._use_case = ImportPersons(
            PolicyBook(store.standards.policy),
            store.standards.attributes,
            store.vault,
            ProtoEncoding(),
            store.records,
        )

    def open(self, tenant: str) -> None:
        """Opens the import."""
        self._write(lambda stores: self._use_case.open(stores, tenant, self._opening))

    def prepare(self, tenant: str, first_row: int, message: bytes) -> PreparedRows:
        """What needs no store."""
        rows = pb.ImportRows(first_row=first_row, record_batch=message)
        parsed = self._parser.rows(OPENING, self._opening, rows, NOW_US)
        return self._use_case.prepare(tenant, self._opening, parsed)

    def take(self, tenant: str, prepared: PreparedRows) -> StoredImport:
        """One synced transaction."""
        answer = self._write(lambda stores: self._use_case(stores, tenant, prepared, NOW_US))
        if answer.learned is not None:
            self._store.hot.learn(answer.learned)
        standing: StoredImport = answer.standing
        return standing

    def differing_persons(self, tenant: str, message: bytes, count: int) -> int:
        """How many of the first rows' persons are not those that the same rows are when each is sent as a record."""
        opening = self._opening
        rows = pb.ImportRows(first_row=0, record_batch=message)
        parsed: ParsedRows = self._parser.rows(OPENING, opening, rows, NOW_US)
        found = {row: arrival.record for row, _, arrival in parsed.others}
        found |= {row: parsed.plain.record(opening, at) for at, row in enumerate(parsed.plain.rows)}
        records: list[Record] = [record for _, record in sorted(found.items()) if record is not None]
        for start in range(0, len(records), count):
            self._store.ingest("online", records[start : start + count])
        names = [each for record in records for each in record.identifiers if not each.blocked]
        imported, online = (self._store.persons_of(each, names) for each in (tenant, "online"))
        groups: list[set[frozenset[Any]]] = []
        for persons in (imported, online):
            members: dict[int, set[Any]] = {}
            for name in dict.fromkeys(names):
                members.setdefault(persons[name], set()).add(name)
            groups.append(set(map(frozenset, members.values())))
        return len(groups[0] ^ groups[1])

    def _write(self, work: Any) -> Any:
        store = self._store

        def run(connection: Connection) -> Any:
            return work(open_stores(connection, store.wiring.changelog))

        return store.database.write_now(run)


class MemoryLinker:
    """The identifiers of rows normalised and hashed, then everybody linked at once."""

    def __init__(self, tenant: str) -> None:
        standards = load_standards()
        self._tenant = tenant
        self._policy = standards.policy
        self._normaliser = ColumnNormaliser(
            Normaliser(standards.policy, standards.blocked), standards.blocked
        )
        self._opening = parser_of(standards)[0].opening(OPENING)
        self._vault = KeyVault(b"k" * 32)
        self._hashes: list[bytes] = []
        self._rows: list[Ints] = []
        self._places: list[Ints] = []
        self._seen_us: list[Ints] = []
        self._count = 0

    def take(self, message: bytes) -> None:
        """One message."""
        with pa.ipc.open_stream(message) as reader:
            batch = reader.read_next_batch()
        times = np.asarray(batch.column("time").cast(pa.int64()))
        self._seen_us.append(times - times % DAY_US)
        for place, column in enumerate(self._opening.identifiers):
            form = self._policy.namespaces[column.namespace].form
            values = self._normaliser.column(form, batch.column(column.column)).values
            hashes = self._vault.identifier_hashes(self._tenant, column.namespace, column.scope, values)
            stated = np.array([hash_ is not None for hash_ in hashes])
            self._hashes.append(b"".join([hash_ for hash_ in hashes if hash_ is not None]))
            self._rows.append(np.flatnonzero(stated) + self._count)
            self._places.append(np.full(int(stated.sum()), place))
        self._count += batch.num_rows

    def persons(self) -> int:
        """Links all rows; how many persons there are. Rows that share no identifier are one person each, when their
        shape is; all others are linked by columns."""
        halves = np.frombuffer(b"".join(self._hashes), dtype="<u8").reshape(-1, 2)
        rows, places = np.concatenate(self._rows), np.concatenate(self._places)
        order = np.argsort(halves[:, 0])
        first = halves[order, 0]
        again = np.flatnonzero(first[1:] == first[:-1])
        alone = np.ones(self._count, dtype=bool)
        alone[rows[order[again]]] = alone[rows[order[again + 1]]] = False
        shapes = np.zeros(self._count, dtype=np.int64)
        np.bitwise_or.at(shapes, rows, 1 << places)
        for shape in np.unique(shapes[alone]).tolist():
            stated = [place for place in range(len(self._opening.identifiers)) if shape >> place & 1]
            if shape_of(stated, self._opening.identifiers, self._policy) is None:
                alone[shapes == shape] = False
        left = ~alone[rows]
        return int(alone.sum()) + self._linked(halves[left], rows[left], places[left])

    def _linked(self, halves: npt.NDArray[np.uint64], rows: Ints, places: Ints) -> int:
        """How many persons some rows are."""
        if not len(rows):
            return 0
        _, firsts, key_of = np.unique(halves, axis=0, return_index=True, return_inverse=True)
        keys = KeyColumns(
            np.arange(1, len(firsts) + 1),
            places[firsts].astype(np.int32),
            [(column.namespace, column.scope) for column in self._opening.identifiers],
            np.ascontiguousarray(halves[firsts]).view("V16").reshape(-1),
            np.zeros(len(firsts), dtype=bool),
        )
        pairs = self._pairs(key_of.reshape(-1), rows)
        return len(np.unique(link_all(keys, pairs, self._policy).group))

    def _pairs(self, key_of: Ints, rows: Ints) -> PairColumns:
        """Every two keys of a row, each pair once."""
        order = np.argsort(rows, kind="stable")
        keys, row_of = key_of[order], rows[order]
        lows, highs, days = [], [], []
        seen_us = np.concatenate(self._seen_us)
        for apart in range(1, len(self._opening.identifiers)):
            same = row_of[apart:] == row_of[:-apart]
            one, other = keys[:-apart][same], keys[apart:][same]
            lows.append(np.minimum(one, other))
            highs.append(np.maximum(one, other))
            days.append(seen_us[row_of[apart:][same]])
        low, high, day = np.concatenate(lows), np.concatenate(highs), np.concatenate(days)
        order = np.lexsort((day, high, low))
        low, high, day = low[order], high[order], day[order]
        starts = np.flatnonzero(np.concatenate([[True], (low[1:] != low[:-1]) | (high[1:] != high[:-1])]))
        ends = np.append(starts[1:], len(low)) - 1
        count = len(starts)
        return PairColumns(
            low[starts].astype(np.int32),
            high[starts].astype(np.int32),
            day[starts],
            day[ends],
            np.broadcast_to(np.int64(-1), count),
            np.broadcast_to(np.int8(0), count),
        )
