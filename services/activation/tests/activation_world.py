"""An activation with the real providers' stand-ins over HTTP and small neighbours over gRPC."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from activation.app.accounts import Account, Limits, Timings
from activation.channels.aliyun_sms.channel import AliyunSmsAccount, AliyunSmsChannel
from activation.channels.jpush.channel import JpushAccount, JpushChannel
from activation.channels.transport import Transport
from activation.channels.wechat.official_account import WechatAccount
from activation.channels.wechat_template.channel import WechatTemplateChannel
from activation.main import Neighbours, Wiring, wire
from activation.store.vault import Vault
from activation_neighbours import Identity, Segments, services
from google.protobuf.message import Message
from huaxiang.activation.v1 import campaign_pb2, campaign_service_pb2_grpc, delivery_service_pb2_grpc
from huaxiang.activation.v1 import campaign_service_pb2 as campaigns_pb2
from huaxiang.activation.v1 import delivery_service_pb2 as deliveries_pb2
from huaxiang.identity.v1 import record_pb2
from sandbox.clock import Clock as SandboxClock
from sandbox.effects import Effect, address_hash
from sandbox.faults import Fault, Rule
from sandbox.main import build
from sandbox.reports import Fates
from sandbox.responses import Response, Sent
from sandbox.server import Sandbox
from sandbox.settings import read
from servicekit.database import Database
from servicekit.testing.servers import LocalServer, serving

NOON = datetime(2026, 6, 11, 4, 0, tzinfo=UTC)
"""In China."""
SECRET, CALLBACK_TOKEN, RECEIPTS_SECRET = "provider-secret", "callback-token", "receipts-secret"
FAST = Timings(settle_s=0.2, poll_s=0.2, polls=2, no_receipt_s=3_600.0)
QUICK = Limits(lease_s=4.0, submit_timeout_s=1.0)
WAIT_S = 20.0
SMS, WECHAT, PUSH = "aliyun_sms", "wechat_template", "jpush"
CHANNELS = (SMS, WECHAT, PUSH)
PROVIDERS = {SMS: "aliyun_sms", WECHAT: "wechat", PUSH: "jpush"}
ACTIONS = {SMS: "SendBatchSms", WECHAT: "template_send", PUSH: "push"}
ACCOUNTS = {SMS: "sms_main", WECHAT: "wechat_service", PUSH: "push_main"}
CONTACTS = {SMS: record_pb2.CHANNEL_SMS, WECHAT: record_pb2.CHANNEL_WECHAT, PUSH: record_pb2.CHANNEL_PUSH}
S = deliveries_pb2
OFFER = campaign_pb2.MessageTemplate(
    template_id="SMS_2",
    sign_name="华象",
    parameters={"thing": "夏装"},
    text="${thing}上新，拒收请回复R",
)
"""Marketing by SMS."""


class MovableClock(SandboxClock):
    """Both sides' suite time: runs as the machine's, begins at noon, jumps when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_s = NOON.timestamp() - time.time()

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def now(self) -> float:
        return time.time() + self._ahead_s


@dataclass(frozen=True)
class SuiteClock:
    """The same as servicekit's port."""

    clock: MovableClock

    def now(self) -> datetime:
        return self.clock.moment()

    def machine_now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class People:
    """What people do; everybody receives at once unless the test says otherwise."""

    response: Response = field(default_factory=lambda: Response(delivered_after_s=0.0))
    by_address: dict[str, Response] = field(default_factory=dict)

    def respond(self, sent: Sent) -> Response:
        return self.by_address.get(sent.address, self.response)


def address(channel: str, person: int) -> str:
    return {
        SMS: f"+86138{person:08}",
        WECHAT: f"openid-{person}",
        PUSH: f"device-{person}",
    }[channel]


def provider_hash(channel: str, person: int) -> str:
    return address_hash(PROVIDERS[channel], address(channel, person).removeprefix("+86"))


@cache
def _listed(channel: str) -> str:
    return "\n".join(address(channel, each) for each in range(1, 20_001))


def settings(receipts_port: int, folder: Path) -> dict[str, object]:
    """The sandbox's."""
    for name, channel in (("openids.txt", WECHAT), ("devices.txt", PUSH)):
        (folder / name).write_text(_listed(channel))

    def url(channel: str) -> str:
        return f"http://127.0.0.1:{receipts_port}/receipts/{ACCOUNTS[channel]}/{RECEIPTS_SECRET}"

    sms = {
        "access_key_id": "ak",
        "access_key_secret": SECRET,
        "receipts_url": url(SMS),
        "replies_url": url(SMS),
    }
    wechat = {
        "appid": "wx",
        "secret": SECRET,
        "callback_token": CALLBACK_TOKEN,
        "receipts_url": url(WECHAT),
    }
    return {
        "aliyun_sms": {
            "accounts": [sms],
            "signs": [{"name": "华象"}],
            "templates": [
                {"code": "SMS_1", "kind": "notice", "content": "您的${thing}已到店"},
                {"code": "SMS_2", "kind": "marketing", "content": "${thing}上新，拒收请回复R"},
            ],
            "query_lag_s": 0,
        },
        "wechat": {
            "accounts": [wechat],
            "templates": [{"template_id": "T1", "content": "{{thing.DATA}}已到店"}],
            "followers": {"listed_file": str(folder / "openids.txt")},
        },
        "jpush": {
            "apps": [{"app_key": "jp", "master_secret": SECRET, "receipts_url": url(PUSH)}],
            "devices": {"listed_file": str(folder / "devices.txt")},
            "calls_per_minute": 100_000,
        },
    }


