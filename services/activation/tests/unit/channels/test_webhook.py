"""Which addresses a webhook may call, and how its calls are signed."""

from ipaddress import ip_address

import pytest
from activation.channels.webhook.guard import is_public, read_networks
from activation.channels.webhook.signing import read_signers, signed_headers

PRIVATE = """
0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.1.2.3 168.63.129.16 169.254.169.254 169.254.0.23 172.16.0.1
172.31.255.255 192.0.0.192 192.0.2.1 192.168.0.1 198.18.0.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::10.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001:db8::1
2002:0a00:0001::1 2001:0:0808:0808:0:0:f5ff:fffe fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1 ff02::1
::ffff:0:127.0.0.1 ::ffff:0:169.254.169.254 192.88.99.1 3fff::1 5f00::1 100:0:0:1::1
"""
PUBLIC = """
1.1.1.1 8.8.8.8 100.63.255.255 172.15.0.1 172.32.0.1 192.169.0.1 223.5.5.5 2400:3200::1 2606:4700:4700::1111
::ffff:8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 2002:0808:0808::1
"""


@pytest.mark.parametrize(
    ("text", "public"),
    [*((each, False) for each in PRIVATE.split()), *((each, True) for each in PUBLIC.split())],
)
def test_only_the_open_internet_may_be_called(text, public):
    assert is_public(ip_address(text)) is public


def test_networks_may_be_listed():
    assert [str(each) for each in read_networks("10.0.0.0/8, ::1")] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(ValueError, match="not appear"):
        read_networks("localhost")


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the one of the standard's examples


@pytest.mark.parametrize(
    ("message_id", "timestamp_s", "body", "signature"),
    [
        # The example of the standard's libraries.
        (
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        # Computed with the library standardwebhooks 1.1.
        ("msg_1", 1_767_225_600, b'{"a":1}', "v1,lCbYAEZ+iWYEmDEQUgTSPF7TQpmsKXiGTVeQy7iOKZE="),
    ],
)
def test_the_golden_vectors(message_id, timestamp_s, body, signature):
    headers = signed_headers(read_signers(SECRET), message_id, timestamp_s, body)
    assert headers == {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature,
    }


def test_every_key_signs_and_every_part_is_signed():
    private = "whsk_" + "A" * 43 + "="
    seen = set()
    for message_id, timestamp_s, body in (("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y")):
        text = signed_headers(read_signers(f"{SECRET} {private}"), message_id, timestamp_s, body)
        versions = [each.split(",")[0] for each in text["webhook-signature"].split(" ")]
        assert versions == ["v1", "v1a"]
        seen.update(text["webhook-signature"].split(" "))
    assert len(seen) == 8
