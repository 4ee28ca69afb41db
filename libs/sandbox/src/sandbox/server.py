"""A running sandbox: one server per provider and one to look inside, all in this process."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sandbox.admin import Admin
from sandbox.carrier import Carrier
from sandbox.clock import Clock
from sandbox.doors import Door, HttpDoor, OwnDoor
from sandbox.effects import EffectLog
from sandbox.exchange import Exchange
from sandbox.faults import FaultPlan
from sandbox.memory import Memory
from sandbox.provider import Acting, ActUnknownError, Provider
from sandbox.reports import Reports
from sandbox.settings import ADMIN, Settings
from sandbox.store import Store

PORTS_FILE = "ports.json"
SWEEP_S = 60.0


class PortInUseError(OSError):
    """A port is taken by another process; the message names the port and the server."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the servers share."""

    store: Store
    clock: Clock
    log: EffectLog
    memory: Memory
    carrier: Carrier
    reports: Reports
    faults: FaultPlan


class Sandbox:
    """Start with `async with` or `start` and `close`; a new one on the same folder keeps what was sent."""

    def __init__(self, settings: Settings, parts: Parts, providers: Sequence[Provider]) -> None:
        self._settings = settings
        self._parts = parts
        self._providers = providers
        self._doors: list[Door] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.ports: dict[str, int] = {}
        """By server: admin and the providers that have settings; filled by `start`."""

    @property
    def log(self) -> EffectLog:
        return self._parts.log

    @property
    def faults(self) -> FaultPlan:
        return self._parts.faults

    @property
    def reports(self) -> Reports:
        return self._parts.reports

    def url(self, server: str) -> str:
        """http://host:port of a provider, or of admin."""
        return f"http://{self._settings.host}:{self.ports[server]}"

    def act(self, asked: Mapping[str, object]) -> None:
        """Let a person act at `asked["provider"]`; the rest is as that provider says. Raises ActUnknownError."""
        for provider in self._providers:
            if provider.name == asked.get("provider") and isinstance(provider, Acting):
                with self._parts.store.transaction():
                    provider.act(asked)
                return
        raise ActUnknownError("there is no such provider, or nobody acts there but in answer to messages")

    async def start(self) -> Mapping[str, int]:
        """Bind every port and serve; returns `ports`, also written to ports.json in the data folder.

        Raises PortInUseError when a given port is taken; nothing is left running then.
        """
        parts = self._parts
        admin = Admin(parts.log, parts.faults, parts.reports, parts.clock, self.act)
        doors: dict[str, Door] = {ADMIN: HttpDoor(admin.app())}
        for provider in self._providers:
            parts.reports.serve(provider.name, provider.courier)
            exchange = Exchange(provider, parts.store, parts.carrier, parts.reports, parts.faults)
            if isinstance(provider, OwnDoor):
                doors[provider.name] = provider.door(exchange)
            else:
                doors[provider.name] = HttpDoor(exchange.app())
        try:
            for name, door in doors.items():
                self.ports[name] = await self._listen(name, door)
        except PortInUseError:
            await self.close()
            raise
        self._tasks = [asyncio.create_task(parts.reports.run()), asyncio.create_task(self._sweep())]
        write_atomically(parts.store.path.parent / PORTS_FILE, json.dumps(self.ports))
        return self.ports

    async def serve(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; raise what ended a background task before that."""
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        for task in done:
            task.result()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for door in self._doors:
            await door.close()
        await self._parts.reports.close()
        self._parts.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _listen(self, name: str, door: Door) -> int:
        self._doors.append(door)
        port = self._settings.ports[name]
        try:
            return await door.listen(self._settings.host, port)
        except OSError as error:
            raise PortInUseError(f"port {port} for {name} cannot be used: {error.strerror}") from error

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            with self._parts.store.transaction():
                self._parts.memory.sweep()


def write_atomically(path: Path, text: str) -> None:
    """Readers see the old content or the new, never a part."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
