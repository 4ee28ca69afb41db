"""RFM of every buyer: an expression of the rule language over all persons, beside the same aggregation in plain SQL.

Both read the same Parquet file with the same DuckDB and join orders to persons by the same key. What the rule language
adds is exactness: 128-bit sums of fixed-point numbers, the tenant's days, and three expressions read as one.
"""

import datetime as dt
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rules.check import Population, check_form
from rules.evaluate.setting import Setting
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.schema import Catalogue, EventType, PropertyType
from rules.values import NUMBER
from rules.windows import CalendarSettings

from benches.measure import interleaved, write

SEED = 20_260_630
PERSONS = 500_000
ORDERS = 3_000_000
AS_OF = dt.datetime(2026, 7, 1, 2, tzinfo=dt.UTC)
ORDER_PAID = EventType("order_paid", (PropertyType("amount", NUMBER),))
FORMS = {
    "recency": "ELAPSED DAYS(LAST(order_paid))",
    "frequency": "COUNT(order_paid)",
    "monetary": "SUM(order_paid.amount)",
}
SQL = """
    SELECT person_id, date_diff('microsecond', max(time), TIMESTAMPTZ '2026-07-01 02:00:00+00') // 86400000000
               AS recency,
           count(*) AS frequency, sum(amount) AS monetary
    FROM "persons.known" JOIN "events.order_paid" USING (person_id) GROUP BY person_id
"""


def main() -> None:
    """Runs the bench and prints its figures. Raises AssertionError when the answers differ."""
    with tempfile.TemporaryDirectory() as folder:
        connection = _world(Path(folder))
        schema = Catalogue.of(events=[ORDER_PAID])
        setting = Setting(schema, AS_OF, CalendarSettings())
        questions = {name: check_form(text, schema).form for name, text in FORMS.items()}

        def ours() -> pa.Table:
            return DuckDb(connection).collect(
                Tables(NamedRelations(), setting).columns(questions, Population.KNOWN)
            )

        def peer() -> pa.Table:
            return connection.sql(SQL).to_arrow_table()

        _require_equal(ours(), peer())
        figures = interleaved({"ours": ours, "duckdb": peer})
    ratio = figures["ours"]["wall_ms"] / figures["duckdb"]["wall_ms"]
    path = write(
        "rules",
        SEED,
        {"persons": PERSONS, "orders": ORDERS},
        {"rfm": {**figures, "ratio_to_duckdb": round(ratio, 3)}},
    )
    print(path.read_text())


def _world(folder: Path) -> duckdb.DuckDBPyConnection:
    draw = np.random.default_rng(SEED)
    first = int(dt.datetime(2025, 7, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000
    last = int(AS_OF.timestamp()) * 1_000_000
    orders = pa.table(
        {
            "person_id": draw.integers(1, PERSONS * 3 // 5, ORDERS),
            "time": pa.array(draw.integers(first, last, ORDERS), pa.timestamp("us", "UTC")),
            "ingest_seq": np.arange(ORDERS),
            "source": pa.array(["shop"] * ORDERS).dictionary_encode().cast(pa.string()),
            "channel": pa.nulls(ORDERS, pa.string()),
            "store_id": pa.nulls(ORDERS, pa.string()),
            "amount": draw.integers(10_000, 50_000_000, ORDERS),
        }
    )
    pq.write_table(orders, folder / "orders.parquet")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"CREATE VIEW \"events.order_paid\" AS FROM read_parquet('{folder / 'orders.parquet'}')"
    )
    connection.execute(f'CREATE TABLE "persons.known" AS SELECT range + 1 AS person_id FROM range({PERSONS})')
    return connection


def _require_equal(ours: pa.Table, peer: pa.Table) -> None:
    """Buyers and their figures must agree; the rule language's numbers are scaled by 10,000."""
    found = duckdb.connect()
    found.register("ours", ours)
    found.register("peer", peer)
    buyers, differing = found.sql(
        "SELECT count(*), count(*) FILTER (o.recency <> p.recency * 10000 OR o.frequency <> p.frequency * 10000 "
        "OR o.monetary <> p.monetary) FROM peer p JOIN ours o USING (person_id) WHERE o.frequency > 0"
    ).fetchall()[0]
    assert buyers == peer.num_rows, f"{buyers} buyers beside {peer.num_rows}"
    assert differing == 0, f"{differing} buyers differ"
