"""From what an account states to its channel."""

import json
from pathlib import Path

import pytest
import yaml
from activation.app.accounts import Timings
from activation.channels.transport import Transport
from activation.config import CHANNELS, AccountConfig, read_accounts
from activation.main import _MAKERS, make_account
from channel_rigs import apns, fcm, webhook
from servicekit.clock import SystemClock
from servicekit.config import ConfigError

GETUI = {
    "channel": "getui",
    "app_id": "gt",
    "app_key": "gk",
    "master_secret": "s",
    "receipts_secret": "path",
    "xiaomi_channel": "101",
}
FCM = {"channel": "fcm", "service_account": fcm.service_account("unit", "https://oauth2.example")}
APNS = {
    "channel": "apns",
    "team_id": "T",
    "key_id": "K",
    "topic": "shop",
    "private_key": apns.private("unit"),
}

WEBHOOK = {
    "channel": "webhook",
    "base_url": "https://crm.example/hooks",
    "contact_channel": "email",
    "secret": webhook.shared("unit"),
    "receipts_secret": "path",
}
EMAIL = {
    "channel": "email",
    "base_url": "smtp://mx.example",
    "sender": "a@b.example",
    "receipts_secret": "path",
}


def stated(folder: Path, account: dict[str, str]) -> AccountConfig:
    file = folder / "accounts.yaml"
    file.write_text(yaml.safe_dump({"accounts": {"a": account}}))
    return read_accounts(file, Timings())["a"]


def test_every_channel_that_an_account_can_name_can_be_made() -> None:
    assert set(CHANNELS) == set(_MAKERS)


@pytest.mark.parametrize("account", [GETUI, FCM, APNS, WEBHOOK, EMAIL], ids=lambda each: each["channel"])
async def test_an_account_makes_its_channel(tmp_path: Path, account: dict[str, str]) -> None:
    async with Transport() as transport:
        made = make_account(stated(tmp_path, account), transport, SystemClock())
        assert made.caps.name == account["channel"]
        await made.channel.close()


@pytest.mark.parametrize(
    ("account", "fault"),
    [
        ({**FCM, "service_account": "secret-value"}, "accounts.a.service_account: is not JSON"),
        (
            {**FCM, "service_account": json.dumps({"project_id": "secret-value"})},
            "accounts.a.service_account: has no client_email",
        ),
        ({**APNS, "private_key": "secret-value"}, "accounts.a.private_key: is not a private key in PEM"),
        ({**WEBHOOK, "secret": "whsec_secret-value"}, "accounts.a.secret: key 1 is not base64"),
        ({**WEBHOOK, "contact_channel": "pigeon"}, "accounts.a.contact_channel: is none of sms"),
        ({**WEBHOOK, "allow": "everywhere"}, "accounts.a.allow: 'everywhere' does not appear"),
        ({**EMAIL, "dkim_selector": "s", "dkim_key": "secret-value"}, "accounts.a.dkim_key: is not"),
        ({**EMAIL, "sender": "nobody"}, "accounts.a.sender: is not like"),
        ({**EMAIL, "templates": "/nowhere"}, "accounts.a.templates: /nowhere holds no"),
    ],
)
async def test_keys_at_fault_are_told_by_account_without_their_value(
    tmp_path: Path, account: dict[str, str], fault: str
) -> None:
    async with Transport() as transport:
        with pytest.raises(ConfigError) as raised:
            make_account(stated(tmp_path, account), transport, SystemClock())
    assert fault in str(raised.value)
    assert "secret-value" not in str(raised.value)
