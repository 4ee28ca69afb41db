"""Rigs: each channel beside the sandbox that stands in for its provider, over real HTTP."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from activation.channels.aliyun_sms.channel import AliyunSmsAccount, AliyunSmsChannel
from activation.channels.jpush.channel import JpushAccount, JpushChannel
from activation.channels.port import Batch, Channel, KeyScope, KeySource, Message, MessageClass, Target
from activation.channels.transport import Transport
from activation.channels.wechat_template.channel import WechatTemplateChannel
from activation.channels.wechat_template.tokens import WechatAccount
from activation.channels.wire import Callback, WireRequest
from aiohttp import web
from sandbox.clock import Clock
from sandbox.effects import Effect, address_hash
from sandbox.faults import Fault, Rule
from sandbox.main import build
from sandbox.responses import Response, Sent
from sandbox.server import Sandbox
from sandbox.settings import read

NOON_EPOCH_S = 1_781_150_400.0  # 2026-06-11 12:00 in China
TIMEOUT_S = 5.0
SECRET = "provider-secret-for-tests"
CALLBACK_TOKEN = "callback-token-for-tests"
SERVICE = MessageClass.TRANSACTIONAL


class SetClock(Clock):
    """The suite's clock of both sides, moved by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON_EPOCH_S

    def now(self) -> float:
        return self.at

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass
class People:
    """Everybody receives at once, unless the test says otherwise."""

    response: Response = field(default_factory=lambda: Response(delivered_after_s=0.0))

    def respond(self, sent: Sent) -> Response:
        return self.response


@dataclass
class Receiver:
    """Answers a provider's callbacks as the channel says, and keeps them."""

    url: str = ""
    channel: Channel | None = None
    got: list[Callback] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw_query = request.raw_path.partition("?")[2]
        callback = Callback(request.method, raw_query, headers, await request.read())
        assert self.channel is not None
        answer = self.channel.answer(callback)
        self.got.append(callback)
        async with self.more:
            self.more.notify_all()
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
        )

    async def wait(self, enough: Callable[[], bool]) -> None:
        """Return when `enough` holds after a callback; raise TimeoutError when it never does."""
        async with asyncio.timeout(5), self.more:
            await self.more.wait_for(enough)


@dataclass
class Rig:
    """A channel, its provider, and what to say to it."""

    channel: Channel
    make: Callable[[str, str], Channel]
    """A second channel with another secret, on another base URL."""
    sandbox: Sandbox
    provider: str
    action: str
    message: Message
    bad_message: Message
    """Refused for the campaign's sake."""
    says: Callable[[str], tuple[Message, str]]
    """A message with these words in it, and the whole text that the person must see."""
    addresses: Callable[[int], list[str]]
    stranger: str
    """An address that the provider refuses; empty when there is none."""
    local: Callable[[str], str]
    """The address as the provider writes it."""
    clock: SetClock
    people: People
    receiver: Receiver
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def wire(
        self, count: int = 1, message: Message | None = None, addresses: Sequence[str] = ()
    ) -> WireRequest:
        """A built batch of fresh targets, with keys as the channel wants them."""
        return self.channel.build(await self.batch(count, message, addresses))

    async def batch(
        self, count: int = 1, message: Message | None = None, addresses: Sequence[str] = ()
    ) -> Batch:
        chosen = list(addresses) or self.addresses(count)
        number = next(self.numbers)
        per_target = self.channel.caps.key_scope is KeyScope.TARGET
        wanted = len(chosen) if per_target else 1
        if isinstance(self.channel, KeySource):
            keys = await self.channel.reserve_keys(wanted, TIMEOUT_S)
        else:
            keys = tuple(f"key-{number}-{at}" for at in range(wanted))
        targets = tuple(
            Target(f"delivery-{number}-{at}", keys[at] if per_target else keys[0], address)
            for at, address in enumerate(chosen)
        )
        return Batch(keys[0], message or self.message, targets)

    def effects(self) -> list[Effect]:
        return self.sandbox.log.page()

    def hashes(self, addresses: Sequence[str]) -> list[str]:
        return [address_hash(self.provider, self.local(address)) for address in addresses]

    def suffer(self, fault: Fault, **how: object) -> None:
        """The provider's sends meet this fault from now on."""
        rule = replace(Rule(fault, self.provider, self.action, delay_s=0.05), **how)
        self.sandbox.faults.replace((rule,))

    def recover(self) -> None:
        self.sandbox.faults.replace(())


