"""Reads the standards of matching from the package: the built-in model, name tables, divisions, sounds."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

from identity.domain.matching.addresses import parse_divisions
from identity.domain.matching.bands import Bands, parse_bands
from identity.domain.matching.names import parse_name_tables
from identity.domain.matching.rows import RowLayout
from identity.domain.matching.specification import Specification, parse_specification

REMEMBERED_SOUNDS = 100_000


@dataclass(frozen=True)
class MatchStandards:
    """The built-in model, and how rows are laid out for it."""

    specification: Specification
    bands: Bands
    layout: RowLayout


def load_match_standards() -> MatchStandards:
    """Everything. The pronunciation tables are imported with the first sound, which takes a second."""
    layout = RowLayout(
        parse_name_tables(yaml.safe_load(_text("names.yaml"))),
        parse_divisions(_text("divisions.tsv").splitlines()),
        lru_cache(REMEMBERED_SOUNDS)(_sound),
    )
    document = yaml.safe_load(_text("matching.yaml"))
    return MatchStandards(parse_specification(document), parse_bands(document), layout)


def _sound(text: str) -> str:
    from pypinyin import lazy_pinyin

    return " ".join(lazy_pinyin(text))


def _text(name: str) -> str:
    return (files("identity.standards") / name).read_text(encoding="utf-8")
