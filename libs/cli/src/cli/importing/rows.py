"""Rows of CSV, Parquet and Arrow files as mappings of column to value, with their line; broken rows as faults."""

import codecs
import csv
import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cli.exits import Exit, Refusal

SNIFFED_BYTES = 1_000_000
PARQUET_BATCH_ROWS = 2_000
PARQUET = frozenset({".parquet", ".pq"})
ARROW = frozenset({".arrow", ".feather"})
"""Endings of files that keep their types; Arrow's are those of its IPC file format, which is Feather's, too."""
MAX_CELL_CHARS = 1_000_000
ENCODINGS = ("utf-8-sig", "gb18030")
UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is the line in a CSV file where the row ends, the row number in a Parquet or Arrow file; both from 1."""

    line: int
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be read as the header says."""

    line: int
    problem: str


def read_rows(path: Path, encoding: str | None = None) -> Iterator[Row | BrokenRow]:
    """Streams a file; memory does not depend on its size. Raises Refusal when it is no such file."""
    require_file(path)
    if _is_typed(path):
        return _typed_rows(path)
    return _csv_rows(path, encoding or sniff_encoding(path))


def require_file(path: Path) -> None:
    """Raises Refusal when there is no file of this name."""
    if not path.is_file():
        raise Refusal(f"{path} is not a file", Exit.USAGE)


def read_header(path: Path, encoding: str | None = None) -> list[str]:
    """The names of the columns. Raises Refusal."""
    if _is_typed(path):
        return list(_arrow(path).schema.names if _is_arrow(path) else _parquet(path).schema_arrow.names)
    with path.open(encoding=encoding or sniff_encoding(path), errors="replace", newline="") as file:
        return next(csv.reader(file), [])


def require_columns(path: Path, columns: Collection[str], encoding: str | None = None) -> None:
    """Raises Refusal naming the columns that a mapping names and the file lacks or has more than once."""
    if encoding is not None:
        _require_encoding(encoding)
    require_file(path)
    header = read_header(path, encoding)
    if not header:
        raise Refusal(f"{path} is empty: its first line names the columns", Exit.BAD_DATA)
    repeated = sorted({name for name in columns if header.count(name) > 1})
    if repeated:
        raise Refusal(f"{path.name} has more than one column {', '.join(repeated)}", Exit.BAD_DATA)
    missing = sorted(set(columns) - set(header))
    if missing:
        raise Refusal(
            f"{path.name} has no column {', '.join(missing)}; it has {', '.join(header)}", Exit.BAD_DATA
        )


def _require_encoding(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError:
        raise Refusal(f"{name!r} is no encoding; such are utf-8 and gb18030", Exit.USAGE) from None


def count_rows(path: Path) -> int | None:
    """How many rows there are, where that is known without reading them."""
    if _is_arrow(path):
        reader = _arrow(path)
        return sum(int(reader.get_batch(index).num_rows) for index in range(reader.num_record_batches))
    if not _is_typed(path):
        return None
    rows: int = _parquet(path).metadata.num_rows
    return rows


def sniff_encoding(path: Path) -> str:
    """UTF-8 with or without BOM when the beginning reads as such, else GB18030. Raises Refusal when neither."""
    with path.open("rb") as file:
        beginning = file.read(SNIFFED_BYTES)
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(beginning, final=len(beginning) < SNIFFED_BYTES)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Refusal(
        f"{path} is neither UTF-8 nor GB18030: save it as UTF-8, or name its encoding with --encoding",
        Exit.BAD_DATA,
    )


def _csv_rows(path: Path, encoding: str) -> Iterator[Row | BrokenRow]:
    csv.field_size_limit(MAX_CELL_CHARS)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            return
        width = len(header)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BrokenRow(reader.line_num, f"cannot be read: {error}")
                continue
            if not cells:
                continue
            if len(cells) != width:
                yield BrokenRow(reader.line_num, f"has {len(cells)} cells, the header has {width}")
            elif any(UNREADABLE in cell for cell in cells):
                yield BrokenRow(reader.line_num, f"holds bytes that are not {encoding.removesuffix('-sig')}")
            else:
                yield Row(reader.line_num, dict(zip(header, cells, strict=True)))


def _typed_rows(path: Path) -> Iterator[Row]:
    line = 0
    for batch in _batches(path):
        names = batch.schema.names
        for cells in zip(*map(_column_cells, batch.columns), strict=True):
            line += 1
            yield Row(line, dict(zip(names, cells, strict=True)))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    batches = _arrow_batches(path) if _is_arrow(path) else _parquet(path).iter_batches(PARQUET_BATCH_ROWS)
    while True:
        try:
            batch = next(batches, None)
        except (OSError, ValueError) as error:
            raise Refusal(f"{path} is damaged: {error}", Exit.BAD_DATA) from error
        if batch is None:
            return
        yield batch


def _column_cells(column: pa.Array) -> list[Any]:
    """Arrow would load pandas to say UTC."""
    if not pa.types.is_timestamp(column.type) or column.type.tz != "UTC" or column.type.unit == "ns":
        found: list[Any] = column.to_pylist()
        return found
    moments = column.cast(pa.timestamp(column.type.unit)).to_pylist()
    return [each and each.replace(tzinfo=dt.UTC) for each in moments]


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise Refusal(f"{path} is not a Parquet file that can be read: {error}", Exit.BAD_DATA) from error


def _is_typed(path: Path) -> bool:
    return path.suffix.lower() in PARQUET | ARROW


def _is_arrow(path: Path) -> bool:
    return path.suffix.lower() in ARROW


def _arrow_batches(path: Path) -> Iterator[pa.RecordBatch]:
    reader = _arrow(path)
    for index in range(reader.num_record_batches):
        batch = reader.get_batch(index)
        for start in range(0, batch.num_rows, PARQUET_BATCH_ROWS):
            yield batch.slice(start, PARQUET_BATCH_ROWS)


def _arrow(path: Path) -> pa.ipc.RecordBatchFileReader:
    try:
        return pa.ipc.open_file(pa.memory_map(str(path)))
    except (OSError, ValueError) as error:
        raise Refusal(f"{path} is not an Arrow file that can be read: {error}", Exit.BAD_DATA) from error
