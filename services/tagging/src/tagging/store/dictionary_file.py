"""Reads the event dictionary that the package carries."""

from functools import cache
from importlib.resources import files

from servicekit.yaml_text import read_yaml
from tagging.domain.dictionary import Dictionary, parse_dictionary


@cache
def standard_dictionary() -> Dictionary:
    """The standard event dictionary."""
    document = files("tagging").joinpath("dictionary.yaml").read_text(encoding="utf-8")
    return parse_dictionary(read_yaml(document))
