"""Pieces of which mappings are made: plain data, as it stands in the YAML beside each export."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.season import TIME_ZONE

MINI_APP, OFFICIAL_APP = "wx_mini", "wx_oa"
CONSENT_TEXT = "2025-01"
GENDERS = {"男": "male", "女": "female"}
YES = ["Y"]


def mapping(
    source: str,
    record_id: Sequence[str],
    time: str,
    identifiers: Sequence[Mapping[str, str]],
    **parts: Any,
) -> dict[str, Any]:
    """`parts` are event, attributes, contact_points and consents; those that are None are left out."""
    head: dict[str, Any] = {
        "source": source,
        "time_zone": TIME_ZONE,
        "brand": "",
        "record_id": list(record_id),
        "time": time,
        "identifiers": list(identifiers),
    }
    return head | {name: part for name, part in parts.items() if part is not None}


def identifier(namespace: str, column: str, scope: str = "") -> dict[str, str]:
    pair = {"namespace": namespace, "column": column}
    return pair | {"scope": scope} if scope else pair


def typed(columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Properties or attributes that have the names of their columns: name -> type."""
    return {name: {"column": name, "type": kind} for name, kind in columns.items()}


def contact(channel: str, column: str, scope: str = "") -> dict[str, str]:
    point = {"channel": channel, "column": column}
    return point | {"scope": scope} if scope else point


def consent(
    purpose: str, channel: str, column: str, granted: str, time: str, scope: str = ""
) -> dict[str, Any]:
    """Granted where the column says Y, withdrawn where it says anything else, silent where it is empty."""
    address = {"column": column} | ({"scope": scope} if scope else {})
    return {
        "purpose": purpose,
        "channel": channel,
        "address": address,
        "granted": {"column": granted, "values": YES},
        "time": time,
        "text_version": CONSENT_TEXT,
    }
