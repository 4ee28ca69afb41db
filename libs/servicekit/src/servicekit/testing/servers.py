"""Pytest plugin: real servers in this process, on free ports, with real keys."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from servicekit.client import connect
from servicekit.principal import SERVICE_ROLE, KeyEntry, KeyFileAuthenticator, key_entry, write_key_file
from servicekit.rights import RIGHTS_OF_ROLE
from servicekit.server import MAX_MESSAGE_BYTES, Service, ServiceApp, start

SERVICE_KEY = "key-of-service"


@dataclass
class LocalServer:
    """A running server. Its channels are closed with it."""

    port: int
    services: Sequence[Service]
    _channels: dict[tuple[object, ...], grpc.aio.Channel] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self.port}"

    def connect(self, role: str = SERVICE_ROLE, tenant: str | None = None) -> grpc.aio.Channel:
        """The channel of a role's key, one for all who ask in the same event loop. Tenant keys exist for the
        tenant `t1` and, for any, "key-of-<role>-<tenant>"."""
        tenant = tenant or "t1"
        asked = (_loop(), role, tenant)
        if asked not in self._channels:
            self._channels[asked] = connect(
                self.target,
                key=SERVICE_KEY if role == SERVICE_ROLE else f"key-of-{role}-{tenant}",
                tenant=tenant if role == SERVICE_ROLE else None,
                services=[service.descriptor for service in self.services],
            )
        return self._channels[asked]


def _loop() -> asyncio.AbstractEventLoop | None:
    """None in a fixture that is not a coroutine."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def keys_for(tenants: Sequence[str] = ("t1", "t2")) -> list[KeyEntry]:
    """A key for the role `service`, and for each tenant and other role "key-of-<role>-<tenant>"."""
    entries = [key_entry(SERVICE_KEY, tenant="*", subject="service", roles=[SERVICE_ROLE])]
    for tenant in tenants:
        for role in RIGHTS_OF_ROLE.keys() - {SERVICE_ROLE}:
            entries.append(
                key_entry(f"key-of-{role}-{tenant}", tenant=tenant, subject=f"{role}-{tenant}", roles=[role])
            )
    return entries


@asynccontextmanager
async def serving(
    services: Sequence[Service],
    folder: Path,
    *,
    name: str = "test",
    tenants: Sequence[str] = ("t1", "t2"),
    port: int = 0,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    max_unary_s: float = 60.0,
) -> AsyncIterator[LocalServer]:
    """Serves on a free port unless one is given; keys for the tenants are written to `folder`."""
    keys = folder / "keys.yaml"
    write_key_file(keys, keys_for(tenants))
    app = ServiceApp(
        name=name,
        services=services,
        authenticator=KeyFileAuthenticator(keys),
        port=port,
        max_message_bytes=max_message_bytes,
        max_unary_s=max_unary_s,
        drain_s=0.0,
        grace_s=1.0,
    )
    running = await start(app)
    server = LocalServer(running.port, services)
    try:
        yield server
    finally:
        for channel in server._channels.values():
            await channel.close()
        await running.stop()
