"""Members of a segment as a file, by its ending: .parquet, .roaring (portable), anything else CSV."""

from collections.abc import Sequence
from pathlib import Path


def write_members(path: Path, person_ids: Sequence[int]) -> None:
    """`person_ids` ascending. A parquet file has one uint32 column `person_id`; a roaring file is a roaring bitmap
    in its portable format."""
    match path.suffix:
        case ".parquet":
            import pyarrow as pa
            from pyarrow import parquet

            column = pa.array(person_ids, pa.uint32())
            parquet.write_table(pa.table({"person_id": column}), path)
        case ".roaring":
            from pyroaring import BitMap

            path.write_bytes(BitMap(person_ids).serialize())
        case _:
            path.write_text(csv_of(person_ids), encoding="utf-8")


def csv_of(person_ids: Sequence[int]) -> str:
    """With a header line."""
    return "person_id\n" + "".join(f"{person_id}\n" for person_id in person_ids)
