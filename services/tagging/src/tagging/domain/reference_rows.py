"""Rows of reference tables, as somebody states them: what holds of a key from a moment on."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from rules.evaluate.meaning import Value
from rules.evaluate.row_history import ALWAYS

MAX_KEY_CHARACTERS = 128
MAX_TEXT_CHARACTERS = 4_096
MAX_VERSIONS = 1_000_000
"""Of one table: they are kept in memory while rules read them."""


@dataclass(frozen=True, slots=True)
class RowVersion:
    """A key and a start name it: stating it again replaces it.

    columns    what is known; empty of an ended row
    start      in force from then on, up to the next version of the key; ALWAYS when it was never another
    has_ended  from then on there is no such row
    """

    key: str
    columns: Mapping[str, Value]
    start: dt.datetime = ALWAYS
    has_ended: bool = False
