"""Pytest plugin: real servers in this process, on free ports, with real keys."""

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
    """A running server. `connect` gives a channel; every channel is closed with the server."""

    port: int
    services: Sequence[Service]
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    @property
    def target(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self.port}"

    def connect(self, role: str = SERVICE_ROLE, tenant: str | None = None) -> grpc.aio.Channel:
        """A channel with the key of a role. Tenant keys exist for the tenant `t1` and, for any,
        "key-of-<role>-<tenant>"."""
        key = SERVICE_KEY if role == SERVICE_ROLE else f"key-of-{role}-{tenant or 't1'}"
        acting_for = (tenant or "t1") if role == SERVICE_ROLE else None
        channel = connect(
            self.target,
            key=key,
            tenant=acting_for,
            services=[service.descriptor for service in self.services],
        )
        self._channels.append(channel)
        return channel


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
    port: int = 0,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    max_unary_s: float = 60.0,
) -> AsyncIterator[LocalServer]:
    """Serves on a free port unless one is given; keys are written to `folder`."""
    keys = folder / "keys.yaml"
    write_key_file(keys, keys_for())
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
        for channel in server._channels:
            await channel.close()
        await running.stop()
