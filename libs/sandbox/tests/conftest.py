"""A sandbox with one account per provider, a receiver of its reports, and clients that sign."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from aiohttp import web
from sandbox.clock import Clock
from sandbox.main import build
from sandbox.responses import Response, Sent
from sandbox.server import Sandbox
from sandbox.settings import read

NOON_EPOCH_S = 1_781_150_400.0  # 2026-06-11 12:00 in China
KEY_ID, SECRET = "ak-test", "aliyun-test-only"
TENCENT_ID, TENCENT_SECRET = "tc-test", "tencent-test-only"
APPID, APP_SECRET, CALLBACK_TOKEN = "wx-test", "wechat-test-only", "token-test-only"
APP_KEY, MASTER_SECRET = "jpush-test", "jpush-test-only"


class SetClock(Clock):
    """A clock that tests move."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON_EPOCH_S

    def now(self) -> float:
        return self.at


@dataclass
class Scripted:
    """Everybody receives at once, unless the test says otherwise by address."""

    by_address: dict[str, Response] = field(default_factory=dict)

    def respond(self, sent: Sent) -> Response:
        return self.by_address.get(sent.address, Response(delivered_after_s=0.0))


@dataclass
class Receiver:
    """Keeps what was pushed; answers what the test sets."""

    url: str = ""
    answer: tuple[int, bytes] = (200, b'{"code":0}')
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path_qs, dict(request.headers), await request.read()))
        async with self.more:
            self.more.notify_all()
        return web.Response(status=self.answer[0], body=self.answer[1])

    async def wait(self, enough: Callable[[], bool]) -> None:
        """Return when `enough` holds after a push; raise TimeoutError when it never does."""
        async with asyncio.timeout(60), self.more:
            await self.more.wait_for(enough)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def responses() -> Scripted:
    return Scripted()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    kept = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", kept.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield kept
    await runner.cleanup()


@pytest.fixture
def document(receiver: Receiver) -> dict[str, object]:
    account = {
        "access_key_id": KEY_ID,
        "access_key_secret": SECRET,
        "receipts_url": f"{receiver.url}/aliyun/report",
        "replies_url": f"{receiver.url}/aliyun/up",
    }
    return {
        "seed": 7,
        "aliyun_sms": {
            "accounts": [account],
            "signs": [{"name": "华象"}, {"name": "停用", "approved": False}],
            "templates": [
                {"code": "SMS_1", "kind": "marketing", "content": "${name}您好，新品上市，拒收请回复R"},
                {"code": "SMS_2", "kind": "notice", "content": "您的订单${order}已发货"},
                {"code": "SMS_3", "kind": "otp", "content": "验证码${code}"},
                {"code": "SMS_4", "kind": "marketing", "content": "新品上市"},
            ],
            "query_lag_s": 5,
        },
        "tencent_sms": {
            "apps": [
                {
                    "secret_id": TENCENT_ID,
                    "secret_key": TENCENT_SECRET,
                    "sdk_app_id": "1400000001",
                    "receipts_url": f"{receiver.url}/tencent/report",
                    "replies_url": f"{receiver.url}/tencent/reply",
                }
            ],
            "signs": [{"name": "华象"}, {"name": "停用", "approved": False}],
            "templates": [
                {"template_id": "1001", "kind": "marketing", "content": "{1}新品上市，拒收请回复R"},
                {"template_id": "1002", "kind": "notice", "content": "您的订单{1}已发货"},
                {"template_id": "1003", "kind": "otp", "content": "验证码{1}，{2}分钟内有效"},
                {"template_id": "1004", "kind": "marketing", "content": "新品上市"},
            ],
        },
        "wechat": {
            "accounts": [
                {
                    "appid": APPID,
                    "secret": APP_SECRET,
                    "callback_token": CALLBACK_TOKEN,
                    "receipts_url": f"{receiver.url}/wechat",
                }
            ],
            "templates": [
                {"template_id": "T1", "content": "{{thing.DATA}}已到店"},
                {"template_id": "T2", "content": "{{thing.DATA}}大促", "marketing": True},
            ],
            "subscription_templates": [
                {"template_id": "S1", "content": "{{thing1.DATA}}已到店", "granted": 1}
            ],
            "articles": [{"media_id": "M1", "content": "新品上市"}],
            "followers": {"listed": ["o1", "o2", "gone"], "gone": ["gone"]},
        },
        "jpush": {
            "apps": [
                {"app_key": APP_KEY, "master_secret": MASTER_SECRET, "receipts_url": f"{receiver.url}/jpush"}
            ],
            "devices": {"listed": ["r1", "r2", "r3"]},
        },
    }


@pytest.fixture
def make(
    tmp_path: Path, document: dict[str, object], clock: SetClock, responses: Scripted
) -> Callable[[], Sandbox]:
    """Each call makes a sandbox on the same folder, as a restart does."""
    return lambda: build(read(document), tmp_path / "sandbox", clock=clock, responses=responses)


@pytest.fixture
async def sandbox(make: Callable[[], Sandbox]) -> AsyncIterator[Sandbox]:
    async with make() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


Answer = tuple[int, dict[str, object]]
AliyunCall = Callable[..., Awaitable[Answer]]


def signed(
    host: str, action: str, query: Mapping[str, str], body: bytes, nonce: str, date: str, secret: str = SECRET
) -> dict[str, str]:
    """Headers of an ACS3 request, written from the documentation alone."""
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-version": "2017-05-25",
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    if body:
        headers["content-type"] = "application/x-www-form-urlencoded"
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical_query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(query.items()))
    canonical = f"POST\n/\n{canonical_query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={names},Signature={signature}"
    )
    return headers


@pytest.fixture
def aliyun(http: aiohttp.ClientSession, clock: SetClock) -> AliyunCall:
    """await aliyun(sandbox, action, query, form=None, **headers that replace)"""
    nonces = iter(range(10**6))

    async def call(
        sandbox: Sandbox,
        action: str,
        query: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        secret: str = SECRET,
        nonce: str = "",
        skew_s: float = 0.0,
        extra: Mapping[str, str] | None = None,
    ) -> Answer:
        body = urlencode(form or {}).encode()
        date = datetime.fromtimestamp(clock.now() + skew_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        host = sandbox.url("aliyun_sms").removeprefix("http://")
        headers = signed(host, action, query, body, nonce or f"n{next(nonces)}", date, secret) | (extra or {})
        url = sandbox.url("aliyun_sms") + "/?" + urlencode(query, quote_via=quote)
        async with http.post(url, data=body, headers=headers, skip_auto_headers=["Content-Type"]) as answer:
            return answer.status, json.loads(await answer.read())

    return call


@pytest.fixture
def basic() -> dict[str, str]:
    proof = base64.b64encode(f"{APP_KEY}:{MASTER_SECRET}".encode()).decode()
    return {"Authorization": f"Basic {proof}"}
