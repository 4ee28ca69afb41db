"""Signatures against vectors that others computed."""

from datetime import UTC, datetime

from activation.channels.aliyun_sms.signing import canonical_query, signed_headers

BODY = b"PhoneNumberJson=%5B%2213800000001%22%5D"


def headers(**changed: object) -> dict[str, str]:
    parts = {
        "key_id": "testid",
        "secret": "testsecret",
        "host": "dysmsapi.aliyuncs.com",
        "action": "SendBatchSms",
        "query": [("TemplateCode", "SMS_1"), ("OutId", "b1")],
        "content_type": "application/x-www-form-urlencoded",
        "body": BODY,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "nonce": "n1",
    }
    return signed_headers(**{**parts, **changed})


def test_the_golden_vector():
    assert headers()["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;"
        "x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=0cf93337db6883708f83af96c63858a8b7d313cf7ceb4f7982d19cfce0cdd5fe"
    )


def test_every_part_is_signed():
    seen = {headers()["authorization"]}
    for changed in (
        {"secret": "x"},
        {"host": "x"},
        {"action": "x"},
        {"query": []},
        {"content_type": ""},
        {"body": b"x"},
        {"at": datetime(2026, 1, 2, tzinfo=UTC)},
        {"nonce": "n2"},
    ):
        seen.add(headers(**changed)["authorization"])
    assert len(seen) == 9


def test_the_query_is_encoded_by_rfc_3986_and_sorted():
    assert canonical_query([("b", "a b+c~*"), ("a", "中/")]) == "a=%E4%B8%AD%2F&b=a%20b%2Bc~%2A"