def campaign(channel: str, campaign_id: str = "c1", **fields: object) -> campaign_pb2.Campaign:
    """A service notice to the snapshot "snap"."""
    parameters = {"alert": "您的包裹已到店"} if channel == PUSH else {"thing": "包裹"}
    template = campaign_pb2.MessageTemplate(
        template_id={SMS: "SMS_1", WECHAT: "T1", PUSH: ""}[channel],
        sign_name="华象" if channel == SMS else "",
        parameters=parameters,
    )
    message = campaign_pb2.Campaign(
        campaign_id=campaign_id,
        snapshot_id="snap",
        channel=channel,
        provider_account=ACCOUNTS[channel],
        message_class=campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL,
        template=template,
    )
    for name, value in fields.items():
        if isinstance(value, Message):
            getattr(message, name).CopyFrom(value)
        else:
            setattr(message, name, value)
    return message


@dataclass
class World:
    """Everything that a test may look at or turn."""

    folder: Path
    database_url: str
    clock: MovableClock
    people: People
    identity: Identity
    segments: Segments
    sandbox: Sandbox
    accounts: dict[str, Account]
    neighbours: Neighbours
    receipts_port: int
    vault: Vault
    left: LocalServer
    wiring: Wiring | None = None
    server: LocalServer | None = None
    limits: Limits = QUICK
    _stack: contextlib.AsyncExitStack | None = None

    async def start(self, *, workers: bool = True) -> None:
        """Serves; with its workers unless told otherwise."""
        database = Database.open(self.database_url, synchronous="NORMAL")
        secrets_of = dict.fromkeys(self.accounts, RECEIPTS_SECRET)
        suite = SuiteClock(self.clock)
        self.wiring = wire(
            database,
            self.vault,
            suite,
            self.accounts,
            secrets_of,
            self.neighbours,
            limits=self.limits,
            receipts_port=self.receipts_port,
        )
        self._stack = contextlib.AsyncExitStack()
        self._stack.push_async_callback(database.close)
        await self.wiring.receipt_server.start()
        self._stack.push_async_callback(self.wiring.receipt_server.stop)
        serving_it = serving(self.wiring.services, self.folder / "activation", name="activation")
        self.server = await self._stack.enter_async_context(serving_it)
        if workers:
            self.work()

    def work(self) -> None:
        """Lets the workers begin."""
        assert self.wiring is not None
        assert self._stack is not None
        tasks = [asyncio.create_task(worker()) for worker in self.wiring.workers]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def stop(self) -> None:
        assert self._stack is not None
        await self._stack.aclose()

    # ---------------------------------------------------------------------------------------- the audience

    def audience(self, count: int, *channels: str, first: int = 1) -> list[int]:
        """Persons with an address on each channel, in the snapshot "snap"."""
        persons = list(range(first, first + count))
        for channel in channels or CHANNELS:
            for person in persons:
                self.identity.addresses[person, CONTACTS[channel]] = address(channel, person)
        self.segments.snapshots["snap"] = persons
        return persons

    def suffer(self, channel: str, fault: Fault, **how: object) -> None:
        """The provider's sends meet this fault from now on."""
        rule = replace(Rule(fault, PROVIDERS[channel], ACTIONS[channel], delay_s=0.05), **how)
        self.sandbox.faults.replace((*self.sandbox.faults.rules, rule))

    def receipts(self, **fates: float) -> None:
        """What happens to receipts from now on."""
        self.sandbox.reports.fates = Fates(**fates)

    # ---------------------------------------------------------------------------------------- the rpcs

    def campaigns(
        self, role: str = "marketer", tenant: str = "t1"
    ) -> campaign_service_pb2_grpc.CampaignServiceStub:
        assert self.server is not None
        return campaign_service_pb2_grpc.CampaignServiceStub(self.server.connect(role, tenant))

    def deliveries(
        self, role: str = "marketer", tenant: str = "t1"
    ) -> delivery_service_pb2_grpc.DeliveryServiceStub:
        assert self.server is not None
        return delivery_service_pb2_grpc.DeliveryServiceStub(self.server.connect(role, tenant))

    async def create(self, message: campaign_pb2.Campaign) -> campaign_pb2.Campaign:
        answer = await self.campaigns().CreateCampaign(campaigns_pb2.CreateCampaignRequest(campaign=message))
        return answer.campaign

    async def run(self, channel: str, campaign_id: str = "c1", **fields: object) -> None:
        """Creates and starts."""
        await self.create(campaign(channel, campaign_id, **fields))
        await self.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id=campaign_id))

    async def get(self, campaign_id: str = "c1") -> campaigns_pb2.GetCampaignResponse:
        return await self.campaigns().GetCampaign(campaigns_pb2.GetCampaignRequest(campaign_id=campaign_id))

    async def until(
        self, holds: Callable[[campaigns_pb2.GetCampaignResponse], bool], campaign_id: str = "c1"
    ) -> campaigns_pb2.GetCampaignResponse:
        """The campaign once `holds`; fails when it never does."""
        ends, pause_s = time.monotonic() + WAIT_S, 0.02
        while True:
            answer = await self.get(campaign_id)
            if holds(answer):
                return answer
            assert time.monotonic() < ends, f"never happened: {answer}"
            await asyncio.sleep(pause_s)
            pause_s = min(1.3 * pause_s, 0.1)

    async def completed(self, campaign_id: str = "c1") -> campaign_pb2.CampaignReport:
        answer = await self.until(
            lambda each: each.campaign.state == campaign_pb2.CAMPAIGN_STATE_COMPLETED, campaign_id
        )
        return answer.report

    async def rows(self, campaign_id: str = "c1", state: int = 0) -> list[S.Delivery]:
        """All of them, page by page."""
        rows: list[S.Delivery] = []
        token = ""
        while True:
            request = S.ListDeliveriesRequest(
                campaign_id=campaign_id, state=state, page_size=1_000, page_token=token
            )
            answer = await self.deliveries().ListDeliveries(request)
            rows += answer.deliveries
            token = answer.next_page_token
            if not token:
                return rows

    async def history(self, person: int, campaign_id: str = "c1") -> list[tuple[int, str]]:
        request = S.ExplainDeliveryRequest(campaign_id=campaign_id, person_id=person)
        answer = await self.deliveries().ExplainDelivery(request)
        return [(step.state, step.reason) for step in answer.history]

    # ---------------------------------------------------------------------------------------- the oracle

    def effects(self) -> list[Effect]:
        return self.sandbox.log.page()

    def received(self) -> Counter[str]:
        """Messages by the provider's hash of the address."""
        return Counter(each.address_hash for each in self.effects())

    async def events_of(self, type_: str, count: int) -> list[record_pb2.Record]:
        """Records that identity has got, once there are so many."""
        ends = time.monotonic() + WAIT_S
        while len(self.identity.events(type_)) < count:
            assert time.monotonic() < ends, (type_, len(self.identity.events(type_)))
            await asyncio.sleep(0.02)
        return self.identity.events(type_)

    def count(self, sql: str) -> int:
        """A number from the store."""
        assert self.wiring is not None
        return int(
            self.wiring.database.read_now(lambda connection: connection.exec_driver_sql(sql).scalar_one())
        )


