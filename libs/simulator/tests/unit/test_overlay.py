"""The real invoices stay what they are; the invented people can be linked."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from simulator.manifest import BadRequestError, Manifest
from simulator.overlay import overlay

DATA = Path(__file__).resolve().parents[5] / "shared/data/orders/online_retail.parquet"


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DATA.is_file():
        pytest.skip(f"{DATA} is absent: the Online Retail data set is not part of the repository")
    folder = tmp_path_factory.mktemp("overlay") / "retail"
    overlay(folder, DATA)
    return folder


@pytest.fixture(scope="module")
def orders(retail: Path) -> pa.Table:
    sources = ("shop", "mini_program", "app", "pos")
    common = ["event", "order_id", "member_id", "ordered_at", "amount", "items"]
    return pa.concat_tables(
        [pq.read_table(retail / f"{name}/orders.parquet", columns=common) for name in sources]
    )


@pytest.fixture(scope="module")
def rows(orders: pa.Table) -> list[dict[str, Any]]:
    return orders.to_pylist()


def test_persons_are_those_who_paid_or_cancelled(retail: Path):
    assert Manifest.load(retail).persons == 4_371
    facts = pq.read_table(retail / "truth/facts.parquet").to_pylist()
    assert len(facts) == 4_371
    assert sum(row["paid_orders"] > 0 for row in facts) == 4_338
    assert all(row["cancelled_orders"] > 0 for row in facts if not row["paid_orders"])


def test_an_invoice_is_one_order_with_exact_amounts(rows: list[dict[str, Any]]):
    paid = [row for row in rows if row["event"] == "order_paid"]
    assert len(paid) == 18_532
    assert sum(len(row["items"]) for row in paid) == 397_884
    assert sum(row["amount"] for row in paid) == Decimal("8911407.9040")
    assert all(row["amount"] == sum(item["amount"] for item in row["items"]) for row in paid)


def test_orders_equal_an_independent_query_of_the_file(orders: pa.Table):
    expected = duckdb.sql(
        f"""
        SELECT InvoiceNo, CustomerID::VARCHAR, max(InvoiceDate)::TIMESTAMP,
               sum(round(Quantity * UnitPrice::DECIMAL(18, 4), 4))::DECIMAL(18, 4)
        FROM '{DATA}' WHERE CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0 GROUP BY ALL
        UNION ALL
        SELECT InvoiceNo, CustomerID::VARCHAR, max(InvoiceDate)::TIMESTAMP,
               sum(-Quantity * UnitPrice::DECIMAL(18, 4))::DECIMAL(18, 4)
        FROM '{DATA}' WHERE CustomerID IS NOT NULL AND InvoiceNo LIKE 'C%' GROUP BY ALL
        """
    ).fetchall()
    told = duckdb.sql("SELECT order_id, member_id, ordered_at::TIMESTAMP, amount FROM orders").fetchall()
    assert Counter(told) == Counter(expected)


def test_cancellations_tell_a_positive_amount_and_nothing_else(rows: list[dict[str, Any]]):
    cancelled = [row for row in rows if row["event"] == "order_cancelled"]
    assert len(cancelled) == 3_654
    assert all(
        row["order_id"].startswith("C") and row["amount"] > 0 and row["items"] is None for row in cancelled
    )


@pytest.mark.parametrize(
    ("customer", "days", "frequency", "monetary"),
    [("12347", 2, 7, "4310.0000"), ("12348", 75, 4, "1797.2400"), ("12350", 310, 1, "334.4000")],
)
def test_published_rfm_figures(
    retail: Path, rows: list[dict[str, Any]], customer: str, days: int, frequency: int, monetary: str
):
    fact = next(
        row
        for row in pq.read_table(retail / "truth/facts.parquet").to_pylist()
        if row["member_id"] == customer
    )
    assert (fact["recency_days"], fact["paid_orders"], fact["paid_amount"]) == (
        days,
        frequency,
        Decimal(monetary),
    )
    paid = [row for row in rows if row["member_id"] == customer and row["event"] == "order_paid"]
    as_of = Manifest.load(retail).as_of.replace(tzinfo=None)
    assert (as_of - max(row["ordered_at"] for row in paid)).days == days


def test_identities_are_spread_dirty_and_shared_as_promised(retail: Path):
    accounts = pq.read_table(retail / "truth/accounts.parquet").to_pylist()
    sources = Counter(person for _, person in {(row["source"], row["person"]) for row in accounts})
    assert sum(count >= 3 for count in sources.values()) >= 0.2 * 4_371
    phones = duckdb.sql(
        f"SELECT mobile FROM read_csv('{retail}/crm/members.csv', all_varchar = true)"
    ).fetchall()
    dirty = sum(
        phone is None or not (phone.isascii() and phone.isdigit() and len(phone) == 11) for (phone,) in phones
    )
    assert 0.035 * 4_371 <= dirty <= 0.065 * 4_371
    rows = pq.read_table(retail / "truth/shared.parquet").to_pylist()
    family = [row for row in rows if row["kind"] == "family_phone"]
    assert 0.025 * 4_371 <= len(family) <= 0.035 * 4_371
    assert set(Counter(row["value"] for row in family).values()) == {2}


def test_linking_without_shared_phones_reaches_the_promise(linker, retail: Path):
    for reached in (linker.by_truth(retail), linker.by_observation(retail)):
        assert reached.precision == 1.0
        assert reached.recall >= 0.985
    assert linker.naive(retail).precision < 1.0


def test_a_file_that_is_not_the_data_set_is_refused_and_nothing_is_written(tmp_path: Path):
    wrong = tmp_path / "wrong.parquet"
    pq.write_table(pa.table({"InvoiceNo": ["1"], "Quantity": [1]}), wrong)
    text = tmp_path / "text.parquet"
    text.write_text("not parquet")
    for path, message in (
        (wrong, "lacks the columns CustomerID"),
        (text, "cannot be read"),
        (tmp_path / "no", "not a file"),
    ):
        with pytest.raises(BadRequestError, match=message):
            overlay(tmp_path / "out", path)
    assert not (tmp_path / "out").exists()
