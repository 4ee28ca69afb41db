"""From a request on the wire to the provider and back, with the misfortunes of the fault plan between."""

import asyncio
import math

from aiohttp import web

from sandbox.carrier import Carrier, CutShortError
from sandbox.faults import Fault, FaultPlan, Rule
from sandbox.provider import Call, Provider, Refusal, Reply
from sandbox.reports import Reports
from sandbox.store import Store

MAX_BODY_BYTES = 8 * 1024 * 1024
GARBAGE = b"\x1f\x8b<html><body>502 Bad Ga"


class Exchange:
    """Serves one provider."""

    def __init__(
        self, provider: Provider, store: Store, carrier: Carrier, reports: Reports, faults: FaultPlan
    ) -> None:
        self._provider = provider
        self._store = store
        self._carrier = carrier
        self._reports = reports
        self._faults = faults

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = await _read(request)
        rule = self._faults.next(self._provider.name, self._provider.action(call))
        if rule is None:
            return _write(await self._answer(call))
        return await self._suffer(request, call, rule)

    async def _suffer(self, request: web.Request, call: Call, rule: Rule) -> web.StreamResponse:
        match rule.fault:
            case Fault.SLOW:
                await asyncio.sleep(rule.delay_s)
                return _write(await self._answer(call))
            case Fault.TOKEN_EXPIRED:
                with self._store.transaction():
                    self._provider.expire_tokens()
                return _write(await self._answer(call))
            case Fault.THROTTLE:
                return _write(self._provider.throttled(rule))
            case Fault.PARTIAL:
                served = math.floor(self._provider.recipients(call) * rule.share)
                return _write(await self._answer(call, served, rule.status))
            case Fault.ERROR_BEFORE:
                return _write(self._provider.broken(rule.status))
            case Fault.TIMEOUT_BEFORE | Fault.RESET_BEFORE:
                return await _cut(request, rule)
            case _:
                return await self._suffer_after(request, call, rule)

    async def _suffer_after(self, request: web.Request, call: Call, rule: Rule) -> web.StreamResponse:
        """The request is fulfilled; the customer does not learn it."""
        await self._answer(call)
        if rule.fault is Fault.ERROR_AFTER:
            return _write(self._provider.broken(rule.status))
        if rule.fault is Fault.GARBAGE:
            return web.Response(status=200, body=GARBAGE, content_type="text/html")
        return await _cut(request, rule)

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


async def _cut(request: web.Request, rule: Rule) -> web.StreamResponse:
    """Hold the connection for a while when the fault is a timeout, then cut it without an answer."""
    if rule.fault in (Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER):
        await asyncio.sleep(rule.delay_s)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