def settings(receipts_url: str, folder: Path) -> dict[str, object]:
    (folder / "openids.txt").write_text("\n".join(openids(1_000)))
    (folder / "devices.txt").write_text("\n".join(devices(1_000)))
    aliyun_account = {
        "access_key_id": "ak",
        "access_key_secret": SECRET,
        "receipts_url": receipts_url,
        "replies_url": receipts_url,
    }
    wechat_account = {
        "appid": "wx",
        "secret": SECRET,
        "callback_token": CALLBACK_TOKEN,
        "receipts_url": receipts_url,
    }
    return {
        "aliyun_sms": {
            "accounts": [aliyun_account],
            "signs": [{"name": "华象"}],
            "templates": [{"code": "SMS_1", "kind": "notice", "content": "您的${thing}已到店"}],
        },
        "wechat": {
            "accounts": [wechat_account],
            "templates": [{"template_id": "T1", "content": "{{thing.DATA}}已到店"}],
            "followers": {"listed_file": str(folder / "openids.txt")},
        },
        "jpush": {
            "apps": [{"app_key": "jp", "master_secret": SECRET, "receipts_url": receipts_url}],
            "devices": {"listed_file": str(folder / "devices.txt")},
            "calls_per_minute": 10_000,
        },
    }


def phones(count: int) -> list[str]:
    return [f"+86138{at:08}" for at in range(count)]


def openids(count: int) -> list[str]:
    return [f"openid-{at}" for at in range(count)]


def devices(count: int) -> list[str]:
    return [f"device-{at}" for at in range(count)]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    kept = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", kept.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}/receipts/secret-path"
    yield kept
    await runner.cleanup()


@pytest.fixture
def document(tmp_path: Path, receiver: Receiver) -> dict[str, object]:
    """The settings of the sandbox."""
    return settings(receiver.url, tmp_path)


@pytest.fixture
async def sandbox(
    tmp_path: Path, document: dict[str, object], clock: SetClock, people: People
) -> AsyncIterator[Sandbox]:
    async with build(read(document), tmp_path / "sandbox", clock=clock, responses=people) as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport() as opened:
        yield opened


@pytest.fixture
def make_rig(
    sandbox: Sandbox, transport: Transport, clock: SetClock, people: People, receiver: Receiver
) -> Callable[[str], Rig]:
    """make_rig("aliyun_sms" | "wechat_template" | "jpush" | "jpush_personal")"""
    numbers = itertools.count()

    def aliyun(secret: str, url: str) -> Channel:
        account = AliyunSmsAccount("ak", secret)
        return AliyunSmsChannel(account, transport, clock.moment, lambda: f"n{next(numbers)}", url)

    def wechat(secret: str, url: str) -> Channel:
        return WechatTemplateChannel(
            WechatAccount("wx", secret, CALLBACK_TOKEN), transport, clock.moment, url
        )

    def jpush(secret: str, url: str) -> Channel:
        return JpushChannel(JpushAccount("jp", secret), transport, url)

    def jpush_personal(secret: str, url: str) -> Channel:
        return JpushChannel(JpushAccount("jp", secret, personal=True), transport, url)

    text = {"alert": "您的包裹已到店", "title": "到店"}
    push = Message(SERVICE, parameters=text)
    sms = Message(SERVICE, "SMS_1", "华象", {"thing": "包裹"})
    notice = Message(SERVICE, "T1", parameters={"thing": "包裹"})

    def say_push(words: str) -> tuple[Message, str]:
        return replace(push, parameters={"alert": words}), words

    def say_sms(words: str) -> tuple[Message, str]:
        return replace(sms, parameters={"thing": words}), f"【华象】您的{words}已到店"

    def say_notice(words: str) -> tuple[Message, str]:
        return replace(notice, parameters={"thing": words}), f"{words}已到店"

    kinds = {
        "aliyun_sms": (aliyun, "aliyun_sms", "SendBatchSms", say_sms, phones),
        "wechat_template": (wechat, "wechat", "template_send", say_notice, openids),
        "jpush": (jpush, "jpush", "push", say_push, devices),
        "jpush_personal": (jpush_personal, "jpush", "batch_regid_single", say_push, devices),
    }
    bad_messages = {
        "aliyun_sms": replace(sms, template_id="SMS_9"),
        "wechat": replace(notice, template_id="T9"),
        "jpush": replace(push, parameters={"alert": "长" * 2_000}),
    }

    def rig(name: str) -> Rig:
        make, provider, action, says, addresses = kinds[name]
        receiver.channel = make(SECRET, sandbox.url(provider))
        return Rig(
            channel=receiver.channel,
            make=make,
            sandbox=sandbox,
            provider=provider,
            action=action,
            message=says("包裹")[0],
            bad_message=bad_messages[provider],
            says=says,
            addresses=addresses,
            stranger="" if provider == "aliyun_sms" else "x",
            local=lambda address: address.removeprefix("+86"),
            clock=clock,
            people=people,
            receiver=receiver,
        )

    return rig


@pytest.fixture(params=["aliyun_sms", "wechat_template", "jpush", "jpush_personal"])
def rig(request: pytest.FixtureRequest, make_rig: Callable[[str], Rig]) -> Rig:
    return make_rig(request.param)
