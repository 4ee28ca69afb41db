"""The sandbox's accounts and activation's, made to fit each other from one secret."""

import hashlib
from pathlib import Path
from typing import Any

import yaml

from cli.suite.folder import SuiteFolder
from cli.suite.programs import Ports
from cli.suite.secrets import OWNER_ONLY, derived, read_secret

MARK = "# For the sandbox, made by huaxiang, which writes it anew until it is edited: "
SMS_ACCOUNT, WECHAT_ACCOUNT, PUSH_ACCOUNT = "sms_main", "wechat_service", "push_main"
SECOND_SMS_ACCOUNT = "sms_second"
OTHER_WECHAT_ACCOUNTS = {
    "wechat_news": "wechat_mass",
    "wechat_notices": "wechat_subscription",
    "wechat_answers": "wechat_customer_service",
}
"""Channel of each further account of the same official account."""
OFFICIAL_APP = "wx_oa"
PUSH_APP = ""
SECOND_SMS_APP = "1400000001"
SIGN_NAME = "画像商城"
SMS_TEMPLATE, SMS_TEXT = "SMS_90001", "${offer}，到店即享。拒收请回复R"
SECOND_SMS_TEMPLATE, SECOND_SMS_TEXT = "90001", "{1}，到店即享。拒收请回复R"
WECHAT_TEMPLATE = "tpl_member_notice"
NOTICE_TEMPLATE, ARTICLE = "sub_arrival", "media_spring"
GRANTED = 3
"""Notices and answers that everybody has allowed in the sandbox before acting."""


def write_provider_files(folder: SuiteFolder, ports: Ports, sandbox: dict[str, Any] | None = None) -> None:
    """Writes activation's accounts and the sandbox's settings for these ports; `sandbox` adds to the settings or
    replaces sections of them. Accounts that somebody has edited hold credentials of real providers: they stay."""
    secret = read_secret(folder.activation_secret)
    if _is_ours(folder.accounts):
        _write(folder.accounts, {"accounts": _accounts(secret, ports)})
    settings = _sandbox(secret, ports)
    for section, content in (sandbox or {}).items():
        known = settings.get(section)
        settings[section] = {**known, **content} if isinstance(known, dict) else content
    _write(folder.sandbox_settings, settings)


def receipts_url(ports: Ports, account: str, secret: str, what: str = "receipts") -> str:
    """Where a provider reports what became of messages."""
    return f"http://127.0.0.1:{ports.receipts}/{what}/{account}/{derived(secret, account + '/receipts')}"


def _accounts(secret: str, ports: Ports) -> dict[str, Any]:
    def receipts(account: str) -> str:
        return derived(secret, account + "/receipts")

    official = {
        "base_url": f"http://127.0.0.1:{ports.sandbox + 2}",
        "appid": OFFICIAL_APP,
        "secret": derived(secret, "wechat/secret"),
        "callback_token": derived(secret, "wechat/token"),
        "scope": OFFICIAL_APP,
    }
    return {
        SMS_ACCOUNT: {
            "channel": "aliyun_sms",
            "base_url": f"http://127.0.0.1:{ports.sandbox + 1}",
            "access_key_id": derived(secret, "sms/id")[:16],
            "access_key_secret": derived(secret, "sms/secret"),
            "receipts_secret": receipts(SMS_ACCOUNT),
            "scope": "",
        },
        WECHAT_ACCOUNT: {
            "channel": "wechat_template",
            **official,
            "receipts_secret": receipts(WECHAT_ACCOUNT),
        },
        PUSH_ACCOUNT: {
            "channel": "jpush",
            "base_url": f"http://127.0.0.1:{ports.sandbox + 3}",
            "app_key": derived(secret, "push/key")[:24],
            "master_secret": derived(secret, "push/secret")[:24],
            "receipts_secret": receipts(PUSH_ACCOUNT),
            "scope": PUSH_APP,
        },
        SECOND_SMS_ACCOUNT: {
            "channel": "tencent_sms",
            "base_url": f"http://127.0.0.1:{ports.sandbox + 4}",
            "secret_id": derived(secret, "second/id")[:16],
            "secret_key": derived(secret, "second/secret"),
            "sdk_app_id": SECOND_SMS_APP,
            "receipts_secret": receipts(SECOND_SMS_ACCOUNT),
            "scope": "",
        },
        **{
            name: {"channel": channel, **official, "receipts_secret": receipts(name)}
            for name, channel in OTHER_WECHAT_ACCOUNTS.items()
        },
    }


def _sandbox(secret: str, ports: Ports) -> dict[str, Any]:
    def reports(account: str, what: str = "receipts") -> str:
        return receipts_url(ports, account, secret, what)

    accounts = _accounts(secret, ports)
    sms, wechat, push, second = (
        accounts[name] for name in (SMS_ACCOUNT, WECHAT_ACCOUNT, PUSH_ACCOUNT, SECOND_SMS_ACCOUNT)
    )
    return {
        "seed": 1,
        "aliyun_sms": {
            "accounts": [
                {
                    "access_key_id": sms["access_key_id"],
                    "access_key_secret": sms["access_key_secret"],
                    "receipts_url": reports(SMS_ACCOUNT),
                    "replies_url": reports(SMS_ACCOUNT, "replies"),
                }
            ],
            "signs": [{"name": SIGN_NAME}],
            "templates": [{"code": SMS_TEMPLATE, "kind": "marketing", "content": SMS_TEXT}],
        },
        "wechat": {
            "accounts": [
                {
                    "appid": wechat["appid"],
                    "secret": wechat["secret"],
                    "callback_token": wechat["callback_token"],
                    "receipts_url": reports(WECHAT_ACCOUNT),
                }
            ],
            "templates": [
                {"template_id": WECHAT_TEMPLATE, "content": "{{first.DATA}} {{level.DATA}} {{remark.DATA}}"}
            ],
            "subscription_templates": [
                {"template_id": NOTICE_TEMPLATE, "content": "{{thing1.DATA}}已到店", "granted": GRANTED}
            ],
            "articles": [{"media_id": ARTICLE, "content": "新品上市"}],
            "answers": GRANTED,
        },
        "jpush": {
            "apps": [
                {
                    "app_key": push["app_key"],
                    "master_secret": push["master_secret"],
                    "vip": True,
                    "receipts_url": reports(PUSH_ACCOUNT),
                }
            ]
        },
        "tencent_sms": {
            "apps": [
                {
                    "secret_id": second["secret_id"],
                    "secret_key": second["secret_key"],
                    "sdk_app_id": second["sdk_app_id"],
                    "receipts_url": reports(SECOND_SMS_ACCOUNT),
                    "replies_url": reports(SECOND_SMS_ACCOUNT, "replies"),
                }
            ],
            "signs": [{"name": SIGN_NAME}],
            "templates": [
                {"template_id": SECOND_SMS_TEMPLATE, "kind": "marketing", "content": SECOND_SMS_TEXT}
            ],
        },
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    content = yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()
    draft = path.with_suffix(".new")
    draft.touch(OWNER_ONLY)
    draft.write_bytes(_mark(content) + b"\n" + content)
    draft.replace(path)


def _is_ours(path: Path) -> bool:
    """Whether a file is as it was written here, or is not there yet."""
    if not path.exists():
        return True
    mark, _, content = path.read_bytes().partition(b"\n")
    return mark == _mark(content)


def _mark(content: bytes) -> bytes:
    return f"{MARK}{hashlib.sha256(content).hexdigest()[:16]}".encode()
