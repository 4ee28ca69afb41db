"""The same events in DuckDB and ClickHouse, each in two orders: by person, and by type and person. Of a question the
faster one counts."""

import shutil
import tempfile

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benches.segments_events_crowd import DAY_US, FUNNEL, NAMES, NOW_US, Crowd
from benches.segments_events_ours import COHORTS, DAYS, Answer

HOUR_US = DAY_US // 24
_NUMBER = {name: place for place, name in enumerate(NAMES)}
ZONE_US = 8 * HOUR_US
TODAY_US = (NOW_US + ZONE_US) // DAY_US * DAY_US - ZONE_US
"""Midnight in Shanghai."""
WEEK_US = 7 * DAY_US
_MONDAY_US = 4 * DAY_US - ZONE_US
FIRST_WEEK = (NOW_US - DAYS * DAY_US - _MONDAY_US) // WEEK_US
ORDERS = {"by_person": "person, time, sequence", "by_type": "type, person, time, sequence"}


def last(days: int) -> int:
    """When the window of the last so many days begins."""
    return TODAY_US - (days - 1) * DAY_US


def arrow(crowd: Crowd) -> pa.Table:
    return pa.table(
        {
            "person": crowd.people.view(np.uint32),
            "type": crowd.types,
            "time": crowd.times,
            "sequence": np.arange(len(crowd.people), dtype=np.uint32),
            "amount": crowd.amounts,
        }
    )


def _of(*names: str) -> str:
    listed = ", ".join(str(_NUMBER[each]) for each in names)
    return f"type IN ({listed})" if len(names) > 1 else f"type = {listed}"


def questions(table: str, *, count_if: str, shift: str, bits: str, div: str) -> dict[str, str]:
    """What both engines are asked alike."""
    days = f"{(NOW_US + ZONE_US) // DAY_US} - (max(time) + {ZONE_US}) {div} {DAY_US}"
    paid, recent = _of("order_paid"), f"time >= {last(90)}"
    week = f"((time - {_MONDAY_US}) {div} {WEEK_US} - {FIRST_WEEK})"
    back = [f"{count_if}({shift.format('mask', f'cohort + {each}')} % 2 = 1)" for each in range(1, COHORTS)]
    return {
        "rfm": "SELECT count(*), sum(recency), sum(frequency), sum(monetary) FROM "
        f"(SELECT person, {days} AS recency, {count_if}({recent}) AS frequency, "
        f"sum(CASE WHEN {recent} THEN amount ELSE 0 END) AS monetary "
        f"FROM {table} WHERE {paid} GROUP BY person) AS buyers",
        "count": f"SELECT count(*) FROM (SELECT person FROM {table} WHERE {_of('add_to_cart')} "
        f"AND time >= {last(30)} GROUP BY person HAVING count(*) >= 3) AS found",
        "period": f"SELECT count(*) FROM (SELECT person FROM {table} WHERE {paid} AND time >= {last(60)} "
        f"GROUP BY person HAVING 2 * sum(CASE WHEN time >= {last(30)} THEN amount ELSE 0 END) < "
        f"sum(CASE WHEN time < {last(30)} THEN amount ELSE 0 END)) AS found",
        "retention": f"SELECT cohort, count(*), {', '.join(back)} FROM "
        f"(SELECT person, min({week}) AS cohort, {bits.format(week)} AS mask "
        f"FROM {table} WHERE {_of('view_item')} GROUP BY person) AS found "
        f"WHERE cohort < {COHORTS} GROUP BY cohort",
    }


def _matrix(rows: list[list[int]]) -> Answer:
    """Sizes of the cohorts, and who comes back in each later period."""
    found = {row[0]: row[1:] for row in rows}
    cohorts = [found.get(each, [0] * COHORTS) for each in range(COHORTS)]
    return tuple([each[0] for each in cohorts] + [count for each in cohorts for count in each[1:]])


