"""People of history with realistic errors: records, rows and truth for benches/matching.py."""

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

PATH = Path(__file__).parents[2] / "shared/data/identity/historical_figures_dev.parquet"
_TITLES = frozenset(
    {"sir", "lord", "lady", "baron", "baroness", "baronet", "earl", "viscount", "duke", "dame", "of", "the"}
)
_ORDINAL = re.compile(r"[1-8](st|nd|rd|th)")


def read() -> list[dict[str, Any]]:
    """The records in file order."""
    records: list[dict[str, Any]] = pq.read_table(PATH).to_pylist()
    return records


def rows_of(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The columns of historical_figures.yaml; nothing in them is derived from the truth."""
    rows = [_row(record) for record in records]
    return {column: [row[column] for row in rows] for column in rows[0]}


def _row(record: dict[str, Any]) -> dict[str, Any]:
    first, surname, date, postcode = (
        record[name] for name in ("first_name", "surname", "dob", "postcode_fake")
    )
    tokens = _tokens(record["full_name"])
    return {
        "full_name": record["full_name"],
        "both_names": f"{first} {surname}" if first and surname else None,
        "first_name": first,
        "surname": surname,
        "initial": _head(first, 1),
        "last": tokens[-1] if tokens else None,
        "head": tokens[0] if tokens else None,
        "birth_date": date,
        "known_day": date if date and not date.endswith("01-01") else None,
        "month_day": date[5:] if date and not date.endswith("01-01") else None,
        "year": date[:4] if date else None,
        "postcode": postcode,
        "outward": postcode.split(" ")[0] if postcode else None,
        "area": re.match("[a-z]*", postcode)[0] if postcode else None,
        "birth_place": record["birth_place"],
        "occupation": record["occupation"],
        "gender": record["gender"],
        "first2": _head(first, 2),
        "first3": _head(first, 3),
        "surname2": _head(surname, 2),
        "surname4": _head(surname, 4),
        "surname5": _head(surname, 5),
        "tokens": tokens or None,
    }


def _tokens(name: str | None) -> list[str]:
    words = re.split(r"[ ,.]+", name or "")
    return list(
        dict.fromkeys(
            word for word in words if len(word) > 1 and word not in _TITLES and not _ORDINAL.fullmatch(word)
        )
    )


def _head(text: str | None, size: int) -> str | None:
    return text[:size] if text else None
