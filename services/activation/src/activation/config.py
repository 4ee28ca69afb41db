"""What the environment says, and the provider accounts in the file that it names."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from servicekit.config import ConfigError, integer, number, one_of, path, setting, text

DEFAULT_PORT = 7104
DEFAULT_RECEIPTS_PORT = 7204
DEFAULT_CALLS_PER_S = 50
MIN_SECRET_BYTES = 32


@dataclass(frozen=True)
class Config:
    """`keys` holds who may call; `service_key_file` the key presented to identity and segments. Times ending in _s that
    concern providers are seconds of the suite's clock."""

    keys: Path = setting("HUAXIANG_KEYS", path)
    service_key_file: Path = setting("HUAXIANG_SERVICE_KEY_FILE", path)
    secret_file: Path = setting("HUAXIANG_ACTIVATION_SECRET_FILE", path)
    accounts_file: Path = setting("HUAXIANG_ACTIVATION_ACCOUNTS", path)
    data: Path = setting("HUAXIANG_DATA", path, default=Path("var/huaxiang"))
    url: str = setting("HUAXIANG_ACTIVATION_URL", text, default="")
    host: str = setting("HUAXIANG_ACTIVATION_HOST", text, default="127.0.0.1")
    port: int = setting("HUAXIANG_ACTIVATION_PORT", integer(0, 65_535), default=DEFAULT_PORT)
    receipts_port: int = setting(
        "HUAXIANG_ACTIVATION_RECEIPTS_PORT", integer(0, 65_535), default=DEFAULT_RECEIPTS_PORT
    )
    identity_target: str = setting("HUAXIANG_IDENTITY_TARGET", text, default="127.0.0.1:7101")
    segments_target: str = setting("HUAXIANG_SEGMENTS_TARGET", text, default="127.0.0.1:7103")
    clock: Path | None = setting("HUAXIANG_CLOCK", path, default=None)
    synchronous: Literal["FULL", "NORMAL"] = setting(
        "HUAXIANG_SQLITE_SYNCHRONOUS", one_of("FULL", "NORMAL"), default="FULL"
    )
    settle_s: float | None = setting("HUAXIANG_ACTIVATION_SETTLE_S", number(0, 86_400), default=None)
    poll_s: float = setting("HUAXIANG_ACTIVATION_POLL_S", number(0, 86_400), default=600.0)
    no_receipt_s: float = setting(
        "HUAXIANG_ACTIVATION_NO_RECEIPT_S", number(1, 30 * 86_400), default=72 * 3_600.0
    )
    failpoint: str | None = setting("HUAXIANG_FAILPOINT", text, default=None)

    @property
    def store_url(self) -> str:
        """The given database, by default a file in the data folder."""
        return self.url or f"sqlite:///{self.data / 'activation' / 'activation.db'}"

    def service_key(self) -> str:
        """The key for calls to the left. Raises ConfigError."""
        return _read_text(self.service_key_file)

    def secret(self) -> bytes:
        """The master secret. Raises ConfigError when it is missing, no base64, or too short."""
        try:
            secret = base64.b64decode(_read_text(self.secret_file), validate=True)
        except binascii.Error:
            raise ConfigError([f"{self.secret_file}: is not base64"]) from None
        if len(secret) < MIN_SECRET_BYTES:
            raise ConfigError([f"{self.secret_file}: holds less than {MIN_SECRET_BYTES} bytes"])
        return secret


@dataclass(frozen=True)
class AccountConfig:
    """One provider account. `credentials` are the channel's own fields."""

    name: str
    channel: str
    base_url: str
    scope: str
    receipts_secret: str
    calls_per_s: int
    credentials: Mapping[str, str]


_CREDENTIALS = {
    "aliyun_sms": ("access_key_id", "access_key_secret"),
    "wechat_template": ("appid", "secret", "callback_token"),
    "jpush": ("app_key", "master_secret"),
}


def read_accounts(file: Path) -> dict[str, AccountConfig]:
    """Reads the accounts file. Raises ConfigError that names every fault, never a value."""
    try:
        content = yaml.safe_load(_read_text(file))
    except yaml.YAMLError:
        raise ConfigError([f"{file}: is not YAML"]) from None
    listed = content.get("accounts") if isinstance(content, dict) else None
    if not isinstance(listed, dict) or not listed:
        raise ConfigError([f"{file}: has no accounts"])
    problems: list[str] = []
    accounts = {
        str(name): _account(str(name), each if isinstance(each, dict) else {}, problems)
        for name, each in listed.items()
    }
    if problems:
        raise ConfigError([f"{file}: {problem}" for problem in problems])
    return accounts


def _account(name: str, content: Mapping[str, Any], problems: list[str]) -> AccountConfig:
    channel = str(content.get("channel") or "")
    if channel not in _CREDENTIALS:
        problems.append(f"accounts.{name}.channel: is none of {', '.join(_CREDENTIALS)}")
    credentials = {}
    for field in _CREDENTIALS.get(channel, ()):
        credentials[field] = str(content.get(field) or "")
        if not credentials[field]:
            problems.append(f"accounts.{name}.{field}: is missing")
    if not content.get("receipts_secret"):
        problems.append(f"accounts.{name}.receipts_secret: is missing")
    calls_per_s = content.get("max_calls_per_s", DEFAULT_CALLS_PER_S)
    if not isinstance(calls_per_s, int) or calls_per_s < 1:
        problems.append(f"accounts.{name}.max_calls_per_s: is not a whole number of at least 1")
        calls_per_s = DEFAULT_CALLS_PER_S
    return AccountConfig(
        name=name,
        channel=channel,
        base_url=str(content.get("base_url") or ""),
        scope=str(content.get("scope") or ""),
        receipts_secret=str(content.get("receipts_secret") or ""),
        calls_per_s=calls_per_s,
        credentials=credentials,
    )


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from None
