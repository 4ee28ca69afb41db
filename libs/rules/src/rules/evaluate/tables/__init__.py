"""Rules and aggregates over a whole population as relations: Ibis expressions, run by DuckDB."""

from .evaluator import Tables
from .exact import DuckDb
from .source import (
    BirthHashSource,
    NamedRelations,
    TableSource,
    event_columns,
    reference_columns,
    tag_columns,
)

__all__ = [
    "BirthHashSource",
    "DuckDb",
    "NamedRelations",
    "TableSource",
    "Tables",
    "event_columns",
    "reference_columns",
    "tag_columns",
]
