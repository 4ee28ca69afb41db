"""Rows become records as the mapping says; what cannot be one is refused by column, never by value."""

import datetime as dt
from pathlib import Path

import pytest
from cli.importing.mapping import FileMapping, load_mapping
from cli.importing.records import BadRow, record_of
from huaxiang.identity.v1 import record_pb2

MAPPING = """
source: shop
record_id: ["=order", order_id]
time: paid_at
identifiers:
  - {namespace: phone, column: phone}
  - {namespace: wechat_openid, column: openid, scope: wx_mini}
event:
  type: {column: kind}
  properties:
    amount: {column: amount, type: number}
attributes:
  gender: {column: sex, values: {男: male, 女: female}}
contact_points:
  - {channel: sms, column: phone}
consents:
  - purpose: marketing
    channel: sms
    address: {column: phone}
    granted: {column: ok, values: [Y]}
    time: asked_at
"""
ROW = {
    "order_id": "7",
    "paid_at": "2026-06-01 10:00:00",
    "phone": "138-0000-0001",
    "openid": "",
    "kind": "order_paid",
    "amount": "12.5",
    "sex": "女",
    "ok": "Y",
    "asked_at": "2026-01-01 00:00:00",
}


@pytest.fixture
def mapping(tmp_path: Path) -> FileMapping:
    path = tmp_path / "mapping.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return load_mapping(path)


def test_a_row_becomes_a_record(mapping: FileMapping) -> None:
    record = record_of(ROW, mapping)
    assert (record.source, record.record_id) == ("shop", "order:7")
    assert record.time.ToDatetime(dt.UTC) == dt.datetime(2026, 6, 1, 2, tzinfo=dt.UTC)
    assert [(each.namespace, each.value) for each in record.identifiers] == [("phone", "138-0000-0001")]
    assert record.event.type == "order_paid"
    assert record.event.properties["amount"].number_value == 125_000
    assert record.attributes["gender"].text_value == "female"
    assert record.contact_points[0].channel == record_pb2.CHANNEL_SMS
    assert record.consents[0].granted
    assert record.consents[0].time.ToDatetime(dt.UTC) == dt.datetime(2025, 12, 31, 16, tzinfo=dt.UTC)


@pytest.mark.parametrize(("said", "granted"), [("Y", True), ("N", False)])
def test_a_consent_is_given_by_the_named_texts_and_taken_back_by_others(
    mapping: FileMapping, said: str, granted: bool
) -> None:
    assert record_of({**ROW, "ok": said}, mapping).consents[0].granted is granted


@pytest.mark.parametrize("column", ["ok", "phone"])
def test_an_empty_cell_says_nothing_of_consent(mapping: FileMapping, column: str) -> None:
    assert not record_of({**ROW, column: ""}, mapping).consents


def test_empty_and_absent_cells_are_left_out(mapping: FileMapping) -> None:
    record = record_of({**ROW, "amount": "", "sex": None}, mapping)
    assert "amount" not in record.event.properties
    assert "gender" not in record.attributes


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("order_id", "", "part of the record's id"),
        ("paid_at", "", "needs its time"),
        ("paid_at", "soon", "is not a time"),
        ("kind", "", "names the event's type"),
        ("amount", "free", "is not a number"),
        ("asked_at", "31/31/2026", "is not a time"),
    ],
)
def test_a_row_that_makes_no_record_names_column_and_problem(
    mapping: FileMapping, column: str, cell: str, problem: str
) -> None:
    with pytest.raises(BadRow, match=problem) as refused:
        record_of({**ROW, column: cell}, mapping)
    assert refused.value.column == column
    assert not cell or cell not in refused.value.problem
