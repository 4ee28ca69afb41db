"""Reads the built-in standards from the package."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from servicekit.yaml_text import read_yaml

from identity.domain.attributes import AttributeDictionary, parse_attributes, parse_property_releases
from identity.domain.normalise import BlockedValues, parse_blocked_values
from identity.domain.policy import Policy, parse_policy


@dataclass(frozen=True)
class Standards:
    """`closed_properties` are event properties that do not leave identity."""

    policy: Policy
    blocked: BlockedValues
    attributes: AttributeDictionary
    closed_properties: frozenset[str]


@cache
def load_standards() -> Standards:
    """The standards of this release."""
    return Standards(
        parse_policy(_document("linking.yaml")),
        parse_blocked_values(_document("blocked_values.yaml")),
        parse_attributes(_document("attributes.yaml")),
        parse_property_releases(_document("properties.yaml")),
    )


@cache
def policy_document() -> str:
    """The built-in linking policy as JSON."""
    return json.dumps(_document("linking.yaml"), ensure_ascii=False, separators=(",", ":"))


def _document(name: str) -> dict[str, Any]:
    document = read_yaml((files("identity.standards") / name).read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise TypeError(f"standards/{name} is not a mapping")
    return document
