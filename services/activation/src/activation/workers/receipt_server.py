"""Where providers report: stores the raw callback, then gives the exact answer that the provider wants."""

import hmac
from collections.abc import Mapping, Sequence

from activation.app.accounts import Account
from activation.app.receipts import Receipts
from activation.channels.port import CallbackForgedError, ChannelError, SharesCallbacks
from activation.channels.wire import Callback
from activation.workers.failpoints import Reach
from aiohttp import web
from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection

MAX_BODY_BYTES = 4 * 1024 * 1024


class ReceiptServer:
    """Serves /receipts/<account>/<secret> and /replies/<account>/<secret>; anything else is 404."""

    def __init__(
        self,
        database: Database,
        receipts: Receipts,
        accounts: Mapping[str, Account],
        secrets: Mapping[str, str],
        host: str,
        port: int,
        reach: Reach,
    ) -> None:
        self._database = database
        self._receipts = receipts
        self._accounts = accounts
        self._secrets = secrets
        self._host = host
        self._port = port
        self._reach = reach
        self._readers = _readers(accounts)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listens. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{kind:receipts|replies}/{account}/{secret}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    @property
    def port(self) -> int:
        """The bound port."""
        addresses = self._runner.addresses if self._runner is not None else []
        return int(addresses[0][1]) if addresses else 0

    async def stop(self) -> None:
        """Finishes running requests and closes the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        account = self._accounts.get(name)
        known, given = self._secrets.get(name, ""), request.match_info["secret"]
        if account is None or not hmac.compare_digest(known.encode(), given.encode()):
            return web.Response(status=404)
        callback = Callback(
            method=request.method,
            raw_query=request.raw_path.partition("?")[2],
            headers={key.lower(): value for key, value in request.headers.items()},
            body=await request.read(),
        )
        try:
            answer = account.channel.answer(callback)
        except CallbackForgedError:
            logger().warning("forged callback refused", channel=name)
            return web.Response(status=403)
        except ChannelError:
            return web.Response(status=400)
        if callback.body:
            await self._database.write(self._store, self._readers[name], callback)
            self._reach("received")
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
        )

    def _store(self, connection: Connection, readers: Sequence[str], callback: Callback) -> None:
        for name in readers:
            self._receipts.store(connection, name, callback)


def _readers(accounts: Mapping[str, Account]) -> dict[str, list[str]]:
    """The accounts that read what comes for one: itself, and those of the same source."""

    def source(name: str) -> str:
        channel = accounts[name].channel
        return channel.callback_source if isinstance(channel, SharesCallbacks) else ""

    return {
        name: [each for each in accounts if each == name or (source(name) and source(each) == source(name))]
        for name in accounts
    }
