"""What only a webhook does: two kinds of keys, statuses of Standard Webhooks, and the guard of private networks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    CallbackForgedError,
    Message,
    MessageClass,
    Scope,
    Target,
    Verdict,
)
from activation.channels.transport import NotSentError, Transport
from activation.channels.webhook.channel import ENDPOINT_REFUSED, WebhookAccount, WebhookChannel
from activation.channels.webhook.guard import Guard, read_networks, refused
from activation.channels.wire import Callback
from aiohttp import web
from channel_rigs.kind import SECRET
from channel_rigs.webhook import LOOPBACK, private, shared

TIMEOUT_S = 60.0
MESSAGE = Message(MessageClass.TRANSACTIONAL, "T1", parameters={"thing": "包裹"})
BATCH = Batch("d", MESSAGE, (Target("d", "d", "person-1"),))
REJECTED, RETRY, UNKNOWN = Verdict.REJECTED, Verdict.RETRY, Verdict.UNKNOWN


@pytest.fixture
def rig(make_rig):
    return make_rig("webhook")


def moment() -> datetime:
    return datetime.now(UTC)


def channel(url: str, allow: str = LOOPBACK, secret: str = "") -> WebhookChannel:
    return WebhookChannel(WebhookAccount("push", secret or shared(SECRET), allow), moment, url)


@asynccontextmanager
async def receiver(answers: Sequence[web.Response], calls: list[web.Request]) -> AsyncIterator[str]:
    """Gives these answers in turn and notes who called."""
    left = list(answers)

    async def take(request: web.Request) -> web.Response:
        calls.append(request)
        return left.pop(0)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hooks?for=us"
    await runner.cleanup()


async def test_a_private_key_signs_as_well(rig):
    keyed = rig.make(SECRET, rig.sandbox.url("webhook"))
    url = rig.sandbox.url("webhook")
    asymmetric = WebhookChannel(WebhookAccount("push", private(SECRET), LOOPBACK), rig.clock.moment, url)
    wrong = WebhookChannel(WebhookAccount("push", private("x"), LOOPBACK), rig.clock.moment, url)
    wire = await rig.wire(1)
    said = [(await each.submit(wire, TIMEOUT_S))[0] for each in (wrong, asymmetric, keyed)]
    assert [each.verdict for each in said] == [REJECTED, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert len(rig.effects()) == 1
    for each in (keyed, asymmetric, wrong):
        await each.close()


async def test_while_a_key_is_replaced_both_sign(rig):
    both = f"{shared('next')} {shared(SECRET)}"
    url = rig.sandbox.url("webhook")
    rotating = WebhookChannel(WebhookAccount("push", both, LOOPBACK), rig.clock.moment, url)
    (outcome,) = await rotating.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    await rotating.close()


async def test_a_clock_that_is_off_is_the_accounts_fault(rig):
    wire = await rig.wire(1)
    rig.clock.at += 301
    late = WebhookChannel(
        WebhookAccount("push", shared(SECRET), LOOPBACK),
        lambda: datetime.fromtimestamp(rig.clock.at - 301, UTC),
        rig.sandbox.url("webhook"),
    )
    (outcome,) = await late.submit(wire, TIMEOUT_S)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (REJECTED, Scope.ACCOUNT, "HTTP_401")
    await late.close()


async def test_statuses_mean_what_the_standard_says():
    expected = [
        (web.Response(status=204), Verdict.ACCEPTED, None),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), REJECTED, Scope.ACCOUNT),
        (web.Response(status=410), REJECTED, Scope.ACCOUNT),
        (web.Response(status=404), REJECTED, Scope.ACCOUNT),
        (web.Response(status=422), REJECTED, Scope.RECIPIENT),
        (web.Response(status=413), REJECTED, Scope.CAMPAIGN),
        (web.Response(status=408), RETRY, None),
        (web.Response(status=502), UNKNOWN, None),
    ]
    calls = []
    async with receiver([each[0] for each in expected], calls) as url:
        calling = channel(url)
        wire = calling.build(BATCH)
        for answer, verdict, scope in expected:
            (outcome,) = await calling.submit(wire, TIMEOUT_S)
            assert (outcome.verdict, outcome.scope) == (verdict, scope), answer.status
        await calling.close()
    assert [each.path_qs for each in calls] == ["/hooks?for=us"] * len(expected)
    assert {each.headers["webhook-id"] for each in calls} == set(wire.keys)


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("https://127.0.0.1/", ""),
        ("https://169.254.169.254/latest/meta-data", LOOPBACK),
        ("https://[::ffff:10.0.0.1]/", ""),
        ("https://2130706433/", ""),
        ("https://localhost/", ""),
        ("http://example.com/", LOOPBACK),
        ("http://localhost/", LOOPBACK),
        ("https://user:pass@example.com/", ""),
        ("file:///etc/passwd", LOOPBACK),
        ("", ""),
    ],
)
async def test_a_private_endpoint_is_refused_and_the_account_to_blame(url, allow):
    calling = channel(url, allow)
    (outcome,) = await calling.submit(calling.build(BATCH), TIMEOUT_S)
    assert (outcome.verdict, outcome.reason, outcome.scope) == (REJECTED, ENDPOINT_REFUSED, Scope.ACCOUNT)
    await calling.close()


def test_an_endpoint_that_can_be_refused_unasked_is_a_problem_of_the_draft():
    assert [each.reason for each in channel("https://10.0.0.1/").validate(MESSAGE)] == [ENDPOINT_REFUSED]
    problems = channel("https://example.com/").validate(MESSAGE, [Target("d", "k", "")])
    assert [each.reason for each in problems] == ["ADDRESS_MISSING"]


async def test_the_address_that_was_judged_is_the_one_that_is_called(monkeypatch):
    """A name that leads elsewhere at the second look-up: there is none, and a new connection judges anew."""
    calls, looked_up = [], []
    async with receiver([web.Response()], calls) as url:
        port = int(url.split(":")[2].split("/")[0])
        leads = ["127.0.0.1", "10.0.0.1"]

        async def getaddrinfo(host, port, **_):
            looked_up.append(host)
            return [(2, 1, 6, "", (leads.pop(0), port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        guard, target = Guard(read_networks(LOOPBACK)), f"http://receiver.test:{port}/"
        async with Transport(guard) as transport:
            assert (await transport.send("POST", target, {}, b"", TIMEOUT_S)).status == 200
        async with Transport(guard) as transport:
            with pytest.raises(NotSentError) as raised:
                await transport.send("POST", target, {}, b"", TIMEOUT_S)
    assert refused(raised.value)
    assert (len(calls), looked_up) == (1, ["receiver.test"] * 2)


def test_what_does_not_fit_is_refused_before():
    for spoilt in (
        Target("d", "k.1", "a"),
        Target("d", "", "a"),
        Target("d", "k", "a", {"x": "长" * 30_000}),
    ):
        with pytest.raises(BatchRefusedError):
            channel("https://example.com/").build(Batch("d", MESSAGE, (spoilt,)))


def test_nobody_calls_back():
    with pytest.raises(CallbackForgedError):
        channel("https://example.com/").answer(Callback("POST", "", {}, b"[]"))


def test_an_account_that_cannot_sign_is_refused_without_its_key():
    for spoilt in ("", "secret-value", "whsec_secret-value", "whsec_AAAA", "whsk_AAAA"):
        with pytest.raises(ValueError, match="secret: ") as raised:
            WebhookChannel(WebhookAccount("push", spoilt), moment, "https://example.com")
        assert "value" not in str(raised.value)
    with pytest.raises(ValueError, match="contact_channel"):
        WebhookChannel(WebhookAccount("pigeon", shared("x")), moment, "https://example.com")
    assert shared("x") not in repr(WebhookAccount("push", shared("x")))
