"""From the opening of an import to the domain: limits checked, scopes made explicit."""

import hashlib
from collections.abc import Sequence

from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from servicekit.errors import BatchTooLarge, InvalidField

from identity.api.parse_records import (
    DIGEST_BYTES,
    MAX_ATTRIBUTES,
    MAX_BRAND_CHARS,
    MAX_CONSENTS,
    MAX_CONTACT_POINTS,
    MAX_IDENTIFIERS,
    MAX_TEXT_VERSION_CHARS,
    NAME_HINT,
    SCOPE_HINT,
    SCOPED_CHANNELS,
)
from identity.api.values import name_is_valid
from identity.domain.attributes import AttributeDictionary, Release
from identity.domain.bulk_rows import (
    AddressColumn,
    AttributeColumn,
    ConsentColumn,
    IdentifierColumn,
    Opening,
)
from identity.domain.consents import Channel
from identity.domain.normalise import scope_is_valid
from identity.domain.policy import Policy

MAX_IMPORT_ID_CHARS = 64


def parse_opening(message: pb.ImportOpening, policy: Policy, dictionary: AttributeDictionary) -> Opening:
    """What the columns of an import mean. Raises InvalidField, BatchTooLarge."""
    _check_opening(message)
    digest = hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=DIGEST_BYTES)
    return Opening(
        message.import_id,
        digest.digest(),
        message.source,
        message.brand,
        message.record_id_column,
        message.time_column,
        tuple(
            _identifier(f"opening.identifiers[{index}]", each, message.source, policy)
            for index, each in enumerate(message.identifiers)
        ),
        _attributes(message.attributes, dictionary),
        tuple(
            _address_column(f"opening.contact_points[{index}]", each.column, each.channel, each.scope)
            for index, each in enumerate(message.contact_points)
        ),
        tuple(_consent(f"opening.consents[{index}]", each) for index, each in enumerate(message.consents)),
    )


def _identifier(field: str, each: pb.IdentifierColumn, source: str, policy: Policy) -> IdentifierColumn:
    _require(f"{field}.column", bool(each.column), "is empty: name the column")
    known = ", ".join(policy.namespaces)
    _require(
        f"{field}.namespace",
        each.namespace in policy.namespaces,
        f"is not a declared namespace: use one of {known}",
    )
    _require(f"{field}.scope", scope_is_valid(each.scope), SCOPE_HINT)
    scope = policy.scope_of(each.namespace, each.scope, source)
    return IdentifierColumn(each.column, each.namespace, scope, each.verified)


def _attributes(
    columns: Sequence[pb.AttributeColumn], dictionary: AttributeDictionary
) -> tuple[AttributeColumn, ...]:
    found: list[AttributeColumn] = []
    for index, each in enumerate(columns):
        field = f"opening.attributes[{index}]"
        _require(f"{field}.column", bool(each.column), "is empty: name the column")
        declared = dictionary.definitions.get(each.attribute)
        known = ", ".join(dictionary.definitions)
        if declared is None:
            raise InvalidField(f"{field}.attribute", f"is not declared: use one of {known}")
        _require(
            f"{field}.attribute",
            all(other.name != each.attribute for other in found),
            "is that of another column, too",
        )
        found.append(AttributeColumn(each.column, each.attribute, declared.release is not Release.OPEN))
    return tuple(found)


def _check_opening(message: pb.ImportOpening) -> None:
    id_ = message.import_id.replace("-", "_")
    _require(
        "opening.import_id",
        len(id_) <= MAX_IMPORT_ID_CHARS and name_is_valid(id_),
        "is not 1 to 64 characters of a-z, 0-9, _ and -",
    )
    _require("opening.source", name_is_valid(message.source), NAME_HINT)
    brand = message.brand.replace("-", "_")
    _require(
        "opening.brand",
        not brand or (len(brand) <= MAX_BRAND_CHARS and name_is_valid(brand)),
        f"is not at most {MAX_BRAND_CHARS} of a-z, 0-9, _ and -",
    )
    for name in ("record_id_column", "time_column"):
        _require(f"opening.{name}", bool(getattr(message, name)), "is empty: name the column")
    for name, limit in (
        ("identifiers", MAX_IDENTIFIERS),
        ("attributes", MAX_ATTRIBUTES),
        ("contact_points", MAX_CONTACT_POINTS),
        ("consents", MAX_CONSENTS),
    ):
        count = len(getattr(message, name))
        if count > limit:
            raise BatchTooLarge(f"opening.{name}", count, limit)


def _address_column(field: str, column: str, channel: int, scope: str) -> AddressColumn:
    _require(f"{field}.column", bool(column), "is empty: name the column")
    _require(
        f"{field}.channel",
        channel in record_pb2.Channel.values() and channel != record_pb2.CHANNEL_UNSPECIFIED,
        "is not one of SMS, WECHAT, PUSH, EMAIL",
    )
    _require(f"{field}.scope", scope_is_valid(scope), SCOPE_HINT)
    known = Channel(channel)
    _require(
        f"{field}.scope", not scope or known in SCOPED_CHANNELS, "must be empty for phones and mailboxes"
    )
    return AddressColumn(column, known, scope)


def _consent(field: str, each: pb.ConsentColumn) -> ConsentColumn:
    _require(f"{field}.purpose", name_is_valid(each.purpose), NAME_HINT)
    _require(f"{field}.granted_column", bool(each.granted_column), "is empty: name the column")
    version = each.text_version
    _require(
        f"{field}.text_version",
        len(version) <= MAX_TEXT_VERSION_CHARS and version.isprintable(),
        f"is not at most {MAX_TEXT_VERSION_CHARS} printable characters",
    )
    at = _address_column(field, each.address_column, each.channel, each.scope)
    return ConsentColumn(each.purpose, at, each.granted_column, each.time_column, version)


def _require(field: str, holds: bool, problem: str) -> None:
    if not holds:
        raise InvalidField(field, problem)
