"""Files of members read back as they were written."""

from pathlib import Path

import pyarrow as pa
import pytest
from cli.member_files import write_members
from pyarrow import parquet
from pyroaring import BitMap

MEMBERS = [1, 7, 65_536, 2**32 - 1]


@pytest.mark.parametrize("persons", [MEMBERS, []])
def test_a_file_reads_back_by_its_ending(tmp_path: Path, persons: list[int]) -> None:
    for ending in ("csv", "parquet", "roaring"):
        write_members(tmp_path / f"members.{ending}", persons)
    text = (tmp_path / "members.csv").read_text()
    assert [*text.splitlines()] == ["person_id", *map(str, persons)]
    table = parquet.read_table(tmp_path / "members.parquet")
    assert (table.schema.field("person_id").type, table["person_id"].to_pylist()) == (pa.uint32(), persons)
    assert BitMap.deserialize((tmp_path / "members.roaring").read_bytes()) == BitMap(persons)
