"""Sends one account's deliveries: claim, ask identity, write down, submit, store the result."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from activation.app.accounts import Account, Limits
from activation.app.campaigns import Campaigns
from activation.app.claiming import Addressed, AddressesRefused, Claimed, Claiming
from activation.app.deciding import Deciding
from activation.app.submitting import Submitting, Written
from activation.channels.port import KeyScope, KeySource, KeysUnavailableError, Outcome
from activation.workers.breaker import Breaker
from activation.workers.contact_points import ContactPoints, good_until_s
from activation.workers.failpoints import Reach
from activation.workers.names import CHANNEL, ROWS, SEND, SUBMIT
from activation.workers.turns import Turns
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.logging import logger
from servicekit.telemetry.context import parse_traceparent
from servicekit.telemetry.names import Attribute
from servicekit.telemetry.spans import tracer
from sqlalchemy import Connection

MAX_IN_FLIGHT = 16
"""Requests of one account at once."""
IDENTITY_PAUSE_S = 1.0
"""Suite's time that rows rest when identity does not answer."""


class Sender:
    """One round sends what one claim takes. Nothing else keeps state: a crash anywhere loses only the round."""

    def __init__(
        self,
        database: Database,
        claiming: Claiming,
        deciding: Deciding,
        submitting: Submitting,
        campaigns: Campaigns,
        account: Account,
        contact_points: ContactPoints,
        turns: Turns,
        limits: Limits,
        reach: Reach,
    ) -> None:
        self._database = database
        self._claiming = claiming
        self._deciding = deciding
        self._submitting = submitting
        self._campaigns = campaigns
        self._account = account
        self._contact_points = contact_points
        self._turns = turns
        self._limits = limits
        self._reach = reach
        self._breaker = Breaker()
        self._served = ("", "")

    async def round(self) -> bool:
        """Whether there was anything to send."""
        if self._breaker.left_s() > 0:
            await asyncio.sleep(self._breaker.left_s())
        if not await self._database.read(self._claiming.any_due, self._account):
            return False
        claimed = await self._database.write(self._claiming.claim, self._account, self._served)
        if claimed is None:
            return False
        self._reach("claimed")
        self._served = (claimed.campaign.tenant, claimed.campaign.campaign_id)
        parent = parse_traceparent(claimed.campaign.traceparent)
        attributes: dict[Attribute, str | int | bool] = {
            CHANNEL: self._account.caps.name,
            ROWS: len(claimed.claims),
        }
        with tracer().span(SEND.name, parent=parent, attributes=attributes):
            await self._send(claimed)
        return True

    async def _send(self, claimed: Claimed) -> None:
        until_s = good_until_s(claimed.campaign)
        try:
            reached = await self._contact_points.of(self._account, claimed)
        except UpstreamUnavailable:
            await self._database.write(self._claiming.give_back, claimed, IDENTITY_PAUSE_S)
            raise
        except AddressesRefused as error:
            await self._database.write(self._claiming.give_back, claimed)
            key = (claimed.campaign.tenant, claimed.campaign.campaign_id)
            note = f"identity hands out no addresses: {error}"
            await self._database.write(self._campaigns.stop_sending, *key, note)
            return
        rows = await self._database.write(self._deciding.decide, self._account, claimed, reached)
        gate, caps = asyncio.Semaphore(MAX_IN_FLIGHT), self._account.caps

        async def one(batch: Sequence[Addressed]) -> None:
            async with gate:
                await self._send_batch(_narrowed(claimed, batch), batch, until_s)

        sent = await asyncio.gather(
            *(one(batch) for batch in _batches(rows, caps.min_batch, caps.max_batch)), return_exceptions=True
        )
        failures = [each for each in sent if isinstance(each, BaseException)]
        if failures:
            raise failures[0]

    async def _send_batch(self, claimed: Claimed, rows: Sequence[Addressed], until_s: float) -> None:
        if self._breaker.left_s() > 0 or not await self._turn() or time.monotonic() > until_s:
            await self._database.write(self._claiming.give_back, claimed)
            return
        try:
            keys = await self._keys(len(rows))
            if keys is None:
                await self._database.write(self._claiming.give_back, claimed)
                return
        except KeysUnavailableError as error:
            self._breaker.note(())
            await self._database.write(self._claiming.give_back, claimed, max(error.after_s, 1.0))
            return
        try:
            built = self._submitting.build(self._account, claimed, rows, keys)
        except Exception as error:
            logger().error("request cannot be built", channel=self._account.name, exc_info=error)
            await self._database.write(self._submitting.unbuildable, claimed)
            return

        def allowed(connection: Connection) -> bool:
            still = self._deciding.still_allows(connection, self._account, claimed.campaign, rows)
            return still and time.monotonic() <= until_s

        written = await self._database.write(self._submitting.write, self._account, claimed, built, allowed)
        if written is None:
            await self._database.write(self._claiming.give_back, claimed)
            return
        self._reach("written")
        outcomes = await self._submit(written)
        if outcomes is None:
            return
        self._breaker.note(outcomes)
        self._reach("sent")
        await self._database.write(self._submitting.result, written.batch, outcomes)
        self._reach("resulted")

    async def _submit(self, written: Written) -> Sequence[Outcome] | None:
        """None when this process slept past the deadline: the batch is in the resolver's hands, nothing may be sent."""
        if not self._submitting.in_time(written.batch):
            return None
        attributes: dict[Attribute, str | int | bool] = {
            CHANNEL: self._account.caps.name,
            ROWS: len(written.wire.deliveries),
        }
        with tracer().span(SUBMIT.name, "client", attributes=attributes):
            return await self._account.channel.submit(written.wire, self._limits.submit_timeout_s)

    async def _keys(self, count: int) -> tuple[str, ...] | None:
        """The provider's keys, where it gives them. Asking is a call like any other; None when it got no turn."""
        channel = self._account.channel
        if not isinstance(channel, KeySource) or not self._account.caps.keys_from_provider:
            return ()
        if not await self._turn():
            return None
        wanted = 1 if self._account.caps.key_scope is KeyScope.BATCH else count
        return await channel.reserve_keys(wanted, self._limits.submit_timeout_s)

    async def _turn(self) -> bool:
        """False when a turn takes so long that the claim would end."""
        return await self._turns.take(self._limits.lease_s / 4)


def _batches(rows: Sequence[Addressed], least: int, most: int) -> list[Sequence[Addressed]]:
    """Rows that go alone are alone; the others in as few batches as can be, the last one not below `least`."""
    together = [row for row in rows if not row.claim.alone]
    starts = list(range(0, len(together), most))
    if len(starts) > 1 and len(together) - starts[-1] < least:
        starts[-1] = len(together) - least
    ends = [*starts[1:], len(together)]
    batches: list[Sequence[Addressed]] = [
        together[start:end] for start, end in zip(starts, ends, strict=True)
    ]
    return [*batches, *([row] for row in rows if row.claim.alone)]


def _narrowed(claimed: Claimed, rows: Sequence[Addressed]) -> Claimed:
    return replace(claimed, claims=tuple(row.claim for row in rows))