class DuckDb:
    """Tables in memory."""

    name = "duckdb"

    def __init__(self, crowd: Crowd) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.register("crowd", arrow(crowd))
        for name, order in ORDERS.items():
            self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM crowd ORDER BY {order}")
        self._connection.unregister("crowd")
        self.layouts = tuple(ORDERS)
        self._sql = {name: self._questions(name) for name in ORDERS}

    def _questions(self, table: str) -> dict[str, str]:
        asked = questions(
            table,
            count_if="count_if",
            shift="({0} >> ({1})::INTEGER)",
            bits="bit_or(1::BIGINT << {0}::INTEGER)",
            div="//",
        )
        asked["sequence"] = (
            "SELECT count(DISTINCT person) FROM (SELECT person, type, time, lag(type) OVER w AS before, "
            f"lag(time) OVER w AS earlier FROM {table} WHERE {_of('add_to_cart', 'order_paid', 'coupon_received')} "
            f"WINDOW w AS (PARTITION BY person ORDER BY time, sequence)) WHERE {_of('order_paid')} "
            f"AND before = {_NUMBER['add_to_cart']} AND time - earlier <= {WEEK_US}"
        )
        inner = f"SELECT person, time, sequence, type, CASE WHEN {_of(FUNNEL[0])} THEN time END AS b1 FROM {table} "
        inner += f"WHERE {_of(*FUNNEL)}"
        frame = "(PARTITION BY person ORDER BY time, sequence)"
        for step, name in enumerate(FUNNEL[1:], start=2):
            inner = (
                f"SELECT *, CASE WHEN {_of(name)} AND time - m{step} <= {WEEK_US} THEN m{step} END AS b{step} "
                f"FROM (SELECT *, max(b{step - 1}) OVER {frame} AS m{step} FROM ({inner}))"
            )
        levels = [f"max(b{step} IS NOT NULL) AS l{step}" for step in range(1, len(FUNNEL) + 1)]
        counted = [f"count_if(l{step})" for step in range(1, len(FUNNEL) + 1)]
        asked["funnel"] = (
            f"SELECT {', '.join(counted)} FROM (SELECT person, {', '.join(levels)} FROM ({inner}) GROUP BY person)"
        )
        return asked

    def answer(self, question: str, layout: str) -> Answer:
        rows = self._connection.execute(self._sql[layout][question]).fetchall()
        if question == "retention":
            return _matrix([[int(each) for each in row] for row in rows])
        return tuple(int(each) for each in rows[0])

    def close(self) -> None:
        self._connection.close()


class ClickHouse:
    """chDB: MergeTree tables."""

    name = "chdb"

    def __init__(self, crowd: Crowd) -> None:
        from chdb.session import Session

        self._folder = tempfile.mkdtemp(prefix="segments-bench-")
        path = f"{self._folder}/events.parquet"
        pq.write_table(arrow(crowd), path, compression="zstd", row_group_size=1 << 20)
        self._session = Session(f"{self._folder}/store")
        self._send("SET schema_inference_make_columns_nullable = 0")
        self._send("CREATE DATABASE bench")
        self._send("USE bench")
        for name, order in ORDERS.items():
            self._send(
                f"CREATE TABLE {name} ENGINE = MergeTree ORDER BY ({order}) AS SELECT * FROM file('{path}', Parquet)"
            )
            self._send(f"OPTIMIZE TABLE {name} FINAL")
        self.layouts = tuple(ORDERS)
        self._sql = {name: self._questions(name) for name in ORDERS}

    def _questions(self, table: str) -> dict[str, str]:
        asked = questions(
            table,
            count_if="countIf",
            shift="bitShiftRight({0}, {1})",
            bits="groupBitOr(bitShiftLeft(toUInt64(1), {0}))",
            div="DIV",
        )
        asked["sequence"] = (
            "SELECT uniqExact(person) FROM (SELECT person, type, time, lagInFrame(type, 1, 255) OVER w AS before, "
            f"lagInFrame(time) OVER w AS earlier FROM {table} "
            f"WHERE {_of('add_to_cart', 'order_paid', 'coupon_received')} WINDOW w AS (PARTITION BY person "
            "ORDER BY time, sequence ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) "
            f"WHERE {_of('order_paid')} AND before = {_NUMBER['add_to_cart']} AND time - earlier <= {WEEK_US}"
        )
        steps = ", ".join(_of(name) for name in FUNNEL)
        counted = ", ".join(f"countIf(level >= {step})" for step in range(1, len(FUNNEL) + 1))
        asked["funnel"] = (
            f"SELECT {counted} FROM (SELECT person, windowFunnel({WEEK_US})(toUInt64(time), {steps}) AS level "
            f"FROM {table} WHERE {_of(*FUNNEL)} GROUP BY person)"
        )
        return asked

    def _send(self, sql: str) -> str:
        return str(self._session.query(sql, "TabSeparated").data())

    def answer(self, question: str, layout: str) -> Answer:
        lines = self._send(self._sql[layout][question]).splitlines()
        rows = [[int(each) for each in line.split("\t")] for line in lines]
        return _matrix(rows) if question == "retention" else tuple(rows[0])

    def close(self) -> None:
        self._session.close()
        shutil.rmtree(self._folder, ignore_errors=True)
