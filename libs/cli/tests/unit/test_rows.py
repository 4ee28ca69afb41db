"""Files are read as they are written: encodings, broken rows, Parquet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.exits import Exit, Refusal
from cli.importing.rows import (
    BrokenRow,
    Row,
    count_rows,
    read_header,
    read_rows,
    require_columns,
    sniff_encoding,
)

TEXT = "姓名,手机\n张三,13800000001\n李四,13800000002\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_an_encoding_is_recognised(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(TEXT.encode(encoding))
    rows = list(read_rows(path))
    assert rows[0] == Row(2, {"姓名": "张三", "手机": "13800000001"})
    assert read_header(path) == ["姓名", "手机"]
    assert len(rows) == 2


def test_a_character_on_the_edge_of_the_sniffed_part_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(TEXT.encode())
    monkeypatch.setattr("cli.importing.rows.SNIFFED_BYTES", 4)
    assert sniff_encoding(path) == "utf-8-sig"


def test_bytes_of_no_known_encoding_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"name\n\xff\xff\xff\n")
    with pytest.raises(Refusal, match="neither UTF-8 nor GB18030") as refused:
        list(read_rows(path))
    assert refused.value.code is Exit.BAD_DATA


def test_a_stated_encoding_wins_and_bad_bytes_break_only_their_row(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id,name\n1,ok\n2,\xff\xfe\n3,ok\n")
    rows = list(read_rows(path, "utf-8"))
    assert [type(row) for row in rows] == [Row, BrokenRow, Row]
    assert rows[1] == BrokenRow(3, "holds bytes that are not utf-8")


def test_rows_of_another_width_are_broken_with_their_line_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('id,name\n1,ok\n2\n3,a,b\n\n4,"two\nlines"\n5,ok\n')
    rows = list(read_rows(path))
    assert [row.line for row in rows] == [2, 3, 4, 7, 8]
    assert rows[1] == BrokenRow(3, "has 1 cells, the header has 2")
    assert rows[2] == BrokenRow(4, "has 3 cells, the header has 2")
    assert isinstance(rows[3], Row)
    assert rows[3].cells["name"] == "two\nlines"


def test_an_overlong_cell_is_a_broken_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.importing.rows.MAX_CELL_CHARS", 20)
    path = tmp_path / "people.csv"
    path.write_text(f"id,name\n1,{'x' * 50}\n2,ok\n")
    rows = list(read_rows(path))
    assert isinstance(rows[0], BrokenRow)
    assert "cannot be read" in rows[0].problem
    assert rows[-1] == Row(3, {"id": "2", "name": "ok"})


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    assert list(read_rows(path)) == []
    assert read_header(path) == []


def test_parquet_is_read_with_types_and_counted_before(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    items = [[{"item_id": "A", "quantity": 2}], []]
    pq.write_table(pa.table({"id": [1, 2], "items": items}), path)
    assert count_rows(path) == 2
    assert read_header(path) == ["id", "items"]
    assert next(iter(read_rows(path))) == Row(1, {"id": 1, "items": items[0]})


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai"])
def test_moments_of_parquet_are_those_that_arrow_gives(tmp_path: Path, unit: str, zone: str | None) -> None:
    path = tmp_path / "moments.parquet"
    moments = pa.array([1_780_000_000, None, -1], pa.timestamp(unit, zone))
    pq.write_table(pa.table({"at": moments}), path)
    expected = pq.read_table(path)["at"].to_pylist()
    cells = [row.cells["at"] for row in read_rows(path) if isinstance(row, Row)]
    assert cells == expected
    assert [each and each.utcoffset() for each in cells] == [each and each.utcoffset() for each in expected]


def test_a_file_that_only_claims_to_be_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    path.write_bytes(b"not at all")
    with pytest.raises(Refusal, match="not a Parquet file") as refused:
        list(read_rows(path))
    assert refused.value.code is Exit.BAD_DATA


def test_missing_columns_are_named_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,name\n1,x\n")
    with pytest.raises(Refusal, match="has no column phone, town; it has id, name"):
        require_columns(path, ["id", "town", "phone"])
    require_columns(path, ["id"])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is not a file"):
        read_rows(tmp_path / "none.csv")
    with pytest.raises(Refusal, match="is not a file"):
        require_columns(tmp_path / "none.csv", ["id"])


def test_a_column_that_a_mapping_names_must_be_there_once(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,note,note,id\n1,a,b,2\n")
    require_columns(path, [])
    with pytest.raises(Refusal, match="more than one column id"):
        require_columns(path, ["id"])


def test_an_encoding_that_nobody_knows_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id\n1\n")
    with pytest.raises(Refusal, match="'klingon' is no encoding") as refused:
        require_columns(path, ["id"], "klingon")
    assert refused.value.code is Exit.USAGE
