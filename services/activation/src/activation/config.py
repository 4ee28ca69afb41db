"""What the environment says, and the provider accounts in the file that it names."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from servicekit.config import ConfigError, integer, number, one_of, path, setting, text

from activation.app.accounts import Timings
from activation.workers.failpoints import NAMES

DEFAULT_PORT = 7104
DEFAULT_RECEIPTS_PORT = 7204
MIN_SECRET_BYTES = 32
MAX_WAIT_S = 30 * 86_400.0
MAX_POLLS = 100


@dataclass(frozen=True)
class Config:
    """`keys` holds who may call; `service_key_file` the key presented to identity and segments. `settle_s`,
    `poll_s` and `no_receipt_s` are seconds of the suite's clock, `submit_timeout_s` and `lease_s` of the machine's."""

    keys: Path = setting("HUAXIANG_KEYS", path)
    service_key_file: Path = setting("HUAXIANG_SERVICE_KEY_FILE", path)
    secret_file: Path = setting("HUAXIANG_ACTIVATION_SECRET_FILE", path)
    accounts_file: Path = setting("HUAXIANG_ACTIVATION_ACCOUNTS", path)
    data: Path = setting("HUAXIANG_DATA", path, default=Path("var/huaxiang"))
    url: str = setting("HUAXIANG_ACTIVATION_URL", text, default="", hidden=True)
    host: str = setting("HUAXIANG_ACTIVATION_HOST", text, default="127.0.0.1")
    port: int = setting("HUAXIANG_ACTIVATION_PORT", integer(0, 65_535), default=DEFAULT_PORT)
    receipts_port: int = setting(
        "HUAXIANG_ACTIVATION_RECEIPTS_PORT", integer(0, 65_535), default=DEFAULT_RECEIPTS_PORT
    )
    identity_target: str = setting("HUAXIANG_IDENTITY_TARGET", text, default="127.0.0.1:7101")
    segments_target: str = setting("HUAXIANG_SEGMENTS_TARGET", text, default="127.0.0.1:7103")
    tagging_target: str = setting("HUAXIANG_TAGGING_TARGET", text, default="127.0.0.1:7102")
    clock: Path | None = setting("HUAXIANG_CLOCK", path, default=None)
    synchronous: Literal["FULL", "NORMAL"] = setting(
        "HUAXIANG_SQLITE_SYNCHRONOUS", one_of("FULL", "NORMAL"), default="FULL"
    )
    settle_s: float | None = setting("HUAXIANG_ACTIVATION_SETTLE_S", number(0, MAX_WAIT_S), default=None)
    poll_s: float = setting("HUAXIANG_ACTIVATION_POLL_S", number(0, MAX_WAIT_S), default=600.0)
    polls: int = setting("HUAXIANG_ACTIVATION_POLLS", integer(1, MAX_POLLS), default=2)
    no_receipt_s: float = setting(
        "HUAXIANG_ACTIVATION_NO_RECEIPT_S", number(1, MAX_WAIT_S), default=72 * 3_600.0
    )
    submit_timeout_s: float = setting("HUAXIANG_ACTIVATION_SUBMIT_TIMEOUT_S", number(0.1, 120), default=20.0)
    lease_s: float = setting("HUAXIANG_ACTIVATION_LEASE_S", number(0.5, 600), default=60.0)
    failpoint: str | None = setting("HUAXIANG_FAILPOINT", one_of(*NAMES), default=None)

    @property
    def timings(self) -> Timings:
        """Of accounts that state none of their own."""
        return Timings(self.settle_s, self.poll_s, self.polls, self.no_receipt_s)

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
    calls_per_s: int
    timings: Timings
    receipts_secret: str = field(repr=False)
    credentials: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class ChannelFields:
    """What an account of a channel states; all of it is text. `secret` fields may be named by a file instead."""

    calls_per_s: int
    """For accounts that state no max_calls_per_s."""
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    secret: frozenset[str] = frozenset()
    told: bool = True
    """The provider tells later what became of messages: an account states the receipts_secret of the place for that."""


_WECHAT, _WECHAT_SECRETS = ("appid", "secret", "callback_token"), frozenset({"secret", "callback_token"})
_PHONE_MAKERS = (
    "huawei_category",
    "oppo_category",
    "vivo_category",
    "oppo_channel",
    "xiaomi_channel",
    "oppo_marketing_channel",
    "xiaomi_marketing_channel",
)
"""What an app has registered with phone makers."""

CHANNELS = {
    "aliyun_sms": ChannelFields(
        1_000, ("access_key_id", "access_key_secret"), secret=frozenset({"access_key_secret"})
    ),
    "wechat_template": ChannelFields(50, _WECHAT, secret=_WECHAT_SECRETS),
    "wechat_mass": ChannelFields(1, _WECHAT, secret=_WECHAT_SECRETS),
    "wechat_subscription": ChannelFields(50, _WECHAT, secret=_WECHAT_SECRETS),
    "wechat_customer_service": ChannelFields(50, _WECHAT, secret=_WECHAT_SECRETS),
    "jpush": ChannelFields(10, ("app_key", "master_secret"), _PHONE_MAKERS, frozenset({"master_secret"})),
    "tencent_sms": ChannelFields(
        1_000, ("secret_id", "secret_key", "sdk_app_id"), ("region",), secret=frozenset({"secret_key"})
    ),
    "getui": ChannelFields(
        50, ("app_id", "app_key", "master_secret"), _PHONE_MAKERS, frozenset({"master_secret"})
    ),
    "webhook": ChannelFields(
        100, ("base_url", "contact_channel", "secret"), ("allow",), secret=frozenset({"secret"}), told=False
    ),
    "fcm": ChannelFields(1_000, ("service_account",), secret=frozenset({"service_account"}), told=False),
    "apns": ChannelFields(
        1_000, ("team_id", "key_id", "topic", "private_key"), secret=frozenset({"private_key"}), told=False
    ),
    "email": ChannelFields(
        50,
        ("base_url", "sender"),
        (
            "username",
            "password",
            "bounce_address",
            "templates",
            "dkim_selector",
            "dkim_key",
            "ca_file",
            "connections",
        ),
        secret=frozenset({"password", "dkim_key"}),
    ),
}
"""Every channel that an account can name."""
_NO_CHANNEL = ChannelFields(1, ())
_WAITS = ("settle_s", "poll_s", "no_receipt_s")
_OTHERS = {"channel", "base_url", "scope", "max_calls_per_s", "polls", *_WAITS}


def read_accounts(file: Path, defaults: Timings) -> dict[str, AccountConfig]:
    """Reads the accounts file. A secret may be named by its file, as access_key_secret_file. Raises ConfigError that
    names every fault, never a value."""
    try:
        content = yaml.safe_load(_read_text(file))
    except yaml.YAMLError:
        raise ConfigError([f"{file}: is not YAML"]) from None
    listed = content.get("accounts") if isinstance(content, dict) else None
    if not isinstance(listed, dict) or not listed:
        raise ConfigError([f"{file}: has no accounts"])
    problems: list[str] = []
    accounts = {
        str(name): _AccountReader(
            str(name), each if isinstance(each, dict) else {}, file.parent, problems
        ).read(defaults)
        for name, each in listed.items()
    }
    if problems:
        raise ConfigError([f"{file}: {problem}" for problem in problems])
    return accounts


@dataclass(frozen=True)
class _AccountReader:
    """Reads one account and notes what is wrong with it."""

    name: str
    content: Mapping[str, Any]
    folder: Path
    problems: list[str]

    def read(self, defaults: Timings) -> AccountConfig:
        channel = str(self.content.get("channel") or "")
        if channel not in CHANNELS:
            self._complain("channel", f"is none of {', '.join(CHANNELS)}")
        fields = CHANNELS.get(channel, _NO_CHANNEL)
        secret, place = fields.secret | {"receipts_secret"}, ("receipts_secret",)
        required, optional = (
            fields.required + place * fields.told,
            fields.optional + place * (not fields.told),
        )
        credentials = {each: self._text(each, each in secret) for each in required}
        for each in optional:
            if each in self.content or f"{each}_file" in self.content:
                credentials[each] = self._text(each, each in secret)
        known = _OTHERS | secret | {*required, *optional}
        known |= {f"{each}_file" for each in secret}
        for unknown in sorted(set(map(str, self.content)) - known) if channel in CHANNELS else ():
            self._complain(unknown, "is no setting of this channel")
        waits = {each: self._number(each, 0, MAX_WAIT_S) for each in _WAITS}
        polls = self._number("polls", 1, MAX_POLLS)
        stated: dict[str, Any] = {each: float(value) for each, value in waits.items() if value is not None}
        timings = replace(defaults, **stated)
        calls = self._number("max_calls_per_s", 1, 100_000)
        return AccountConfig(
            name=self.name,
            channel=channel,
            base_url=str(self.content.get("base_url") or ""),
            scope=str(self.content.get("scope") or ""),
            calls_per_s=fields.calls_per_s if calls is None else int(calls),
            timings=timings if polls is None else replace(timings, polls=int(polls)),
            receipts_secret=credentials.pop("receipts_secret", ""),
            credentials=credentials,
        )

    def _text(self, field: str, secret: bool) -> str:
        value = self.content.get(field)
        named = self.content.get(f"{field}_file") if secret else None
        if value is None and named is not None:
            try:
                value = _read_text(self.folder / str(named))
            except ConfigError as error:
                self._complain(f"{field}_file", error.problems[0])
                return ""
        if not value:
            self._complain(field, "is missing")
        return str(value or "")

    def _number(self, field: str, low: float, high: float) -> float | None:
        value = self.content.get(field)
        whole = field not in _WAITS
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            self._complain(field, "is not a whole number" if whole else "is not a number")
        elif not low <= value <= high:
            self._complain(field, f"is not between {low:g} and {high:g}")
        else:
            return value
        return None

    def _complain(self, field: str, problem: str) -> None:
        self.problems.append(f"accounts.{self.name}.{field}: {problem}")


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from None
