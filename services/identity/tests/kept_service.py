"""One service for all tests of a module, where what is tested is a tenant's own: each test has tenants of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import grpc
from identity.main import Wiring
from servicekit.clock import Clock, ManualClock
from servicekit.principal import SERVICE_ROLE
from servicekit.testing.servers import LocalServer

MAX_TESTS = 60
"""That one service is kept for; each has two tenants."""
TENANTS = tuple(f"t{number}" for number in range(1, 2 * MAX_TESTS + 1))


class ClockOfTest:
    """Tells what the clock of the running test tells."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> datetime:
        return self.clock.now()

    def machine_now(self) -> datetime:
        return self.clock.machine_now()


@dataclass
class TenantsServer(LocalServer):
    """The server to a test that calls its tenants t1 and t2; `tenant` is what the first one is called in the store."""

    tenant: str = "t1"
    other_tenant: str = "t2"

    def connect(self, role: str = SERVICE_ROLE, tenant: str | None = None) -> grpc.aio.Channel:
        return super().connect(role, {"t1": self.tenant, "t2": self.other_tenant}[tenant or "t1"])

    async def close(self) -> None:
        """Its channels; the server goes on."""
        for channel in self._channels.values():
            await channel.close()


@dataclass
class KeptService:
    """A wired service, its server, and the clock that they look at."""

    wiring: Wiring
    server: LocalServer
    clock: ClockOfTest
    _tenants: Iterator[str] = field(default_factory=lambda: iter(TENANTS))

    def for_test(self, clock: ManualClock) -> TenantsServer:
        """The server with two tenants that no test had before."""
        self.clock.clock = clock
        return TenantsServer(
            self.server.port,
            self.server.services,
            tenant=next(self._tenants),
            other_tenant=next(self._tenants),
        )
