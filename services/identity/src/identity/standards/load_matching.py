"""Reads the standards of matching from the package: the built-in model, name tables, divisions."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from servicekit.yaml_text import read_yaml

from identity.domain.matching.addresses import Divisions, parse_divisions
from identity.domain.matching.bands import Bands, parse_bands
from identity.domain.matching.names import NameTables, parse_name_tables
from identity.domain.matching.specification import Specification, parse_specification


@dataclass(frozen=True)
class MatchStandards:
    """The built-in model as a document and read, and the tables that rows are laid out by."""

    document: str
    specification: Specification
    bands: Bands
    names: NameTables
    divisions: Divisions


@cache
def load_match_standards() -> MatchStandards:
    """Everything."""
    text = _text("matching.yaml")
    document = read_yaml(text)
    return MatchStandards(
        text,
        parse_specification(document),
        parse_bands(document),
        parse_name_tables(read_yaml(_text("names.yaml"))),
        parse_divisions(_text("divisions.tsv").splitlines()),
    )


def _text(name: str) -> str:
    return (files("identity.standards") / name).read_text(encoding="utf-8")
