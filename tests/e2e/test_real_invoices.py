"""The demo over real invoices equals the published figures and independent queries over the file itself.

`make test` takes a sample of the customers, `make proof` all of them.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cli.calls import segments
from cli.demo.narration import Narration
from cli.demo.run import make_world
from cli.demo.state import Demo
from cli.demo.steps import STEPS, WORLD_STEPS, run_steps
from cli.demo.suite import clear
from cli.suite import running
from suite_process import free_base_port

DATA = Path(__file__).parents[3] / "shared/data/orders/online_retail.parquet"
WHOLE = os.environ.get("HUAXIANG_PROOF") == "1"
LAST_SAMPLED_STEP = "audiences"
KNOWN_CUSTOMERS = {"12347": (2, 7, 4310.00), "12348": (75, 4, 1797.24), "12350": (310, 1, 334.40)}
SAMPLE_ONE_OF = 12
LAST_CUSTOMER = 12680
"""Whose invoice is the last of the file, so that a sample is told at the same moment as the whole."""

RULES = {
    "rfm_class IN ('key_keep', 'key_win_back')": "class IN ('011', '001')",
    "COUNT(order_paid) IN LAST 30 DAYS >= 1": "orders_30d >= 1",
    "SUM(order_paid.amount) IN LAST 90 DAYS >= 1000 AND order_count_90d >= 2": "amount_90d >= 1000 AND orders_90d >= 2",
    "rfm_class = 'key_value'": "class = '111'",
    "rfm_class = 'general_win_back' AND rfm_monetary > 300": "class = '000' AND amount > 300",
    "COUNT(order_paid) >= 5": "orders >= 5",
    "rfm_recency_days BETWEEN 30 AND 60": "recency BETWEEN 30 AND 60",
    "average_order_value > 500": "amount / orders > 500",
    "MAX(order_paid.amount) >= 1000": "largest >= 1000",
    "COUNT(order_paid) >= 1 AND DID order_cancelled": "orders >= 1 AND cancelled >= 1",
    "last_order_date >= 2011-12-01": "last_day >= DATE '2011-12-01'",
    "COUNT(order_paid WHERE hour < 10) >= 2": "early >= 2",
    "DISTINCT(order_paid.items.item_id) >= 100": "items >= 100",
}
"""A rule of the suite, and the same over `customers` in SQL."""

CUSTOMERS = """
CREATE TABLE customers AS
WITH lines AS (
    SELECT CAST(CustomerID AS BIGINT) AS customer, InvoiceNo AS invoice, CAST(StockCode AS VARCHAR) AS item,
        CAST(InvoiceDate AS TIMESTAMP) AS moment, Quantity AS quantity,
        CAST(Quantity AS DECIMAL(18, 4)) * CAST(UnitPrice AS DECIMAL(12, 4)) AS amount,
        InvoiceNo LIKE 'C%' AS cancels, UnitPrice > 0 AS priced
    FROM read_parquet(?) WHERE CustomerID IS NOT NULL
), paid AS (
    SELECT customer, invoice, max(moment) AS moment, sum(amount) AS amount
    FROM lines WHERE quantity > 0 AND priced AND NOT cancels GROUP BY ALL
), bought AS (
    SELECT customer, count(DISTINCT item) AS items
    FROM lines WHERE quantity > 0 AND priced AND NOT cancels GROUP BY ALL
), taken_back AS (
    SELECT customer, count(DISTINCT invoice) AS cancellations FROM lines WHERE cancels GROUP BY ALL
), told AS (SELECT max(moment) + INTERVAL 1 DAY AS now FROM paid), measured AS (
    SELECT customer, count(*) AS orders, sum(amount) AS amount, max(amount) AS largest,
        CAST(max(moment) AS DATE) AS last_day, date_diff('second', max(moment), any_value(now)) // 86400 AS recency,
        count(*) FILTER (CAST(moment AS DATE) > CAST(now AS DATE) - 30) AS orders_30d,
        count(*) FILTER (CAST(moment AS DATE) > CAST(now AS DATE) - 90) AS orders_90d,
        coalesce(sum(amount) FILTER (CAST(moment AS DATE) > CAST(now AS DATE) - 90), 0) AS amount_90d,
        count(*) FILTER (hour(moment) < 10) AS early
    FROM paid, told GROUP BY customer
)
SELECT measured.*, items, coalesce(cancellations, 0) AS cancelled,
    concat(CAST(recency < avg(recency) OVER () AS INT), CAST(orders > avg(orders) OVER () AS INT),
        CAST(amount > avg(amount) OVER () AS INT)) AS class
