"""Settles batches whose outcome is not known, and takes up what a crash left behind."""

from collections.abc import Mapping, Sequence

from activation.app.accounts import Account, Limits
from activation.app.completion import Completion
from activation.app.receipts import Receipts
from activation.app.resolving import Resolving, Unresolved, Way
from activation.app.silence import Silence, Silent
from activation.channels.port import Channel, Outcome, Reconcilable
from activation.domain.campaign import Campaign
from activation.workers.failpoints import Reach
from activation.workers.names import CHANNEL, RESOLVE
from activation.workers.second_permission import SecondPermission
from activation.workers.turns import Turns
from servicekit.database import Database
from servicekit.telemetry.context import parse_traceparent
from servicekit.telemetry.spans import tracer

BATCHES_PER_ROUND = 20
CALLBACKS_PER_ROUND = 20


class Resolver:
    """Rounds of different kinds, each short."""

    def __init__(
        self,
        database: Database,
        resolving: Resolving,
        permission: SecondPermission,
        receipts: Receipts,
        silence: Silence,
        completion: Completion,
        accounts: Mapping[str, Account],
        turns: Mapping[str, Turns],
        limits: Limits,
        reach: Reach,
    ) -> None:
        self._database = database
        self._resolving = resolving
        self._permission = permission
        self._receipts = receipts
        self._silence = silence
        self._completion = completion
        self._accounts = accounts
        self._turns = turns
        self._limits = limits
        self._reach = reach

    async def resolve(self) -> bool:
        """Whether anything was unknown and due."""
        await self._database.write(self._resolving.recover)
        due = await self._database.read(self._resolving.due, BATCHES_PER_ROUND)
        for batch_id in due:
            await self._settle(batch_id)
        return bool(due)

    async def apply_receipts(self) -> bool:
        """Whether there were callbacks to apply."""
        if not await self._database.read(self._receipts.any_due):
            return False
        applied = await self._database.write(self._receipts.apply, CALLBACKS_PER_ROUND)
        self._reach("applied")
        return applied > 0

    async def advance(self) -> bool:
        """Moves campaigns on; asks nobody, so that none waits for another's provider."""
        changed = False
        for campaign in await self._database.read(self._completion.under_way):
            key = (campaign.tenant, campaign.campaign_id)
            changed |= await self._database.write(self._completion.advance, *key)
        return changed

    async def end_silence(self) -> bool:
        """Whether a provider was asked for receipts that are overdue."""
        asked = False
        for campaign in await self._database.read(self._completion.under_way):
            asked |= await self._end_silence(campaign)
        return asked

    async def _settle(self, batch_id: str) -> None:
        unresolved = await self._permission.begin(batch_id)
        if unresolved is None:
            return
        channel, batch = self._channel(unresolved.batch.account), unresolved.batch
        timeout_s = self._limits.submit_timeout_s
        parent = parse_traceparent(unresolved.campaign.traceparent)
        with tracer().span(RESOLVE.name, "client", parent=parent, attributes={CHANNEL: channel.caps.name}):
            if unresolved.way is Way.RESUBMIT:
                outcomes = await self._submit(channel, unresolved)
                if outcomes is None:
                    return
                self._reach("resolved")
                await self._database.write(self._resolving.resubmitted, unresolved, outcomes)
            elif isinstance(channel, Reconcilable):
                findings = await channel.query(unresolved.wire, batch.submitted_at, timeout_s)
                self._reach("resolved")
                await self._database.write(self._resolving.asked, unresolved, findings)

    async def _submit(self, channel: Channel, unresolved: Unresolved) -> Sequence[Outcome] | None:
        """None when there was no turn in time, or this process slept past the deadline, by which the provider may have
        forgotten the key: the batch comes up again."""
        timeout_s = self._limits.submit_timeout_s
        if not await self._turns[unresolved.batch.account].take(timeout_s):
            return None
        if not self._resolving.in_time(unresolved.batch):
            return None
        return await channel.submit(unresolved.wire, timeout_s)

    async def _end_silence(self, campaign: Campaign) -> bool:
        if not await self._database.read(self._silence.any_overdue, campaign):
            return False
        to_ask = await self._database.write(self._silence.end, campaign)
        for silent in to_ask:
            await self._ask(silent)
        return bool(to_ask)

    async def _ask(self, silent: Silent) -> None:
        channel = self._channel(silent.batch.account)
        if isinstance(channel, Reconcilable):
            findings = await channel.query(
                silent.wire, silent.batch.submitted_at, self._limits.submit_timeout_s
            )
            await self._database.write(self._silence.asked, silent, findings)

    def _channel(self, account: str) -> Channel:
        return self._accounts[account].channel
