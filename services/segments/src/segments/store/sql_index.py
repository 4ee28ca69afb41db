"""IndexStore on SQLite and PostgreSQL: whole blocks, and single values that arrived since a block was written."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rules.evaluate.meaning import Value
from rules.schema import Openness, TagType, ValueList
from rules.values import Kind, ValueType
from segments.domain.changes import (
    BLOCK_BITS,
    Change,
    DayRolled,
    FeatureChange,
    FeatureState,
    PersonChange,
    PersonState,
    TagChange,
)
from segments.domain.packing import (
    Coded,
    code_of,
    day_of,
    days,
    microseconds,
    moment_of,
    pack,
    scalar_of,
    unpack,
)
from segments.domain.touched import Touched
from segments.store.ports import ColumnFiles, EmptyIndex, TenantIndex
from segments.store.sql_journal import settled_position
from segments.store.sql_manifests import SqlColumnManifests
from segments.store.sql_rows import put_many
from servicekit.driver_sql import execute
from servicekit.revision import LANES, Lane
from sqlalchemy import Connection

_TABLES = (
    "tag",
    "feature",
    "tenant_day",
    "person",
    "column_text",
    "column_block",
    "column_file",
    "column_as_of",
    "value_delta",
)
_NEVER = 2**63
_JSON = json.JSONEncoder(ensure_ascii=False)
_BLOCK_PERSONS = 1 << BLOCK_BITS


class SqlIndexStore:
    """Implements IndexStore."""

    def save(self, connection: Connection, tenant: str, touched: Touched, index: TenantIndex) -> None:
        _save_catalogue(connection, tenant, touched, index)
        _put_persons(connection, tenant, touched.persons.values())
        for column in touched.unfiled:
            execute(
                connection, "DELETE FROM column_file WHERE tenant = ? AND values_column = ?", (tenant, column)
            )
        for (column, block), position in touched.blocks.items():
            _save_block(connection, index, column, block, position)
        told = {column for column, _ in touched.blocks} & index.as_ofs.keys()
        _put_as_ofs(connection, tenant, {column: index.as_ofs[column] for column in told})
        _put_deltas(connection, index, touched)

    def replace(self, connection: Connection, indexes: Iterable[TenantIndex]) -> None:
        for table in _TABLES:
            execute(connection, f"DELETE FROM {table}")  # constants
        for index in indexes:
            _replace_tenant(connection, index)

    def load(
        self, connection: Connection, empty_index: EmptyIndex, files: ColumnFiles | None = None
    ) -> dict[str, TenantIndex]:
        found: dict[str, TenantIndex] = {}
        changes: dict[str, list[Change]] = {}
        for change in _stored_changes(connection):
            changes.setdefault(change.tenant, []).append(change)
        for tenant, each in changes.items():
            found[tenant] = empty_index(tenant)
            found[tenant].apply(each, Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
        _load_catalogue(connection, found)
        if files is not None:
            _open_files(connection, found, files)
        _load_values(connection, found)
        return found

    def beside(self, connection: Connection, tenant: str, columns: Sequence[str]) -> dict[str, int]:
        if not columns:
            return {}
        rows = execute(
            connection,
            "SELECT values_column, count(*) FROM value_delta WHERE tenant = ? AND values_column IN "
            f"({', '.join('?' * len(columns))}) GROUP BY values_column",
            (tenant, *columns),
        )
        return {column: int(count) for column, count in rows}

    def fold(self, connection: Connection, *, beyond: int) -> bool:
        settled = settled_position(connection)
        fullest = execute(
            connection,
            "SELECT tenant, values_column, person_id >> 16 AS block, count(*) AS deltas FROM value_delta "
            "WHERE position <= ? AND NOT EXISTS (SELECT 1 FROM column_file WHERE "
            "column_file.tenant = value_delta.tenant AND column_file.values_column = value_delta.values_column) "
            "GROUP BY tenant, values_column, block ORDER BY deltas DESC LIMIT 1",
            (settled,),
        ).one_or_none()
        if fullest is None or fullest[3] <= beyond:
            return False
        _fold_block(connection, fullest[0], fullest[1], fullest[2], settled)
        return True


def _save_catalogue(connection: Connection, tenant: str, touched: Touched, index: TenantIndex) -> None:
    for column in touched.anew - touched.tags.keys():
        _drop_column(connection, tenant, column, texts=False)
    for tag_id, tag in touched.tags.items():
        execute(connection, "DELETE FROM tag WHERE tenant = ? AND tag_id = ?", (tenant, tag_id))
        if tag.deleted:
            _drop_column(connection, tenant, tag_id)
        else:
            _put_tag(connection, tag, index.born[tag_id])
            if index.born[tag_id] == tag.position:
                _drop_column(connection, tenant, tag_id, texts=False)
    for form, feature in touched.features.items():
        execute(connection, "DELETE FROM feature WHERE tenant = ? AND form = ?", (tenant, form))
        if feature.state is FeatureState.DROPPED:
            _drop_column(connection, tenant, feature.column)
        else:
            _put_feature(connection, feature, index.born[feature.column])
    if touched.day is not None:
        _put_day(connection, touched.day)
    for column, texts in touched.texts.items():
        _put_texts(connection, tenant, column, texts)


def _save_block(connection: Connection, index: TenantIndex, column: str, block: int, position: int) -> None:
    """Stores a block as it is in memory; single values up to `position` are part of it."""
    coded = index.block(column, block)
    if coded is not None:
        _put_block(connection, index.tenant, column, block, coded)
        _remove_deltas(connection, index.tenant, column, block, position)


def _put_block(connection: Connection, tenant: str, column: str, block: int, coded: Coded) -> None:
    execute(
        connection,
        "INSERT INTO column_block (tenant, values_column, block, pack) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (tenant, values_column, block) DO UPDATE SET pack = excluded.pack",
        (tenant, column, block, pack(coded)),
    )


def _remove_deltas(connection: Connection, tenant: str, column: str, block: int, position: int) -> None:
    execute(
        connection,
        "DELETE FROM value_delta WHERE tenant = ? AND values_column = ? AND person_id >= ? AND person_id < ? "
        "AND position <= ?",
        (tenant, column, block << BLOCK_BITS, (block + 1) << BLOCK_BITS, position),
    )


def _put_deltas(connection: Connection, index: TenantIndex, touched: Touched) -> None:
    put_many(
        connection,
        "INSERT INTO value_delta (tenant, values_column, person_id, position, codes)",
        ("text", "text", "bigint", "bigint", "text"),
        "ON CONFLICT (tenant, values_column, person_id) "
        "DO UPDATE SET position = excluded.position, codes = excluded.codes",
        [
            (index.tenant, column, person_id, arrival.position, _delta(arrival.value))
            for column, person_id, arrival in touched.single_values()
            if arrival.position >= index.born.get(column, _NEVER)
        ],
    )


def _delta(value: Value | None) -> str | None:
    """A single value as JSON: its codes, texts as they are; None is unknown."""
    if value is None:
        return None
    elements = value if isinstance(value, tuple) else (value,)
    return _JSON.encode([each if isinstance(each, str) else code_of(each) for each in elements])


def _value(delta: str | None, type_: ValueType) -> Value | None:
    if delta is None:
        return None
    kind = type_.element or type_.kind
    elements = tuple(each if isinstance(each, str) else scalar_of(each, kind) for each in json.loads(delta))
    return elements if type_.kind is Kind.LIST else elements[0]


def _fold_block(connection: Connection, tenant: str, column: str, block: int, settled: int) -> None:
    """Rows of single values over the stored block: what both say of a person the rows say later."""
    packed = execute(
        connection,
        "SELECT pack FROM column_block WHERE tenant = ? AND values_column = ? AND block = ?",
        (tenant, column, block),
    ).scalar_one_or_none()
    rows = execute(
        connection,
        "SELECT person_id, codes FROM value_delta WHERE tenant = ? AND values_column = ? AND person_id >= ? "
        "AND person_id < ? AND position <= ? ORDER BY person_id",
        (tenant, column, block << BLOCK_BITS, (block + 1) << BLOCK_BITS, settled),
    ).all()
    texts: dict[int, str] = {}
    numbers: dict[str, int] = {}
    held: dict[int, list[int]] = {}
    if packed is not None:
        stored = unpack(bytes(packed))
        texts = dict(stored.texts)
        numbers = {text: code for code, text in texts.items()}
        ends = np.cumsum(stored.counts, dtype=np.int64)
        codes = stored.codes.tolist()
        for offset, start, end in zip(stored.offsets.tolist(), ends - stored.counts, ends, strict=True):
            held[offset] = codes[start:end]
    for person_id, delta in rows:
        found = [] if delta is None else json.loads(delta)
        held[person_id & (_BLOCK_PERSONS - 1)] = [
            numbers.setdefault(each, len(numbers)) if isinstance(each, str) else each for each in found
        ]
    kept = {offset: held[offset] for offset in sorted(held) if held[offset]}
    coded = Coded(
        np.asarray(list(kept), np.uint16),
        np.asarray([len(each) for each in kept.values()], np.uint16),
        np.asarray([code for each in kept.values() for code in each], np.int64),
        {code: text for text, code in numbers.items()},
    )
    _put_block(connection, tenant, column, block, coded)
    _remove_deltas(connection, tenant, column, block, settled)


def _replace_tenant(connection: Connection, index: TenantIndex) -> None:
    for tag in index.tags.values():
        _put_tag(connection, tag, index.born[tag.tag.name])
    for feature in index.features.values():
        _put_feature(connection, feature, index.born[feature.column])
    if index.day is not None:
        _put_day(connection, index.day)
    _put_persons(connection, index.tenant, index.persons())
    for column, texts in index.texts.items():
        _put_texts(connection, index.tenant, column, texts)
    _put_as_ofs(connection, index.tenant, index.as_ofs)
    for column in index.column_names():
        for block in index.blocks(column):
            coded = index.block(column, block)
            if coded is not None:
                _put_block(connection, index.tenant, column, block, coded)


def _put_texts(connection: Connection, tenant: str, column: str, texts: Mapping[int, str]) -> None:
    put_many(
        connection,
        "INSERT INTO column_text (tenant, values_column, code, text)",
        ("text", "text", "bigint", "text"),
        "ON CONFLICT (tenant, values_column, code) DO UPDATE SET text = excluded.text",
        [(tenant, column, code, text) for code, text in texts.items()],
    )


def _put_as_ofs(connection: Connection, tenant: str, as_ofs: Mapping[str, dt.datetime]) -> None:
    for column, moment in as_ofs.items():
        execute(
            connection,
            "INSERT INTO column_as_of (tenant, values_column, as_of_us) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, values_column) DO UPDATE SET as_of_us = excluded.as_of_us",
            (tenant, column, microseconds(moment)),
        )


def _put_tag(connection: Connection, change: TagChange, born: int) -> None:
    tag = change.tag
    definition = {
        "kind": tag.type.kind.value,
        "element": tag.type.element.value if tag.type.element else None,
        "values": None if tag.values is None else sorted(tag.values.values),
        "openness": None if tag.values is None else tag.values.openness.value,
        "parents": None if tag.values is None else dict(tag.values.parents),
        "run_only": change.run_only,
        "grade": change.grade,
        "purpose": change.purpose,
        "deprecated": change.deprecated,
        "replacement": change.replacement,
    }
    execute(
        connection,
        "INSERT INTO tag (tenant, tag_id, position, born, definition) VALUES (?, ?, ?, ?, ?)",
        (change.tenant, tag.name, change.position, born, json.dumps(definition, ensure_ascii=False)),
    )


def _put_feature(connection: Connection, change: FeatureChange, born: int) -> None:
    execute(
        connection,
        "INSERT INTO feature "
        "(tenant, form, position, born, values_column, kind, state, done_count, total_count, failure) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            change.tenant,
            change.form,
            change.position,
            born,
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
        "INSERT INTO tenant_day (tenant, position, day, time_zone, week_start, periods) VALUES (?, ?, ?, ?, ?, ?)",
        (
            change.tenant,
            change.position,
            days(change.day),
            change.time_zone,
            change.week_start,
            _periods_text(change.periods),
        ),
    )


def _periods_text(periods: Mapping[str, dt.datetime | None]) -> str:
    starts = {name: start and microseconds(start) for name, start in sorted(periods.items())}
    return json.dumps(starts, ensure_ascii=False)


def _periods(text: str) -> dict[str, dt.datetime | None]:
    """Earlier releases kept a list of the names."""
    stored = json.loads(text)
    if isinstance(stored, list):
        return dict.fromkeys(stored)
    return {name: None if start is None else moment_of(start) for name, start in stored.items()}


def _put_persons(connection: Connection, tenant: str, persons: Iterable[PersonChange]) -> None:
    put_many(
        connection,
        "INSERT INTO person (tenant, person_id, version, state, redirect_person_id, birth_hash)",
        ("text", "bigint", "bigint", "smallint", "bigint", "text"),
        "ON CONFLICT (tenant, person_id) DO UPDATE SET version = excluded.version, state = excluded.state, "
        "redirect_person_id = excluded.redirect_person_id, birth_hash = excluded.birth_hash",
        [
            (
                tenant,
                person.person_id,
                person.version,
                person.state.value,
                person.redirect_person_id,
                f"{person.birth_hash:016x}",
            )
            for person in persons
        ],
    )


def _drop_column(connection: Connection, tenant: str, column: str, *, texts: bool = True) -> None:
    tables = ("column_block", "column_file", "column_as_of", "value_delta")
    for table in (*tables, *(("column_text",) if texts else ())):
        execute(
            connection,
            f"DELETE FROM {table} WHERE tenant = ? AND values_column = ?",
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
    for row in execute(
        connection, "SELECT tenant, position, day, time_zone, week_start, periods FROM tenant_day"
    ):
        said = DayRolled(row[0], row[1], day_of(row[2]), row[3], row[4])
        yield said if row[5] is None else replace(said, periods=_periods(row[5]))
    for row in execute(
        connection,
        "SELECT tenant, person_id, version, state, redirect_person_id, birth_hash FROM person",
    ):
        yield PersonChange(row[0], 0, row[1], row[2], PersonState(row[3]), row[4], int(row[5], 16))


def _tag_change(tenant: str, tag_id: str, position: int, stored: Mapping[str, Any]) -> TagChange:
    type_ = ValueType(Kind(stored["kind"]), Kind(stored["element"]) if stored["element"] else None)
    values = None
    if stored["values"] is not None:
        values = ValueList(frozenset(stored["values"]), Openness(stored["openness"]), stored["parents"])
    tag = TagType(tag_id, type_, values)
    return TagChange(
        tenant,
        position,
        tag,
        stored["run_only"],
        deleted=False,
        grade=stored.get("grade", "internal"),
        purpose=stored.get("purpose", ""),
        deprecated=stored.get("deprecated", False),
        replacement=stored.get("replacement", ""),
    )


def _load_catalogue(connection: Connection, into: Mapping[str, TenantIndex]) -> None:
    for tenant, column, born in execute(
        connection,
        "SELECT tenant, tag_id, born FROM tag UNION ALL SELECT tenant, values_column, born FROM feature",
    ):
        into[tenant].born[column] = born
    for tenant, column, code, text in execute(
        connection, "SELECT tenant, values_column, code, text FROM column_text"
    ):
        if tenant in into:
            into[tenant].texts.setdefault(column, {})[code] = text
    for tenant, column, as_of_us in execute(
        connection, "SELECT tenant, values_column, as_of_us FROM column_as_of"
    ):
        if tenant in into:
            into[tenant].as_ofs[column] = moment_of(as_of_us)


def _open_files(connection: Connection, into: Mapping[str, TenantIndex], files: ColumnFiles) -> None:
    for tenant, manifest in SqlColumnManifests().all(connection).items():
        for named in manifest.files.values():
            type_ = into[tenant].type_of(named.column) if tenant in into else None
            if type_ is not None:
                into[tenant].open_column(named.column, files.open(tenant, type_, named))


def _load_values(connection: Connection, into: Mapping[str, TenantIndex]) -> None:
    for tenant, column, block, packed in execute(
        connection, "SELECT tenant, values_column, block, pack FROM column_block"
    ):
        if tenant in into and into[tenant].type_of(column) is not None:
            into[tenant].restore(column, block, unpack(bytes(packed)))
    for tenant, column, person_id, position, delta in execute(
        connection, "SELECT tenant, values_column, person_id, position, codes FROM value_delta"
    ):
        type_ = into[tenant].type_of(column) if tenant in into else None
        if type_ is not None:
            into[tenant].restore_value(column, person_id, position, _value(delta, type_))
    for index in into.values():
        index.restored()
