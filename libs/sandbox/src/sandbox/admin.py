"""The sandbox's own HTTP door: read the effects, see and set faults, see what is waiting."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from aiohttp import web

from sandbox.clock import Clock
from sandbox.document import Reader, SettingsError
from sandbox.effects import PAGE_ROWS, EffectLog
from sandbox.faults import FaultPlan, read_rules
from sandbox.provider import ActUnknownError
from sandbox.reports import Fates, Reports


class Admin:
    """GET /sandbox/effects, /sandbox/status; GET and PUT /sandbox/faults, /sandbox/receipts; POST /sandbox/acts."""

    def __init__(
        self,
        log: EffectLog,
        faults: FaultPlan,
        reports: Reports,
        clock: Clock,
        act: Callable[[Mapping[str, object]], None],
    ) -> None:
        """`act` lets a person do something, or raises ActUnknownError."""
        self._log = log
        self._faults = faults
        self._reports = reports
        self._clock = clock
        self._act = act

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/sandbox/status", self._status)
        app.router.add_get("/sandbox/effects", self._effects)
        app.router.add_get("/sandbox/faults", self._get_faults)
        app.router.add_put("/sandbox/faults", self._put_faults)
        app.router.add_get("/sandbox/receipts", self._get_fates)
        app.router.add_put("/sandbox/receipts", self._put_fates)
        app.router.add_post("/sandbox/acts", self._post_act)
        return app

    async def _status(self, _: web.Request) -> web.Response:
        content = {
            "now_epoch_s": self._clock.now(),
            "effects": self._log.counts(),
            "reports": {
                "waiting": self._reports.waiting(),
                "pushed": self._reports.pushed,
                "given_up": self._reports.given_up,
            },
        }
        return web.json_response(content)

    async def _effects(self, request: web.Request) -> web.Response:
        """?after=<id>&limit=<n>&provider=&key= -> {"effects": [...], "next": <id or null>}."""
        query = Reader(
            {name: int(text) if text.isdecimal() else text for name, text in request.query.items()}
        )
        after, limit = query.whole("after", 0), query.whole("limit", 1_000, low=1, high=PAGE_ROWS)
        provider, key = request.query.get("provider", ""), request.query.get("key", "")
        if query.problems:
            return _bad("; ".join(query.problems))
        rows = self._log.page(after, provider, key, limit)
        following = rows[-1].id if len(rows) == limit else None
        return web.json_response({"effects": [asdict(row) for row in rows], "next": following})

    async def _get_faults(self, _: web.Request) -> web.Response:
        rules = [asdict(rule) for rule in self._faults.rules]
        return web.json_response({"faults": rules, "fired": self._faults.fired()})

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            reader = Reader(_object(await request.text()))
            rules = read_rules(reader.mappings("faults"))
            reader.close()
            reader.check()
        except SettingsError as error:
            return _bad(str(error))
        self._faults.replace(rules)
        return web.json_response({"rules": len(rules)})

    async def _get_fates(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._reports.fates))

    async def _put_fates(self, request: web.Request) -> web.Response:
        try:
            reader = Reader(_object(await request.text()))
            fates = Fates.read(reader)
            reader.check()
        except SettingsError as error:
            return _bad(str(error))
        self._reports.fates = fates
        return web.json_response(asdict(fates))

    async def _post_act(self, request: web.Request) -> web.Response:
        try:
            self._act(_object(await request.text()))
        except (SettingsError, ActUnknownError) as error:
            return _bad(str(error))
        return web.json_response({"done": True})


def _object(text: str) -> dict[str, object]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError("the body must be a JSON object")
    return content


def _bad(message: str) -> web.Response:
    return web.json_response({"error": message}, status=400)
