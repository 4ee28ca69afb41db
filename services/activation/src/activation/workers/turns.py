"""Calls of one account take turns, whoever makes them, within the account's rate."""

import asyncio
import time

from activation.app.accounts import Account
from activation.store.ports import TokenBucket
from servicekit.clock import Clock
from servicekit.database import Database

MAX_HELD = 16
"""Turns taken from the store at once."""
HELD_S = 0.1
"""Turns that were not used so long are let go: kept, they would come on top of a later second's."""


class Turns:
    """One per account and process; the store keeps what all processes share."""

    def __init__(self, database: Database, bucket: TokenBucket, account: Account, clock: Clock) -> None:
        self._database = database
        self._bucket = bucket
        self._account = account
        self._clock = clock
        self._held = 0
        self._held_since_s = 0.0
        self._lock = asyncio.Lock()

    async def take(self, patience_s: float) -> bool:
        """Waits for a call's turn; false when that takes longer than `patience_s` (machine time)."""
        give_up_s = time.monotonic() + patience_s
        async with self._lock:
            if time.monotonic() > self._held_since_s + HELD_S:
                self._held = 0
            while self._held == 0:
                machine_ms = int(self._clock.machine_now().timestamp() * 1_000)
                self._held, wait_ms = await self._database.write(
                    self._bucket.take, self._account.name, self._account.calls_per_s, MAX_HELD, machine_ms
                )
                self._held_since_s = time.monotonic()
                if self._held == 0:
                    if time.monotonic() > give_up_s:
                        return False
                    await asyncio.sleep(wait_ms / 1_000)
            self._held -= 1
            return True
