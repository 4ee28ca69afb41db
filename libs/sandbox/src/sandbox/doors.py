"""How a provider is reached: most by HTTP/1.1, some by a protocol of their own."""

from typing import Protocol, runtime_checkable

from aiohttp import web

from sandbox.exchange import Exchange

SHUTDOWN_S = 0.5
MAX_LINE_BYTES = 64 * 1024
"""A request line: SendSms carries a thousand numbers in its query."""


class Door(Protocol):
    """One server on one port."""

    async def listen(self, host: str, port: int) -> int:
        """Serve from now on; returns the bound port. Raises OSError when it cannot be bound."""
        ...

    async def close(self) -> None:
        """Cut every connection; also what never listened can be closed."""
        ...


@runtime_checkable
class OwnDoor(Protocol):
    """A provider that is not reached by HTTP/1.1."""

    def door(self, exchange: Exchange) -> Door:
        """The door; what comes in goes to `exchange`."""
        ...


class HttpDoor:
    """HTTP/1.1."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            max_line_size=MAX_LINE_BYTES,
            handle_signals=False,
        )

    async def listen(self, host: str, port: int) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        await self._runner.cleanup()
