"""IndexStore on SQLite and PostgreSQL: whole blocks, and single values that arrived since a block was written."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rules.evaluate.meaning import Value
from rules.schema import Openness, TagType, ValueList
from rules.values import Kind, ValueType
from segments.domain.changes import (
    BLOCK_BITS,
    DayRolled,
    FeatureChange,
    FeatureState,
    PersonChange,
    PersonState,
    PersonValues,
    TagChange,
)
from segments.domain.packing import EPOCH_DAY, pack, unpack
from segments.domain.touched import Touched
from segments.store.ports import TagIndexes, TenantIndex
from servicekit.driver_sql import execute, execute_many
from servicekit.revision import Lane
from sqlalchemy import Connection

FOLDED_DELTAS = 20_000
"""Single values of a tenant that a store keeps beside the blocks; beyond, their blocks are written anew."""
_TABLES = ("tag", "feature", "tenant_day", "person", "column_text", "column_block", "value_delta")


class SqlIndexStore:
    """Implements IndexStore."""

    def save(self, connection: Connection, tenant: str, touched: Touched, index: TenantIndex) -> None:
        self._save_catalogue(connection, tenant, touched)
        _put_persons(connection, tenant, touched.persons.values())
        for (column, block), position in touched.blocks.items():
            self._write_block(connection, index, column, block, position)
        self._save_values(connection, tenant, touched)
        if touched.values:
            self._fold(connection, index)

    def replace(self, connection: Connection, indexes: Iterable[TenantIndex]) -> None:
        for table in _TABLES:
            execute(connection, f"DELETE FROM {table}")  # noqa: S608  # constants
        for index in indexes:
            self._replace_tenant(connection, index)

    def load(self, connection: Connection, into: TagIndexes) -> None:
        for change in _stored_changes(connection):
            into.tenant(change.tenant).apply(change, Lane.LIVE, Touched())
        _load_columns(connection, into)

    # -------------------------------------------------------------------------------------------- parts

    def _save_catalogue(self, connection: Connection, tenant: str, touched: Touched) -> None:
        for tag_id, tag in touched.tags.items():
            execute(connection, "DELETE FROM tag WHERE tenant = ? AND tag_id = ?", (tenant, tag_id))
            if tag.deleted:
                _drop_column(connection, tenant, tag_id)
            else:
                _put_tag(connection, tag)
        for form, feature in touched.features.items():
            execute(connection, "DELETE FROM feature WHERE tenant = ? AND form = ?", (tenant, form))
            if feature.state is FeatureState.DROPPED:
                _drop_column(connection, tenant, feature.column)
            else:
                _put_feature(connection, feature)
        if touched.day is not None:
            _put_day(connection, touched.day)
        for column, texts in touched.texts.items():
            execute_many(
                connection,
                "INSERT INTO column_text (tenant, values_column, code, text) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (tenant, values_column, code) DO NOTHING",
                [(tenant, column, code, text) for code, text in texts.items()],
            )

    def _save_values(self, connection: Connection, tenant: str, touched: Touched) -> None:
        execute_many(
            connection,
            "INSERT INTO value_delta (tenant, values_column, person_id, position, pack) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, values_column, person_id) "
            "DO UPDATE SET position = excluded.position, pack = excluded.pack",
            [
                (tenant, column, person_id, arrival.position, _packed_one(arrival.value))
                for (column, person_id), arrival in touched.values.items()
            ],
        )

    def _write_block(
        self, connection: Connection, index: TenantIndex, column: str, block: int, position: int
    ) -> None:
        """Stores a block as it is in memory; single values up to `position` are part of it."""
        try:
            values = index.values(column, block)
        except KeyError:
            return
        key = (index.tenant, column)
        execute(
            connection,
            "INSERT INTO column_block (tenant, values_column, block, pack) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, values_column, block) DO UPDATE SET pack = excluded.pack",
            (*key, block, pack(values)),
        )
        execute(
            connection,
            "DELETE FROM value_delta WHERE tenant = ? AND values_column = ? AND person_id >= ? AND person_id < ? "
            "AND position <= ?",
            (*key, block << BLOCK_BITS, (block + 1) << BLOCK_BITS, position),
        )

    def _fold(self, connection: Connection, index: TenantIndex) -> None:
        """Writes blocks anew when too many single values lie beside them. Values that the other lane may still
        overtake keep their rows, and with them their positions."""
        count = execute(
            connection, "SELECT count(*) FROM value_delta WHERE tenant = ?", (index.tenant,)
        ).scalar_one()
        if count <= FOLDED_DELTAS:
            return
        settled = execute(
            connection,
            "SELECT min(position) FROM upstream WHERE consumer = 'tagging' AND service = 'tagging'",
        ).scalar_one_or_none()
        rows = execute(
            connection,
            "SELECT DISTINCT values_column, person_id >> 16 FROM value_delta WHERE tenant = ?",
            (index.tenant,),
        ).all()
        for column, block in rows:
            self._write_block(connection, index, column, block, settled or 0)

    def _replace_tenant(self, connection: Connection, index: TenantIndex) -> None:
        for tag in index.tags.values():
            _put_tag(connection, tag)
        for feature in index.features.values():
            _put_feature(connection, feature)
        if index.day is not None:
            _put_day(connection, index.day)
        _put_persons(connection, index.tenant, index.persons())
        blocks = {person.person_id >> BLOCK_BITS for person in index.persons()}
        for column, texts in index.column_texts().items():
            execute_many(
                connection,
                "INSERT INTO column_text (tenant, values_column, code, text) VALUES (?, ?, ?, ?)",
                [(index.tenant, column, code, text) for code, text in texts.items()],
            )
        for column in [*index.tags, *(feature.column for feature in index.features.values())]:
            for block in sorted(blocks):
                self._write_block(connection, index, column, block, 0)


def _put_tag(connection: Connection, change: TagChange) -> None:
    tag = change.tag
    definition = {
        "kind": tag.type.kind.value,
        "element": tag.type.element.value if tag.type.element else None,
        "values": None if tag.values is None else sorted(tag.values.values),
        "openness": None if tag.values is None else tag.values.openness.value,
        "parents": None if tag.values is None else dict(tag.values.parents),
        "run_only": change.run_only,
    }
    execute(
        connection,
        "INSERT INTO tag (tenant, tag_id, position, definition) VALUES (?, ?, ?, ?)",
        (change.tenant, tag.name, change.position, json.dumps(definition, ensure_ascii=False)),
    )


def _put_feature(connection: Connection, change: FeatureChange) -> None:
    execute(
        connection,
        "INSERT INTO feature (tenant, form, position, values_column, kind, state, done_count, total_count, failure) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            change.tenant,
            change.form,
            change.position,
            change.column,
            change.kind.value,
            change.state.value,
            change.done_count,
            change.total_count,
            change.failure,
        ),
    )


def _put_day(connection: Connection, change: DayRolled) -> None:
    execute(connection, "DELETE FROM tenant_day WHERE tenant = ?", (change.tenant,))
    execute(
        connection,
        "INSERT INTO tenant_day (tenant, position, day, time_zone, week_start) VALUES (?, ?, ?, ?, ?)",
        (
            change.tenant,
            change.position,
            change.day.toordinal() - EPOCH_DAY,
            change.time_zone,
            change.week_start,
        ),
    )


def _put_persons(connection: Connection, tenant: str, persons: Iterable[PersonChange]) -> None:
    execute_many(
        connection,
        "INSERT INTO person (tenant, person_id, position, version, state, redirect_person_id, birth_hash) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, person_id) DO UPDATE SET position = excluded.position, "
        "version = excluded.version, state = excluded.state, redirect_person_id = excluded.redirect_person_id, "
        "birth_hash = excluded.birth_hash",
        [
            (
                tenant,
                person.person_id,
                person.position,
                person.version,
                person.state.value,
                person.redirect_person_id,
                f"{person.birth_hash:016x}",
            )
            for person in persons
        ],
    )


def _drop_column(connection: Connection, tenant: str, column: str) -> None:
    for table in ("column_text", "column_block", "value_delta"):
        execute(
            connection,
            f"DELETE FROM {table} WHERE tenant = ? AND values_column = ?",  # noqa: S608  # constants
            (tenant, column),
        )


def _stored_changes(connection: Connection) -> Iterable[TagChange | FeatureChange | DayRolled | PersonChange]:
    for row in execute(connection, "SELECT tenant, tag_id, position, definition FROM tag"):
        yield _tag_change(row[0], row[1], row[2], json.loads(row[3]))
    for row in execute(
        connection,
        "SELECT tenant, position, form, values_column, kind, state, done_count, total_count, failure FROM feature",
    ):
        yield FeatureChange(row[0], row[1], row[2], row[3], Kind(row[4]), FeatureState(row[5]), *row[6:])
    for row in execute(connection, "SELECT tenant, position, day, time_zone, week_start FROM tenant_day"):
        yield DayRolled(row[0], row[1], dt.date.fromordinal(row[2] + EPOCH_DAY), row[3], row[4])
    for row in execute(
        connection,
        "SELECT tenant, position, person_id, version, state, redirect_person_id, birth_hash FROM person",
    ):
        yield PersonChange(row[0], row[1], row[2], row[3], PersonState(row[4]), row[5], int(row[6], 16))


def _tag_change(tenant: str, tag_id: str, position: int, stored: Mapping[str, Any]) -> TagChange:
    type_ = ValueType(Kind(stored["kind"]), Kind(stored["element"]) if stored["element"] else None)
    values = None
    if stored["values"] is not None:
        values = ValueList(frozenset(stored["values"]), Openness(stored["openness"]), stored["parents"])
    return TagChange(tenant, position, TagType(tag_id, type_, values), stored["run_only"], deleted=False)


def _load_columns(connection: Connection, into: TagIndexes) -> None:
    for tenant, column, code, text in execute(
        connection, "SELECT tenant, values_column, code, text FROM column_text"
    ):
        into.tenant(tenant).column_texts().setdefault(column, {})[code] = text
    for tenant, column, block, packed in execute(
        connection, "SELECT tenant, values_column, block, pack FROM column_block"
    ):
        index = into.tenant(tenant)
        type_ = index.type_of(column)
        if type_ is not None:
            index.load_block(column, block, _unpacked(bytes(packed), type_))
    deltas: dict[tuple[str, int, int], dict[str, Value | None]] = defaultdict(dict)
    for tenant, column, person_id, position, packed in execute(
        connection,
        "SELECT tenant, values_column, person_id, position, pack FROM value_delta ORDER BY position",
    ):
        type_ = into.tenant(tenant).type_of(column)
        if type_ is not None:
            deltas[tenant, position, person_id][column] = (
                None if packed is None else _unpacked(bytes(packed), type_)[0]
            )
    for (tenant, position, person_id), values in deltas.items():
        change = PersonValues(tenant, position, person_id, values)
        into.tenant(tenant).apply(change, Lane.LIVE, Touched())


def _unpacked(packed: bytes, type_: ValueType) -> Mapping[int, Value]:
    return unpack(packed, type_.element or type_.kind, multi_valued=type_.kind is Kind.LIST)


def _packed_one(value: Value | None) -> bytes | None:
    return None if value is None else pack([(0, value)])
