"""Settles batches whose outcome is not known, and takes up what a crash left behind."""

from activation.app.campaigns import Account
from activation.app.completion import Completion
from activation.app.receipts import Receipts
from activation.app.resolving import Resolving, Timings, Unresolved, Way
from activation.app.sending import SUBMIT_TIMEOUT_S, Sending
from activation.channels.port import Reconcilable
from servicekit.database import Database

BATCHES_PER_ROUND = 20
SILENT_PER_ROUND = 500


class Resolver:
    """Rounds of different kinds, each short."""

    def __init__(
        self,
        database: Database,
        sending: Sending,
        resolving: Resolving,
        receipts: Receipts,
        completion: Completion,
        accounts: dict[str, Account],
        timings: Timings,
    ) -> None:
        self._database = database
        self._sending = sending
        self._resolving = resolving
        self._receipts = receipts
        self._completion = completion
        self._accounts = accounts
        self._timings = timings

    async def resolve(self) -> bool:
        """Whether anything was unknown and due."""
        await self._database.write(self._sending.recover)
        due = await self._database.read(self._resolving.due, BATCHES_PER_ROUND)
        for unresolved in due:
            await self._settle(unresolved)
        return bool(due)

    async def _settle(self, unresolved: Unresolved) -> None:
        batch_id = unresolved.batch.batch_id
        channel = self._accounts[unresolved.batch.account].channel
        if unresolved.way is Way.ASK and unresolved.wire is not None and isinstance(channel, Reconcilable):
            findings = await channel.query(unresolved.wire, unresolved.batch.submitted_at, SUBMIT_TIMEOUT_S)
            await self._database.write(self._resolving.asked, batch_id, findings)
        elif unresolved.way is Way.RESUBMIT and unresolved.wire is not None:
            outcomes = await channel.submit(unresolved.wire, SUBMIT_TIMEOUT_S)
            await self._database.write(self._resolving.resubmitted, batch_id, outcomes)
        else:
            await self._database.write(self._resolving.give_up, batch_id)

    async def apply_receipts(self) -> bool:
        """Whether there were callbacks to apply."""
        return await self._database.write(self._receipts.apply, BATCHES_PER_ROUND) > 0

    async def advance(self) -> bool:
        """Ends silence and completes campaigns."""
        for account in self._accounts.values():
            await self._database.write(
                self._receipts.end_silence, account.name, self._timings.no_receipt_s, SILENT_PER_ROUND
            )
        return await self._database.write(self._completion.advance) > 0
