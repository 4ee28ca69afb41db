"""What the policy in force makes of a record beside its links: its anchor, and whether attributes are verified."""

import json
from typing import Any

import pytest
from identity.app.keyed_records import key_record
from identity.domain.attributes import AttributeStatement
from identity.domain.policy import Policy, parse_policy
from identity.domain.record import Identifier, Record
from identity.standards.load import policy_document
from identity.store.vault import KeyVault

VAULT = KeyVault(bytes(32))
MEMBER = Identifier("member_id", "", "M1", verified=True)
PHONE = Identifier("phone", "", "+8613912345670")
MAIL = Identifier("email", "", "a@example.cn", verified=True)


def policy(first: str = "member_id", **words: dict[str, Any]) -> Policy:
    """The built-in one with a namespace put first and other words for some."""
    document = json.loads(policy_document())
    document["namespaces"].sort(key=lambda item: item["name"] != first)
    for item in document["namespaces"]:
        item.update(words.get(item["name"], {}))
    return parse_policy(document)


@pytest.mark.parametrize(
    ("named", "under", "anchor", "verified"),
    [
        ((MEMBER, PHONE), policy(), MEMBER, True),
        ((MEMBER, PHONE), policy("phone"), PHONE, False),
        ((PHONE, PHONE._replace(verified=True)), policy("phone"), PHONE, True),
        ((PHONE, MAIL), policy("phone", phone={"blocked_values": [PHONE.value]}), MAIL, True),
        ((MEMBER._replace(blocked=True), PHONE), policy(), PHONE, False),
    ],
)
def test_attributes_are_verified_as_the_anchor_is(
    named: tuple[Identifier, ...], under: Policy, anchor: Identifier, verified: bool
) -> None:
    said = AttributeStatement("city", "crm", 1, b"")
    record = Record("crm", "r1", b"", 1, "", named, None, (said,), (), ())
    keyed = key_record(record, "t1", VAULT, under)
    assert keyed.anchor == VAULT.identifier_hash("t1", anchor)
    assert [each.verified for each in keyed.record.attributes] == [verified]
