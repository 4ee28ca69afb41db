"""A process that replays a policy and, where it is told to, dies of SIGKILL on its way.

    python replaying_process.py <store url> <secret, hex> <tenant> <request id> <where> < the policy

`where` is "port.method", after whose first call it dies, "commit", or "" for nowhere. Prints the answer's version.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from typing import Any

from huaxiang.identity.v1 import policy_service_pb2 as pb
from identity.api.transactions import Transactions
from identity.app.operate import Decider
from identity.app.replay_policy import PolicyWish
from identity.errors import ConfirmationNeeded
from identity.main import SERVICE
from identity.store.ports import Stores
from identity.store.sql import open_stores
from policy_tenants import Tenant
from servicekit.changelog import Changelog
from servicekit.clock import SystemClock
from servicekit.database import Database
from sqlalchemy import Connection


class Fatal:
    """A port of which one method is the last thing that this process does."""

    def __init__(self, port: Any, method: str) -> None:
        self._port = port
        self._method = method

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name != self._method:
            return found

        def call_and_die(*args: Any, **kwargs: Any) -> None:
            found(*args, **kwargs)
            die()

        return call_and_die


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, secret: str, tenant: str, request_id: str, where: str) -> None:
    document = sys.stdin.read()
    database = Database.open(url)
    use_case = Tenant(database, bytes.fromhex(secret), SystemClock(), tenant).use_case

    def opened(connection: Connection) -> Stores:
        stores = open_stores(connection, Changelog(SERVICE))
        port, _, method = where.partition(".")
        return replace(stores, **{port: Fatal(getattr(stores, port), method)}) if method else stores

    def answer(stores: Stores) -> bytes:
        wish = PolicyWish(Decider(tenant, "tester", "a test"), document)
        try:
            done = use_case(stores, wish)
        except ConfirmationNeeded as needed:
            done = use_case(stores, replace(wish, confirm=int(needed.metadata["persons_split"])))
        return pb.ReplayPolicyResponse(version=done.version).SerializeToString()

    request = pb.ReplayPolicyRequest(document=document)
    said = await Transactions(database, opened).write_once(tenant, request_id, request, answer)
    if where == "commit":
        die()
    sys.stdout.write(json.dumps({"version": pb.ReplayPolicyResponse.FromString(said).version}))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
