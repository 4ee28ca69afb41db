"""The same seed tells the same story; exports, truth and manifest agree."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from simulator.manifest import BadRequestError, FolderTakenError, FolderUnreadableError, Manifest
from simulator.presence import Rates
from simulator.retailer import simulate

SELLERS = ("shop", "mini_program", "app", "pos")
PROPERTIES_OF = {
    "order_paid": {"order_id", "amount", "discount", "channel", "store_id", "coupon_id", "items"},
    "order_cancelled": {"order_id", "amount"},
    "order_refunded": {"order_id", "amount", "reason"},
    "view_item": {"item_id", "category", "brand", "price"},
    "add_to_cart": {"item_id", "category", "brand", "quantity", "amount"},
    "page_view": {"page", "platform", "utm_source", "utm_campaign", "creative"},
    "search": {"keyword"},
    "like": {"item_id", "content_id"},
    "share": {"item_id", "content_id"},
    "member_joined": {"level", "channel", "store_id"},
    "level_changed": {"from_level", "to_level"},
    "points_changed": {"delta", "balance", "reason"},
    "invite_sent": {"invite_code"},
    "invite_accepted": {"invite_code", "inviter_member_id"},
    "coupon_received": {"coupon_id", "amount"},
    "coupon_used": {"coupon_id", "amount"},
}


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def orders_of(folder: Path, *columns: str) -> pa.Table:
    paths = (folder / f"{source}/orders.parquet" for source in SELLERS)
    return pa.concat_tables([pq.read_table(path, columns=list(columns)) for path in paths])


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path: Path):
    program = "import sys; from pathlib import Path; from simulator.retailer import simulate; "
    program += "simulate(Path(sys.argv[1]), 400, 11)"
    for name, hash_seed in (("one", "1"), ("two", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], env=environment, check=True)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    simulate(tmp_path / "other", 400, 12)
    changed = digest(tmp_path / "other")
    assert all(
        changed[name] != told for name, told in digest(tmp_path / "one").items() if "/truth/" in f"/{name}"
    )


def test_manifest_counts_what_was_written(small: Path, exports):
    manifest = Manifest.load(small)
    events: Counter[str] = Counter()
    for entry in manifest.sources:
        table, mapping = exports(small, entry)
        assert table.num_rows == entry.rows
        kind = mapping.get("event", {}).get("type")
        if isinstance(kind, str):
            events[kind] += table.num_rows
        elif kind:
            events.update(table[kind["column"]].to_pylist())
    assert manifest.events == dict(events)
    assert manifest.records == sum(entry.rows for entry in manifest.sources)
    assert manifest.accounts == pq.read_metadata(small / "truth/accounts.parquet").num_rows
    assert manifest.truth_path(small, "persons").is_file()
    assert manifest.persons == 3_000


def test_mappings_name_columns_that_exist_and_unique_records(small: Path, exports):
    seen: set[tuple[str, str]] = set()
    for entry in Manifest.load(small).sources:
        table, mapping = exports(small, entry)
        assert mapping["source"] == entry.source
        assert set(named_columns(mapping)) <= set(table.column_names), entry.path
        columns = [
            [part[1:]] * table.num_rows if part.startswith("=") else table[part].cast(pa.string()).to_pylist()
            for part in mapping["record_id"]
        ]
        ids = {(entry.source, ":".join(parts)) for parts in zip(*columns, strict=True)}
        assert len(ids) == table.num_rows, entry.path
        assert not ids & seen, entry.path
        seen |= ids
        assert table[mapping["time"]].null_count == 0


def named_columns(mapping: object) -> list[str]:
    if isinstance(mapping, dict):
        inner = [name for value in mapping.values() for name in named_columns(value)]
        return inner + ([mapping["column"]] if "column" in mapping else [])
    if isinstance(mapping, list):
        return [name for value in mapping for name in named_columns(value)]
    return []


def test_events_carry_only_their_own_properties(small: Path, exports):
    for entry in Manifest.load(small).sources:
        table, mapping = exports(small, entry)
        event = mapping.get("event")
        if event is None:
            continue
        constant = isinstance(event["type"], str)
        for row in table.slice(0, 4_000).to_pylist():
            kind = event["type"] if constant else row[event["type"]["column"]]
            filled = {name for name, plan in event["properties"].items() if row[plan["column"]] is not None}
            assert filled <= PROPERTIES_OF[kind], (entry.path, kind)


def test_orders_add_up_and_lie_within_the_twelve_months(small: Path):
    rows = orders_of(small, "event", "amount", "discount", "items", "ordered_at").to_pylist()
    for row in rows:
        assert datetime(2025, 7, 1) <= row["ordered_at"] < datetime(2026, 7, 1)  # noqa: DTZ001 - wall clock
        assert row["amount"] > 0
        if row["event"] == "order_paid":
            assert row["amount"] + (row["discount"] or 0) == sum(item["amount"] for item in row["items"])
        else:
            assert row["items"] is None
    cancelled = sum(row["event"] == "order_cancelled" for row in rows) / len(rows)
    assert 0.01 < cancelled < 0.05


REFERENCE_COLUMNS = {
    "items": ["item_id", "name", "category", "brand", "price", "listed_on"],
    "stores": ["store_id", "name", "city", "province", "region", "opened_on"],
    "staff": ["staff_id", "name", "store_id", "role"],
    "benefits": ["coupon_id", "name", "kind", "amount", "valid_from", "valid_until"],
}


def test_keys_in_events_stand_in_the_reference_tables(small: Path):
    keys: dict[str, set[str]] = {}
    for entry in Manifest.load(small).reference:
        with (small / entry.path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == REFERENCE_COLUMNS[entry.name]
        first = REFERENCE_COLUMNS[entry.name][0]
        keys[entry.name] = {row[first] for row in rows}
        assert len(keys[entry.name]) == len(rows) == entry.rows
    assert set(keys) == set(REFERENCE_COLUMNS)
    for row in orders_of(small, "items", "store_id", "coupon_id").to_pylist():
        assert {item["item_id"] for item in row["items"] or ()} <= keys["items"]
        assert row["store_id"] is None or row["store_id"] in keys["stores"]
        assert row["coupon_id"] is None or row["coupon_id"] in keys["benefits"]


def test_facts_agree_with_the_exports(small: Path):
    facts = pq.read_table(small / "truth/facts.parquet").to_pylist()
    paid = [row for row in orders_of(small, "event", "amount").to_pylist() if row["event"] == "order_paid"]
    assert sum(row["paid_orders"] for row in facts) == len(paid)
    assert sum(row["paid_amount"] for row in facts) == sum(row["amount"] for row in paid)
    persons = pq.read_table(small / "truth/persons.parquet").to_pylist()
    assert [row["person"] for row in persons] == [row["person"] for row in facts] == list(range(3_000))
    per_year = [row["purchases_per_year"] for row in persons]
    assert all(rate > 0 for rate, row in zip(per_year, facts, strict=True) if row["paid_orders"])


def test_accounts_are_unique_and_every_person_has_one(small: Path):
    rows = pq.read_table(small / "truth/accounts.parquet").to_pylist()
    keys = Counter((row["source"], row["namespace"], row["scope"], row["account"]) for row in rows)
    assert max(keys.values()) == 1
    families = {row["value"] for row in pq.read_table(small / "truth/shared.parquet").to_pylist()}
    assert not families & {row["account"] for row in rows}
    assert len({row["person"] for row in rows}) >= 0.999 * 3_000
    assert {row["source"] for row in rows} == {
        "crm",
        "shop",
        "mini_program",
        "official_account",
        "pos",
        "app",
    }


def test_progress_and_refusals(tmp_path: Path):
    told: list[tuple[int, int]] = []
    simulate(tmp_path / "out", 150, 3, progress=lambda done, total: told.append((done, total)))
    assert told == [(150, 150)]
    with pytest.raises(FolderTakenError, match="not empty"):
        simulate(tmp_path / "out", 150, 3)
    refused = (
        ({"persons": 99}, "persons is 99"),
        ({"persons": 1_000_001}, "persons is"),
        ({"seed": -1}, "seed is -1"),
        ({"end": date(2036, 1, 1)}, "Spring Festival"),
        ({"intensity": 21.0}, "intensity"),
    )
    for arguments, message in refused:
        with pytest.raises(BadRequestError, match=message):
            simulate(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_manifest_of_another_version_is_refused(tmp_path: Path, small: Path):
    with pytest.raises(FolderUnreadableError, match=r"no readable manifest\.json"):
        Manifest.load(tmp_path)
    content = json.loads((small / "manifest.json").read_text(encoding="utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps({**content, "format": 99}))
    with pytest.raises(FolderUnreadableError, match="format 99"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("end", [date(2024, 2, 29), date(2023, 2, 28), date(2025, 12, 31)])
def test_any_end_of_history_works(tmp_path: Path, end: date):
    manifest = simulate(tmp_path / "out", 120, 5, end)
    assert manifest.history_end.date() == end
    assert 365 <= (manifest.history_end - manifest.history_start).days + 1 <= 366


@pytest.mark.parametrize("missing", ["shop", "mini", "app", "pos", "member", "family", "recycled"])
def test_a_retailer_may_lack_any_source(tmp_path: Path, missing: str):
    none = 0.0 if missing in {"member", "family", "recycled"} else (0.0, 0.0)
    manifest = simulate(tmp_path / "out", 200, 3, rates=replace(Rates(), **{missing: none}))
    assert manifest.persons == 200
    assert manifest.events["order_paid"] > 0
    if missing in {"mini", "app", "pos"}:
        assert {"mini": "mini_program"}.get(missing, missing) not in {
            entry.source for entry in manifest.sources if "orders" in entry.path
        }
