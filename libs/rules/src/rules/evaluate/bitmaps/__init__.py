"""Rules over tag values and features as bitmaps of person ids."""

from .columns import CodeColumn, ListColumn, NumberColumn, column_of
from .evaluator import members
from .index import Column, TagBitmaps
from .memory import MemoryBitmaps
from .steps import BirthHashes, Numbered, RuleBitmaps, narrowed

__all__ = [
    "BirthHashes",
    "CodeColumn",
    "Column",
    "ListColumn",
    "MemoryBitmaps",
    "NumberColumn",
    "Numbered",
    "RuleBitmaps",
    "TagBitmaps",
    "column_of",
    "members",
    "narrowed",
]