def free_port() -> int:
    """One that no connection takes meanwhile: below those that the system gives to connections of its own."""
    while True:
        port = secrets.randbelow(15_000) + 15_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def make_accounts(
    url: Callable[[str], str], transport: Transport, clock: MovableClock, timings: Timings
) -> dict[str, Account]:
    sms = AliyunSmsChannel(
        AliyunSmsAccount("ak", SECRET),
        transport,
        clock.moment,
        lambda: secrets.token_hex(8),
        url("aliyun_sms"),
    )
    wechat = WechatTemplateChannel(
        WechatAccount("wx", SECRET, CALLBACK_TOKEN), transport, clock.moment, url("wechat")
    )
    push = JpushChannel(JpushAccount("jp", SECRET), transport, url("jpush"))
    return {
        ACCOUNTS[SMS]: Account(ACCOUNTS[SMS], sms, "", 1_000, timings),
        ACCOUNTS[WECHAT]: Account(ACCOUNTS[WECHAT], wechat, "wx", 1_000, timings),
        ACCOUNTS[PUSH]: Account(ACCOUNTS[PUSH], push, "app", 1_000, timings),
    }


@asynccontextmanager
async def made_world(folder: Path, database_url: str, timings: Timings = FAST) -> AsyncIterator[World]:
    """A world whose activation is not started yet."""
    clock, people, identity, segments = MovableClock(), People(), Identity(), Segments()
    receipts_port = free_port()
    (folder / "activation").mkdir()
    (folder / "neighbours").mkdir()
    document = settings(receipts_port, folder)
    async with (
        build(read(document), folder / "sandbox", clock=clock, responses=people) as sandbox,
        Transport() as transport,
        serving(services(identity, segments), folder / "neighbours", name="neighbours") as left,
    ):
        channel = left.connect()
        yield World(
            folder=folder,
            database_url=database_url,
            clock=clock,
            people=people,
            identity=identity,
            segments=segments,
            sandbox=sandbox,
            accounts=make_accounts(sandbox.url, transport, clock, timings),
            neighbours=Neighbours(channel, channel),
            receipts_port=receipts_port,
            vault=Vault(secrets.token_bytes(32)),
            left=left,
        )
