"""Rigs: each channel beside the sandbox that stands in for its provider, over real HTTP."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from activation.channels.port import Batch, Channel, KeyScope, KeySource, Message, Target
from activation.channels.transport import Transport
from activation.channels.wire import Callback, WireRequest
from aiohttp import web
from channel_rigs import KINDS, PROVIDERS
from channel_rigs.kind import SECRET, Means
from sandbox.clock import Clock
from sandbox.effects import REPLACED, Effect, address_hash
from sandbox.faults import Fault, Rule
from sandbox.main import build
from sandbox.responses import Response, Sent
from sandbox.server import Sandbox
from sandbox.settings import read

NOON_EPOCH_S = 1_781_150_400.0  # 2026-06-11 12:00 in China
TIMEOUT_S = 5.0


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
    names_messages: bool
    """The answer to a sending names the message."""
    tells_acts: bool
    """The provider tells what people do with a message."""
    clock: SetClock
    people: People
    receiver: Receiver
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def wire(
        self, count: int = 1, message: Message | None = None, addresses: Sequence[str] = ()
    ) -> WireRequest:
        """A built batch of fresh targets, with keys as the channel wants them; no fewer than it takes."""
        return self.channel.build(await self.batch(count, message, addresses))

    async def batch(
        self, count: int = 1, message: Message | None = None, addresses: Sequence[str] = ()
    ) -> Batch:
        chosen = list(addresses) or self.addresses(max(count, self.channel.caps.min_batch))
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
        """What people have seen: a message that took the place of another is no second one."""
        return [effect for effect in self.sandbox.log.page() if effect.outcome != REPLACED]

    def hashes(self, addresses: Sequence[str]) -> list[str]:
        return [address_hash(self.provider, self.local(address)) for address in addresses]

    def suffer(self, fault: Fault, **how: object) -> None:
        """The provider's sends meet this fault from now on."""
        rule = replace(Rule(fault, self.provider, self.action, delay_s=0.05), **how)
        self.sandbox.faults.replace((rule,))

    def settle(self) -> None:
        """Wait until the provider's answer to a query proves something."""
        caps = self.channel.caps
        self.clock.at += max(caps.settle_s, caps.absence_s)

    def pause(self) -> None:
        """Let time pass before the same request is tried again, some fifty times in the provider's window."""
        self.clock.at += min(61.0, (self.channel.caps.idempotency_window_s or 0.0) / 50)

    def recover(self) -> None:
        self.sandbox.faults.replace(())


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
def served(request: pytest.FixtureRequest) -> Sequence[str]:
    """The providers that the test needs: that of its rig, all when it asks for rigs by name."""
    call = getattr(request.node, "callspec", None)
    name = call.params.get("rig") if call is not None else None
    return PROVIDERS if name is None else (KINDS[name].provider,)


@pytest.fixture
def document(tmp_path: Path, receiver: Receiver, served: Sequence[str]) -> dict[str, object]:
    """The settings of the sandbox."""
    sections = {kind.provider: kind.section for kind in KINDS.values()}
    return {provider: sections[provider](receiver.url, tmp_path) for provider in served}


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
async def make_rig(
    sandbox: Sandbox, transport: Transport, clock: SetClock, people: People, receiver: Receiver
) -> AsyncIterator[Callable[[str], Rig]]:
    """make_rig(a name of KINDS); closes every channel that its rigs have made."""
    numbers = itertools.count()
    means = Means(transport, clock.moment, lambda: f"n{next(numbers)}")
    made: list[Channel] = []

    def rig(name: str) -> Rig:
        kind = KINDS[name]

        def make(secret: str, url: str) -> Channel:
            made.append(kind.make(means, secret, url))
            return made[-1]

        receiver.channel = make(SECRET, sandbox.url(kind.provider))
        return Rig(
            channel=receiver.channel,
            make=make,
            sandbox=sandbox,
            provider=kind.provider,
            action=kind.action,
            message=kind.says("包裹")[0],
            bad_message=kind.bad_message,
            says=kind.says,
            addresses=kind.addresses,
            stranger=kind.stranger,
            local=kind.local,
            names_messages=kind.names_messages,
            tells_acts=kind.tells_acts,
            clock=clock,
            people=people,
            receiver=receiver,
        )

    yield rig
    for channel in made:
        await channel.close()


@pytest.fixture(params=list(KINDS))
def rig(request: pytest.FixtureRequest, make_rig: Callable[[str], Rig]) -> Rig:
    return make_rig(request.param)
