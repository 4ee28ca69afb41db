"""Signatures and grants of the push channels, against vectors of others and read back by the public key."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import jwt
import pytest
from activation.channels.apns.tokens import ApnsAccount, signed
from activation.channels.fcm.tokens import FcmAccount, grant
from activation.channels.getui import callbacks
from activation.channels.getui.tokens import GetuiAccount, sign
from channel_rigs import apns, fcm

AT = datetime(2026, 1, 1, tzinfo=UTC)
UNDATED = {"verify_exp": False, "verify_iat": False, "verify_aud": False}


def test_getui_signs_key_time_and_secret():
    """sha256sum of appkey1767225600000mastersecret."""
    signature = sign(GetuiAccount("app", "appkey", "mastersecret"), "1767225600000")
    assert (signature[:8], signature[-8:]) == ("298677be", "65a08e84")


def test_getui_s_receipts_are_signed_over_app_device_task_message_and_secret():
    """RFC 1321 gives MD5("abc")."""
    entry = {"appid": "", "cid": "a", "taskid": "b", "msgid": ""}
    assert callbacks.sign(entry, "c") == "900150983cd24fb0d6963f7d28e17f72"


def test_google_gets_a_grant_for_an_hour_by_rfc_7523():
    token = grant(replace(fcm.account("unit"), token_uri="https://oauth2.example/token"), AT)
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert jwt.decode(token, fcm.key("unit").public_key(), algorithms=["RS256"], options=UNDATED) == {
        "iss": "sender@shop.example",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": "https://oauth2.example/token",
        "iat": 1_767_225_600,
        "exp": 1_767_229_200,
    }


def test_apple_gets_a_token_of_team_and_time():
    token = signed(ApnsAccount.read("TEAM", "KEY1", "example.shop", apns.private("unit")), AT)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "JWT", "kid": "KEY1"}
    claims = jwt.decode(token, apns.key("unit").public_key(), algorithms=["ES256"], options=UNDATED)
    assert claims == {"iss": "TEAM", "iat": 1_767_225_600}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "has no project_id, client_email, private_key, private_key_id, token_uri"),
        ('{"project_id": "secret-value"}', "has no client_email"),
    ],
)
def test_a_service_account_at_fault_is_named_without_its_values(text, fault):
    with pytest.raises(ValueError, match=fault) as raised:
        FcmAccount.read(text)
    assert "secret-value" not in str(raised.value)


def test_keys_of_the_wrong_kind_are_refused():
    content = json.loads(fcm.service_account("unit", "https://oauth2.example"))
    for wrong in ("secret-value", apns.private("unit")):
        with pytest.raises(ValueError, match="private_key") as raised:
            FcmAccount.read(json.dumps({**content, "private_key": wrong}))
        assert wrong not in str(raised.value)
    for wrong in ("secret-value", fcm.private("unit")):
        with pytest.raises(ValueError, match="private_key") as raised:
            ApnsAccount.read("TEAM", "KEY1", "example.shop", wrong)
        assert wrong not in str(raised.value)


def test_keys_show_in_no_repr():
    assert "private_key=" not in repr(fcm.account("unit"))
    assert "private_key=" not in repr(ApnsAccount.read("T", "K", "t", apns.private("unit")))
    assert "mastersecret" not in repr(GetuiAccount("app", "appkey", "mastersecret"))
