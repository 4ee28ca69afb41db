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
OFFICIAL_APP = "wx_oa"
PUSH_APP = ""
SIGN_NAME = "画像商城"
SMS_TEMPLATE, SMS_TEXT = "SMS_90001", "${offer}，到店即享。拒收请回复R"
WECHAT_TEMPLATE = "tpl_member_notice"


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
            "base_url": f"http://127.0.0.1:{ports.sandbox + 2}",
            "appid": OFFICIAL_APP,
            "secret": derived(secret, "wechat/secret"),
            "callback_token": derived(secret, "wechat/token"),
            "receipts_secret": receipts(WECHAT_ACCOUNT),
            "scope": OFFICIAL_APP,
        },
        PUSH_ACCOUNT: {
            "channel": "jpush",
            "base_url": f"http://127.0.0.1:{ports.sandbox + 3}",
            "app_key": derived(secret, "push/key")[:24],
            "master_secret": derived(secret, "push/secret")[:24],
            "receipts_secret": receipts(PUSH_ACCOUNT),
            "scope": PUSH_APP,
        },
    }


def _sandbox(secret: str, ports: Ports) -> dict[str, Any]:
    def reports(account: str, what: str = "receipts") -> str:
        return receipts_url(ports, account, secret, what)

    accounts = _accounts(secret, ports)
    sms, wechat, push = (accounts[name] for name in (SMS_ACCOUNT, WECHAT_ACCOUNT, PUSH_ACCOUNT))
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