FROM measured JOIN bought USING (customer) LEFT JOIN taken_back USING (customer)
"""
CLASSES = {
    "111": "key_value",
    "011": "key_keep",
    "101": "key_develop",
    "001": "key_win_back",
    "110": "general_value",
    "010": "general_keep",
    "100": "general_develop",
    "000": "general_win_back",
}

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data/orders/online_retail.parquet")


@pytest.fixture(scope="module")
def invoices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole file, or the invoices of some customers."""
    if WHOLE:
        return DATA
    sample = tmp_path_factory.mktemp("invoices") / "sample.parquet"
    wanted = ", ".join([*KNOWN_CUSTOMERS, str(LAST_CUSTOMER)])
    duckdb.sql(
        f"COPY (SELECT * FROM '{DATA}' WHERE CustomerID IN ({wanted}) OR CustomerID % {SAMPLE_ONE_OF} = 1) "
        f"TO '{sample}' (FORMAT parquet)"
    )
    return sample


@pytest.fixture(scope="module")
def customers(invoices: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(CUSTOMERS, [str(invoices)])
    return connection


@pytest.fixture(scope="module")
def demo(invoices: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """With its audiences made, its suite up, its clock still at the moment of the story."""
    root = tmp_path_factory.mktemp("demo") / "invoices"
    demo = Demo(root, invoices, None, None, free_base_port(), Narration(len(STEPS) + WORLD_STEPS))
    clear(demo)
    make_world(demo)
    last = [step.name for step in STEPS].index(LAST_SAMPLED_STEP)
    try:
        asyncio.run(run_steps(demo, STEPS[: last + 1]))
        yield demo
    finally:
        suite = running.find(demo.folder)
        if suite is not None:
            running.stop(suite)


def test_accounts_are_joined_as_the_truth_says(demo: Demo) -> None:
    found = demo.found["identity"]
    assert found["pair_precision"] == 1.0
    assert found["pair_recall"] >= 0.98
    if WHOLE:
        assert demo.found["input"]["persons_true"] == 4_371


def test_rfm_of_known_customers_is_as_published(demo: Demo) -> None:
    by_customer = demo.found["rfm"]["by_customer"]
    found = {
        customer: tuple(by_customer[customer][name] for name in ("recency_days", "frequency", "monetary"))
        for customer in KNOWN_CUSTOMERS
    }
    assert found == KNOWN_CUSTOMERS


def test_rfm_of_every_customer_equals_the_query(demo: Demo, customers: duckdb.DuckDBPyConnection) -> None:
    rows = customers.sql("SELECT customer, recency, orders, amount, class FROM customers").fetchall()
    expected: dict[str, dict[str, Any]] = {
        str(customer): {
            "recency_days": recency,
            "frequency": orders,
            "monetary": float(amount),
            "class": CLASSES[name],
        }
        for customer, recency, orders, amount, name in rows
    }
    assert demo.found["rfm"]["by_customer"] == expected
    if WHOLE:
        assert len(expected) == 4_338


def test_classes_are_eight_and_add_up(demo: Demo, customers: duckdb.DuckDBPyConnection) -> None:
    counts = dict(customers.sql("SELECT class, count(*) FROM customers GROUP BY class").fetchall())
    assert demo.found["rfm"]["classes"] == {name: counts.get(bits, 0) for bits, name in CLASSES.items()}


def test_every_stored_audience_equals_its_query(demo: Demo, customers: duckdb.DuckDBPyConnection) -> None:
    assert len(demo.found["segments"]) == 3
    for found in demo.found["segments"].values():
        (expected,) = customers.sql(
            f"SELECT count(*) FROM customers WHERE {RULES[found['rule']]}"
        ).fetchall()[0]
        assert found["count"] == expected > 0, found["rule"]


@pytest.mark.parametrize("rule", RULES)
async def test_a_preview_equals_its_query(
    demo: Demo, customers: duckdb.DuckDBPyConnection, rule: str
) -> None:
    async with demo.channel("segments") as channel:
        answer = await segments.preview(channel, rule, "known", token=demo.revision)
    (expected,) = customers.sql(f"SELECT count(*) FROM customers WHERE {RULES[rule]}").fetchall()[0]
    assert answer.count == expected
