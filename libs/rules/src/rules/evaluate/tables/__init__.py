"""Rules and aggregates over a whole population as relations: Ibis expressions, run by DuckDB."""

from .evaluator import Tables
from .exact import Compiled, DuckDb, compiled
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
    "Compiled",
    "DuckDb",
    "NamedRelations",
    "TableSource",
    "Tables",
    "compiled",
    "event_columns",
    "reference_columns",
    "tag_columns",
]
