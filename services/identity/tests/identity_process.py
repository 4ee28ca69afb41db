"""`python -m identity` as its own process."""

from datetime import UTC, datetime
from pathlib import Path

import grpc
from identity.store.vault import write_secret_file
from servicekit.client import connect
from servicekit.clock import write_clock_file
from servicekit.principal import key_entry
from servicekit.testing.processes import ServiceProcess

SUITE_NOW = datetime(2026, 6, 18, tzinfo=UTC)


class Process(ServiceProcess):
    """A service process over one data folder."""

    def __init__(self, folder: Path) -> None:
        write_secret_file(folder / "identity.secret")
        write_clock_file(folder / "clock.json", SUITE_NOW, 1.0)
        settings = {
            "HUAXIANG_IDENTITY_SECRET_FILE": str(folder / "identity.secret"),
            "HUAXIANG_CLOCK": str(folder / "clock.json"),
        }
        keys = [
            key_entry("source-key", tenant="t1", subject="shop", roles=["source"]),
            key_entry("other-source-key", tenant="t2", subject="shop", roles=["source"]),
            key_entry("service-key", tenant="*", subject="tagging", roles=["service"]),
        ]
        super().__init__(("-m", "identity"), folder, keys, "HUAXIANG_IDENTITY_PORT", settings)

    async def channel(self, key: str) -> grpc.aio.Channel:
        channel = connect(f"127.0.0.1:{self.port}", key=key)
        await channel.channel_ready()
        return channel
