"""The same people in DuckDB, Polars and ClickHouse, each as its own users would tune it."""

import shutil
import tempfile
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benches import segments_questions as questions
from benches.segments_people import BOOLS, SIZES, People
from benches.segments_questions import QUESTIONS, Question

_BOOLS = [f"b{each}" for each in range(BOOLS)]
_CATEGORIES = [f"c{each}" for each in range(len(SIZES))]


def arrow(people: People) -> pa.Table:
    """Bools as bits, categories in a byte, numbers in four, lists of bytes."""
    columns: dict[str, Any] = {"id": np.arange(people.persons, dtype=np.uint32)}
    columns |= {f"b{place}": pa.array(each) for place, each in enumerate(people.bools)}
    columns |= {f"c{place}": each for place, each in enumerate(people.categories)}
    columns |= {f"n{place}": each for place, each in enumerate(people.numbers)}
    for place, (ends, values) in enumerate(people.lists):
        starts = pa.array(np.concatenate([[0], ends]).astype(np.int32))
        columns[f"m{place}"] = pa.ListArray.from_arrays(starts, pa.array(values))
    columns["audience"], columns["yesterday"] = pa.array(people.audience), pa.array(people.yesterday)
    return pa.table(columns)


class DuckDb:
    """A table in memory."""

    name = "duckdb"

    def __init__(self, people: People, table: pa.Table, threads: int) -> None:
        self._connection = duckdb.connect(config={"threads": threads})
        self._connection.register("crowd", table)
        self._connection.execute("CREATE TABLE people AS SELECT * FROM crowd")
        self._connection.unregister("crowd")

    def count(self, question: Question) -> int:
        sql = f"SELECT count(*) FROM people WHERE {questions.duckdb(question)}"
        return int(self._connection.execute(sql).fetchall()[0][0])

    def distribution(self) -> list[int]:
        bools = ", ".join(f"count_if({each})" for each in _BOOLS)
        found = list(self._connection.execute(f"SELECT {bools} FROM people WHERE audience").fetchall()[0])
        sets = ", ".join(f"({each})" for each in _CATEGORIES)
        names = ", ".join(_CATEGORIES)
        sql = f"SELECT {names}, count(*) FROM people WHERE audience GROUP BY GROUPING SETS ({sets})"
        return [*map(int, found), *_by_value(self._connection.execute(sql).fetchall())]

    def ids(self) -> Any:
        return self._connection.execute("SELECT id FROM people WHERE audience").fetchnumpy()["id"]

    def moved(self) -> tuple[int, int]:
        ids = "SELECT id FROM people WHERE "
        entered = self._connection.execute(ids + "audience AND NOT yesterday").fetchnumpy()["id"]
        left = self._connection.execute(ids + "yesterday AND NOT audience").fetchnumpy()["id"]
        return len(entered), len(left)

    def close(self) -> None:
        self._connection.close()


class Polars:
    """A frame in memory."""

    name = "polars"

    def __init__(self, people: People, table: pa.Table, threads: int) -> None:
        import polars

        self._polars = polars
        self._frame: Any = polars.from_arrow(table)

    def count(self, question: Question) -> int:
        condition = self._polars.sql_expr(questions.polars(question))
        return int(self._frame.lazy().select(condition.sum()).collect().item())

    def distribution(self) -> list[int]:
        inside = self._frame.lazy().select([*_BOOLS, *_CATEGORIES, "audience"]).filter("audience").collect()
        found = list(inside.select(self._polars.col(_BOOLS).sum()).row(0))
        lazy = [inside.lazy().group_by(each).len() for each in _CATEGORIES]
        for size, counted in zip(SIZES, self._polars.collect_all(lazy), strict=True):
            values = np.zeros(size, np.int64)
            values[counted.to_series(0).to_numpy()] = counted.to_series(1).to_numpy()
            found += values.tolist()
        return [int(each) for each in found]

    def ids(self) -> Any:
        return self._frame.lazy().filter("audience").select("id").collect().to_series().to_numpy()

    def moved(self) -> tuple[int, int]:
        column = self._polars.col
        entered = self._frame.lazy().filter(column("audience") & ~column("yesterday")).select("id").collect()
        left = self._frame.lazy().filter(column("yesterday") & ~column("audience")).select("id").collect()
        return len(entered), len(left)

    def close(self) -> None:
        del self._frame


