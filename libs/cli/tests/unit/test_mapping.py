"""A mapping file is read whole: what it says, and every fault at once."""

from pathlib import Path

import pytest
from cli.exits import Exit, Refusal
from cli.importing.mapping import load_mapping

WHOLE = """
source: shop
time_zone: Asia/Tokyo
brand: b1
lane: live
record_id: ["=order", order_id]
time: paid_at
identifiers:
  - {namespace: taobao_id, column: buyer}
  - {namespace: wechat_openid, column: openid, scope: wx_mini}
event:
  type: order_paid
  properties:
    amount: {column: amount, type: number}
    note: remark
attributes:
  gender: {column: sex, values: {男: male}}
contact_points:
  - {channel: sms, column: phone}
consents:
  - purpose: marketing
    channel: sms
    address: {column: phone}
    granted: {column: ok, values: ["1", Y]}
    time: asked_at
    text_version: "2025-01"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_mapping_is_read(tmp_path: Path) -> None:
    mapping = load_mapping(written(tmp_path, WHOLE))
    assert (mapping.source, mapping.brand, mapping.lane, mapping.zone.key) == (
        "shop",
        "b1",
        "live",
        "Asia/Tokyo",
    )
    assert mapping.record_id == ("=order", "order_id")
    assert mapping.identifiers[1].scope == "wx_mini"
    assert mapping.event is not None
    assert mapping.event.properties["amount"].type == "number"
    assert mapping.event.properties["note"].type == "text"
    assert mapping.attributes["gender"].values == {"男": "male"}
    assert mapping.consents[0].granted_values == {"1", "Y"}


def test_the_named_columns_are_all_columns_and_no_constants(tmp_path: Path) -> None:
    assert load_mapping(written(tmp_path, WHOLE)).columns() == {
        "order_id", "paid_at", "buyer", "openid", "amount", "remark", "sex", "phone", "ok", "asked_at",
    }  # fmt: skip


def test_defaults_are_bulk_lane_group_brand_and_shanghai(tmp_path: Path) -> None:
    mapping = load_mapping(written(tmp_path, "source: crm\nrecord_id: [id]\ntime: at\n"))
    assert (mapping.lane, mapping.brand, mapping.zone.key) == ("bulk", "", "Asia/Shanghai")
    assert mapping.event is None


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "sauce: shop\ntime_zone: Mars/Base\nlane: fast\nidentifiers: [{column: a}]\n"
        "event: {properties: {x: {column: x, type: float}}}\ncontact_points: [{channel: fax, column: f}]\n",
    )
    with pytest.raises(Refusal) as refused:
        load_mapping(path)
    for part in (
        "sauce",
        "Mars/Base",
        "fast",
        "namespace is missing",
        "source is missing",
        "record_id",
        "fax",
        "type is",
    ):
        assert part in str(refused.value), part
    assert refused.value.code is Exit.USAGE


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list\n"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refusal):
        load_mapping(written(tmp_path, text))


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="nowhere"):
        load_mapping(tmp_path / "nowhere.yaml")


CONSENT = (
    "source: crm\nrecord_id: [id]\ntime: at\n"
    "consents: [{purpose: marketing, channel: sms, address: %s, granted: %s}]"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: crm\nrecord_id: order_id\ntime: at", "record_id is not a list"),
        ("source: crm\nrecord_id: 5\ntime: at", "record_id is not a list"),
        (CONSENT % ("{column: phone}", "{column: ok}"), "granted: values is missing"),
        (CONSENT % ("{column: phone}", "{column: ok, values: []}"), "granted: values is missing"),
        (CONSENT % ("{column: phone}", "{column: ok, values: Y}"), "values is not a list"),
        (CONSENT % ("{column: phone}", "{column: ok, values: [yes]}"), "put quotes around"),
        (CONSENT % ("[phone]", "{column: ok, values: [Y]}"), "address is neither a column"),
        ("source: crm\nrecord_id: [id]\ntime: at\ntime_zone: Asia", "'Asia' is not a time zone"),
        ("source: crm\nrecord_id: [id]\ntime: at\nbrand: 2026-99-99", "is not YAML"),
        (
            "source: crm\nrecord_id: [id]\ntime: at\nevent: {type: x, propertys: {}}",
            "propertys is not a part",
        ),
        (
            "source: crm\nrecord_id: [id]\ntime: at\nattributes: {a: {column: b, values: {yes: j}}}",
            "put quotes around",
        ),
        (
            "source: crm\nrecord_id: [id]\ntime: at\nattributes: {a: {column: b, values: [c]}}",
            "values is not",
        ),
        (
            "source: crm\nrecord_id: [id]\ntime: at\nattributes: {a: {column: b, tipe: date}}",
            "tipe is not a part",
        ),
        (
            "source: crm\nrecord_id: [id]\ntime: at\nidentifiers: [{namespace: phone, column: b, scop: x}]",
            "scop is not a part",
        ),
    ],
)
def test_what_would_be_read_wrongly_is_a_fault(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as refused:
        load_mapping(written(tmp_path, text))
    assert refused.value.code is Exit.USAGE


def test_an_empty_scope_is_no_word(tmp_path: Path) -> None:
    text = "source: crm\nrecord_id: [id]\ntime: at\nidentifiers: [{namespace: phone, column: b, scope: }]"
    assert load_mapping(written(tmp_path, text)).identifiers[0].scope == ""


def test_a_mapping_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_bytes("source: 商城".encode("gb18030"))
    with pytest.raises(Refusal, match="UTF-8"):
        load_mapping(path)
