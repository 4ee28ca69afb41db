"""From a request on the wire to the provider and back, with the misfortunes of the fault plan between."""

import asyncio
import math
from dataclasses import dataclass

from aiohttp import web

from sandbox.carrier import Carrier, CutShortError
from sandbox.faults import Fault, FaultPlan, Rule
from sandbox.provider import Call, Provider, Refusal, Reply
from sandbox.reports import Reports
from sandbox.store import Store

MAX_BODY_BYTES = 8 * 1024 * 1024
GARBAGE = b"\x1f\x8b<html><body>502 Bad Ga"


@dataclass(frozen=True, slots=True)
class Cut:
    """No answer: the connection is held for `hold_s` machine seconds and then cut."""

    hold_s: float = 0.0
    go_away: bool = False
    """The customer is told first that this request was not looked at; only HTTP/2 has words for it."""


class Exchange:
    """Serves one provider, whatever protocol its door speaks."""

    def __init__(
        self, provider: Provider, store: Store, carrier: Carrier, reports: Reports, faults: FaultPlan
    ) -> None:
        self._provider = provider
        self._store = store
        self._carrier = carrier
        self._reports = reports
        self._faults = faults

    def app(self) -> web.Application:
        """The door that most providers have: HTTP/1.1."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._take)
        return app

    async def serve(self, call: Call) -> Reply | Cut:
        """Hand a request to the provider, with what the fault plan does to it."""
        rule = self._faults.next(self._provider.name, self._provider.action(call))
        return await self._answer(call) if rule is None else await self._suffer(call, rule)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        served = await self.serve(await _read(request))
        return await _cut(request, served) if isinstance(served, Cut) else _write(served)

    async def _suffer(self, call: Call, rule: Rule) -> Reply | Cut:
        match rule.fault:
            case Fault.SLOW:
                await asyncio.sleep(rule.delay_s)
                return await self._answer(call)
            case Fault.TOKEN_EXPIRED:
                with self._store.transaction():
                    self._provider.expire_tokens()
                return await self._answer(call)
            case Fault.THROTTLE:
                return self._provider.throttled(rule)
            case Fault.PARTIAL:
                served = math.floor(self._provider.recipients(call) * rule.share)
                return await self._answer(call, served, rule.status)
            case Fault.ERROR_BEFORE:
                return self._provider.broken(rule.status)
            case Fault.TIMEOUT_BEFORE:
                return Cut(rule.delay_s)
            case Fault.RESET_BEFORE | Fault.GO_AWAY:
                return Cut(go_away=rule.fault is Fault.GO_AWAY)
            case _:
                return await self._suffer_after(call, rule)

    async def _suffer_after(self, call: Call, rule: Rule) -> Reply | Cut:
        """The request is fulfilled; the customer does not learn it."""
        await self._answer(call)
        if rule.fault is Fault.ERROR_AFTER:
            return self._provider.broken(rule.status)
        if rule.fault is Fault.GARBAGE:
            return Reply(200, GARBAGE, {"Content-Type": "text/html"})
        return Cut(rule.delay_s if rule.fault is Fault.TIMEOUT_AFTER else 0.0)

    async def _answer(self, call: Call, served: int | None = None, status: int = 500) -> Reply:
        reply = self._handle(call, served, status)
        early = self._reports.take_early()
        if early:
            await self._reports.push_now(early)
        return reply

    def _handle(self, call: Call, served: int | None, status: int) -> Reply:
        with self._store.transaction():
            self._carrier.allow(served)
            try:
                return self._provider.handle(call)
            except Refusal as refusal:
                return refusal.reply
            except CutShortError:
                return self._provider.broken(status)
            except BaseException:
                self._reports.forget_early()
                raise
            finally:
                self._carrier.allow(None)


async def _read(request: web.Request) -> Call:
    path, _, query = request.raw_path.partition("?")
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1").strip() for name, value in request.raw_headers
    }
    return Call(request.method, path, query, headers, await request.read())


def _write(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))


async def _cut(request: web.Request, cut: Cut) -> web.StreamResponse:
    if cut.hold_s:
        await asyncio.sleep(cut.hold_s)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