class ClickHouse:
    """chDB: a wide MergeTree table, and one bitmap per value beside it."""

    name = "chdb"

    def __init__(self, people: People, table: pa.Table, threads: int) -> None:
        from chdb.session import Session

        self._folder = tempfile.mkdtemp(prefix="segments-bench-")
        path = f"{self._folder}/people.parquet"
        pq.write_table(table, path, compression="zstd", row_group_size=1 << 20)
        self._session = Session(f"{self._folder}/store")
        self._send(f"SET max_threads = {threads}")
        self._send("SET schema_inference_make_columns_nullable = 0")
        self._send("CREATE DATABASE bench")
        self._send("USE bench")
        self._send(
            f"CREATE TABLE people ENGINE = MergeTree ORDER BY id AS SELECT * FROM file('{path}', Parquet)"
        )
        self._send("OPTIMIZE TABLE people FINAL")
        self._make_bitmaps()

    def _make_bitmaps(self) -> None:
        self._send(
            "CREATE TABLE bitmaps (tag String, value UInt16, z AggregateFunction(groupBitmap, UInt32)) "
            "ENGINE = MergeTree ORDER BY (tag, value) SETTINGS index_granularity = 1"
        )
        put = "INSERT INTO bitmaps SELECT"
        for tag in [*_BOOLS, "audience", "yesterday"]:
            self._send(f"{put} '{tag}', 1, groupBitmapState(id) FROM people WHERE {tag}")
        for tag in _CATEGORIES:
            self._send(f"{put} '{tag}', {tag}, groupBitmapState(id) FROM people GROUP BY {tag}")
        for tag in ("m0", "m1"):
            self._send(f"{put} '{tag}', v, groupBitmapState(id) FROM people ARRAY JOIN {tag} AS v GROUP BY v")
        self._send(f"{put} 'everyone', 1, groupBitmapState(id) FROM people")
        for each in set().union(*map(questions.ranges, QUESTIONS.values())):
            where = questions.clickhouse(each)
            name = questions.range_name(each)
            self._send(f"{put} '{name}', 1, groupBitmapState(id) FROM people WHERE {where}")
        self._send("OPTIMIZE TABLE bitmaps FINAL")

    def _send(self, sql: str) -> str:
        return str(self._session.query(sql, "TabSeparated").data())

    def _rows(self, sql: str) -> list[list[int]]:
        return [[int(each) for each in line.split("\t")] for line in self._send(sql).splitlines()]

    def _numbers(self, sql: str) -> Any:
        """One column of UInt32."""
        return np.frombuffer(self._session.query(sql, "RowBinary").bytes(), np.uint32)

    def count(self, question: Question) -> int:
        return self._rows(f"SELECT count() FROM people WHERE {questions.clickhouse(question)}")[0][0]

    def count_bitmaps(self, question: Question) -> int:
        return self._rows(f"SELECT bitmapCardinality({questions.group_bitmaps(question)})")[0][0]

    def distribution(self) -> list[int]:
        bools = ", ".join(f"countIf({each})" for each in _BOOLS)
        found = self._rows(f"SELECT {bools} FROM people WHERE audience")[0]
        sets = ", ".join(f"({each})" for each in _CATEGORIES)
        names = ", ".join(f"grouping({each}) = 1 ? -1 : toInt16({each})" for each in _CATEGORIES)
        sql = f"SELECT {names}, count() FROM people WHERE audience GROUP BY GROUPING SETS ({sets})"
        rows = [[None if each < 0 else each for each in row] for row in self._rows(sql)]
        return [*found, *_by_value(rows)]

    def distribution_bitmaps(self) -> list[int]:
        audience = "(SELECT groupBitmapMergeState(z) FROM bitmaps WHERE tag = 'audience')"
        tags = "tag LIKE 'b%' OR tag LIKE 'c%'"
        sql = f"SELECT tag, value, bitmapAndCardinality(z, {audience}) FROM bitmaps WHERE {tags}"
        counted = {
            (tag, int(value)): int(count)
            for tag, value, count in (line.split("\t") for line in self._send(sql).splitlines())
        }
        bools = [counted.get((each, 1), 0) for each in _BOOLS]
        pairs = zip(_CATEGORIES, SIZES, strict=True)
        return bools + [counted.get((tag, value), 0) for tag, size in pairs for value in range(size)]

    def ids(self) -> Any:
        return self._numbers("SELECT id FROM people WHERE audience")

    def moved(self) -> tuple[int, int]:
        entered = self._numbers("SELECT id FROM people WHERE audience AND NOT yesterday")
        left = self._numbers("SELECT id FROM people WHERE yesterday AND NOT audience")
        return len(entered), len(left)

    def moved_bitmaps(self) -> tuple[int, int]:
        states = "(SELECT groupBitmapMergeState(z) FROM bitmaps WHERE tag = '{}')"
        today, before = states.format("audience"), states.format("yesterday")
        parts = (
            f"arrayJoin(bitmapToArray(bitmapAndnot({a}, {b})))" for a, b in ((today, before), (before, today))
        )
        entered, left = (self._numbers(f"SELECT {each}") for each in parts)
        return len(entered), len(left)

    def close(self) -> None:
        self._session.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _by_value(rows: Any) -> list[int]:
    """Counts of all categories' values, from rows of (one value among the categories, count)."""
    counted = [[0] * size for size in SIZES]
    for *values, count in rows:
        for place, each in enumerate(values):
            if each is not None:
                counted[place][each] = int(count)
    return [count for each in counted for count in each]
