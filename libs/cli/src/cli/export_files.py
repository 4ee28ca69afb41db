"""Rows of an export as a file, by its ending: .parquet, anything else CSV (RFC 4180, UTF-8).

Both have the columns person_id, the tags, the namespaces of identifiers (several of a person with "; " between), and
`watermark`, which every row repeats: a table that knows no comments reads it as one more column, and a part of the
list keeps it. A Parquet file says it in its metadata, too ("huaxiang.watermark").
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from huaxiang.segments.v1 import export_service_pb2 as pb
    from huaxiang.type.v1 import value_pb2

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
ROWS_OF_A_GROUP = 50_000
WATERMARK = "watermark"
SEPARATOR = "; "
_E164 = re.compile(r"\+\d+(; \+\d+)*")


class ExportFile(Protocol):
    """A file that is being written: `begin` once, then rows, then `finish`."""

    def begin(self, export: "pb.Export", watermark: str) -> None:
        """Says what the columns are; no watermark, no column."""
        ...

    def add(self, row: "pb.ExportRow") -> None:
        """Writes a row."""
        ...

    def finish(self) -> None:
        """Writes what is left; the file stays open."""
        ...


def export_file(path: Path) -> Callable[[BinaryIO], ExportFile]:
    """What writes a file of that name."""
    return ParquetRows if path.suffix == ".parquet" else CsvRows


def columns_of(export: "pb.Export", watermark: str) -> list[str]:
    """The header."""
    mark = [WATERMARK] if watermark else []
    return ["person_id", *export.tag_ids, *export.identifier_namespaces, *mark]


class CsvRows:
    """A CSV file."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        self._rows = csv.writer(self._text)
        self._mark: list[str] = []

    def begin(self, export: "pb.Export", watermark: str) -> None:
        self._mark = [watermark] if watermark else []
        self._rows.writerow(columns_of(export, watermark))

    def add(self, row: "pb.ExportRow") -> None:
        identifiers = (as_text(SEPARATOR.join(each.values)) for each in row.identifiers)
        self._rows.writerow([row.person_id, *map(cell, row.values), *identifiers, *self._mark])

    def finish(self) -> None:
        self._text.detach()


class ParquetRows:
    """A Parquet file: person_id as int64, all else as text, null where unknown."""

    def __init__(self, file: BinaryIO) -> None:
        from pyarrow import parquet

        self._file = file
        self._open = parquet.ParquetWriter
        self._waiting: list[tuple[int | str | None, ...]] = []
        self._mark: list[str] = []

    def begin(self, export: "pb.Export", watermark: str) -> None:
        import pyarrow as pa

        names = columns_of(export, watermark)
        fields = [pa.field(names[0], pa.int64()), *(pa.field(each, pa.string()) for each in names[1:])]
        self._schema = pa.schema(fields, metadata={"huaxiang.watermark": watermark})
        self._writer = self._open(self._file, self._schema)
        self._mark = [watermark] if watermark else []

    def add(self, row: "pb.ExportRow") -> None:
        from cli.calls.values import shown

        values = (shown(each) if each.WhichOneof("kind") else None for each in row.values)
        identifiers = (SEPARATOR.join(each.values) or None for each in row.identifiers)
        self._waiting.append((row.person_id, *values, *identifiers, *self._mark))
        if len(self._waiting) >= ROWS_OF_A_GROUP:
            self._write()

    def finish(self) -> None:
        self._write()
        self._writer.close()

    def _write(self) -> None:
        import pyarrow as pa

        columns: Sequence[Sequence[int | str | None]] = list(zip(*self._waiting, strict=True))
        if columns:
            arrays = [pa.array(each, kind) for each, kind in zip(columns, self._schema.types, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._waiting = []


def cell(value: "value_pb2.Value") -> str:
    """Empty where unknown. A text that a spreadsheet would run as a formula is marked as text."""
    from cli.calls.values import shown

    kind = value.WhichOneof("kind")
    if kind is None:
        return ""
    text = shown(value)
    return as_text(text) if kind in ("text_value", "list_value") else text


def as_text(text: str) -> str:
    """Marked as text where a spreadsheet would run it; phones stay what other systems take: they calculate nothing."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) and not _E164.fullmatch(text) else text
