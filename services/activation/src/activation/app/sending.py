"""The three transactions of a submission: claim, write down, result. What happens between them may be cut anywhere.

claim     rows that are due are taken, with a fence and a lease; nothing was sent
write     the batch stands as SUBMITTING, with its key and its bytes, before the first byte leaves
result    each row gets what the provider said, unless a receipt was faster
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from activation.app.campaigns import Account, Campaigns, key_about, message_of
from activation.channels import port
from activation.channels.wire import WireRequest
from activation.domain.campaign import Campaign, State
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Batch, BatchState, Claim, Held, Move
from activation.store.ports import BatchStore, CampaignStore, DeliveryLedger, KeyMaker
from servicekit.clock import Clock
from sqlalchemy import Connection

LEASE_S = 60.0
SUBMIT_TIMEOUT_S = 20.0
MAX_PAUSE_S = 86_400.0
"""A provider may put a row off for a day at most; the campaign's expire_time ends the waiting."""


class Permission(StrEnum):
    """What identity says of a person's address; anything but PERMITTED is the reason of SUPPRESSED."""

    PERMITTED = "permitted"
    NO_CONSENT = "no_consent"
    WITHDRAWN = "withdrawn"
    NO_ADDRESS = "no_address"
    NO_PERSON = "no_person"


@dataclass(frozen=True, slots=True)
class Reached:
    """A person's address for one send; empty unless permitted."""

    permission: Permission
    address: str
    birth_key_id: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Rows of one campaign in a worker's hands."""

    campaign: Campaign
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A batch that stands as SUBMITTING: send exactly this."""

    batch: Batch
    wire: WireRequest


class Sending:
    """The transactions. Machine time governs leases and deadlines, the suite's time everything else."""

    def __init__(
        self,
        campaigns: Campaigns,
        store: CampaignStore,
        ledger: DeliveryLedger,
        batches: BatchStore,
        keys: KeyMaker,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._campaigns = campaigns
        self._store = store
        self._ledger = ledger
        self._batches = batches
        self._keys = keys
        self._clock = clock
        self._new_id = new_id

    def claim(self, connection: Connection, account: Account) -> Claimed | None:
        """Takes up to a batch of rows; None when nothing is due."""
        now = self._clock.now()
        lease_until_ms = self._machine_ms() + int(LEASE_S * 1_000)
        claims = self._ledger.claim(connection, account.name, account.caps.max_batch, now, lease_until_ms)
        if not claims:
            return None
        campaign = self._store.get(connection, claims[0].tenant, claims[0].campaign_id)
        assert campaign is not None
        return Claimed(campaign, tuple(claims))

    def decide(
        self, connection: Connection, account: Account, claimed: Claimed, reached: Mapping[int, Reached]
    ) -> list[Claim]:
        """Suppresses who may not be reached, and second rows of one address; returns the rest, still claimed."""
        tenant, now = claimed.campaign.tenant, self._clock.now()
        ours = self._still_ours(connection, claimed)
        moves: list[Move] = []
        addressed: dict[str, tuple[str, int]] = {}
        for claim in ours:
            person = reached.get(claim.person_id, Reached(Permission.NO_PERSON, "", 0))
            if person.permission is not Permission.PERMITTED:
                moves.append(Move(claim.delivery_id, DeliveryState.SUPPRESSED, person.permission.value))
                continue
            hashed = self._keys.address_hash(tenant, account.caps.contact_channel, person.address)
            addressed[claim.delivery_id] = (hashed, person.birth_key_id)
        doubled = self._ledger.assign(connection, addressed, tenant)
        moves += [
            Move(delivery_id, DeliveryState.SUPPRESSED, "duplicate_address")
            for delivery_id in sorted(doubled)
        ]
        self._ledger.move(connection, tenant, moves, now)
        return [
            claim for claim in ours if claim.delivery_id in addressed and claim.delivery_id not in doubled
        ]

    def write(
        self,
        connection: Connection,
        account: Account,
        claimed: Claimed,
        claims: Sequence[Claim],
        addresses: Mapping[int, str],
        keys: Sequence[str],
    ) -> Written | None:
        """Writes the batch down as being sent. None when the campaign was paused or changed since the claim, or a row
        is in other hands: then nothing may be sent. `keys` are the provider's, when it gives them."""
        stored = self._store.get(connection, claimed.campaign.tenant, claimed.campaign.campaign_id, lock=True)
        if stored is None or stored.state is not State.RUNNING or stored.epoch != claimed.campaign.epoch:
            return None
        if len(self._still_ours(connection, replace(claimed, claims=tuple(claims)))) != len(claims):
            return None
        sealed_key = self._store.key(connection, stored.tenant, stored.campaign_id)
        if sealed_key is None:
            return None
        batch_id = self._new_id()
        wire, key = self._built(account, stored, claims, addresses, keys, batch_id)
        now = self._clock.now()
        batch = Batch(
            batch_id=batch_id,
            tenant=stored.tenant,
            campaign_id=stored.campaign_id,
            account=account.name,
            key=key,
            digest=wire.digest,
            sealed_wire=self._keys.seal_under(
                sealed_key, wire.dump(), key_about(stored.tenant, stored.campaign_id)
            ),
            state=BatchState.SUBMITTING,
            submitted_at=now,
            deadline_ms=self._machine_ms() + int(2 * SUBMIT_TIMEOUT_S * 1_000),
        )
        self._batches.add(connection, batch)
        ids = [claim.delivery_id for claim in claims]
        self._ledger.submit(connection, stored.tenant, ids, batch_id, now)
        return Written(batch, wire)

    def give_back(self, connection: Connection, claimed: Claimed, after_s: float = 0.0) -> None:
        """Returns claimed rows of which nothing was sent."""
        due = self._clock.now() + dt.timedelta(seconds=after_s)
        moves = [
            Move(claim.delivery_id, DeliveryState.READY, due=due)
            for claim in self._still_ours(connection, claimed)
        ]
        self._ledger.move(connection, claimed.campaign.tenant, moves, self._clock.now())

    def result(
        self, connection: Connection, account: Account, batch_id: str, outcomes: Sequence[port.Outcome]
    ) -> None:
        """Stores what the provider said of a batch. Rows that a receipt has settled meanwhile only note that they were
        accepted."""
        batch = self._batches.get(connection, batch_id)
        if batch is None or batch.state is BatchState.DONE:
            return
        rows = self._ledger.of_batch(connection, batch_id)
        moves = [
            move
            for outcome in outcomes
            if (row := rows.get(outcome.delivery_id)) is not None
            and (move := self._move_for(row, outcome)) is not None
        ]
        self._ledger.move(connection, batch.tenant, moves, self._clock.now())
        unknown = any(outcome.verdict is port.Verdict.UNKNOWN for outcome in outcomes)
        if unknown:
            look = self._clock.now() + dt.timedelta(seconds=account.caps.settle_s)
            self._batches.put(connection, replace(batch, state=BatchState.UNKNOWN, next_look=look))
        else:
            self._batches.put(connection, replace(batch, state=BatchState.DONE))
        self._stop_when_refused(connection, batch, outcomes)

    def recover(self, connection: Connection) -> int:
        """After a crash: expired claims are given back, overdue submissions become UNKNOWN; answers how many."""
        now, machine_ms = self._clock.now(), self._machine_ms()
        self._ledger.release_expired(connection, machine_ms, now)
        overdue = self._batches.overdue(connection, machine_ms, limit=100)
        for batch in overdue:
            rows = self._ledger.of_batch(connection, batch.batch_id)
            moves = [
                Move(row.delivery_id, DeliveryState.UNKNOWN, "interrupted")
                for row in rows.values()
                if row.state is DeliveryState.SUBMITTING
            ]
            self._ledger.move(connection, batch.tenant, moves, now)
            self._batches.put(connection, replace(batch, state=BatchState.UNKNOWN, next_look=now))
        return len(overdue)

    # -------------------------------------------------------------------------------------------- parts

    def _still_ours(self, connection: Connection, claimed: Claimed) -> list[Claim]:
        held = self._ledger.held(
            connection, claimed.campaign.tenant, [claim.delivery_id for claim in claimed.claims]
        )
        return [
            claim
            for claim in claimed.claims
            if (row := held.get(claim.delivery_id)) is not None
            and row.state is DeliveryState.CLAIMED
            and row.fence == claim.fence
        ]

    def _built(
        self,
        account: Account,
        campaign: Campaign,
        claims: Sequence[Claim],
        addresses: Mapping[int, str],
        keys: Sequence[str],
        batch_id: str,
    ) -> tuple[WireRequest, str]:
        by_batch = account.caps.key_scope is port.KeyScope.BATCH
        batch_key = keys[0] if keys and by_batch else batch_id
        targets = []
        for place, claim in enumerate(claims):
            own = keys[place] if keys and not by_batch else claim.delivery_id
            targets.append(
                port.Target(claim.delivery_id, batch_key if by_batch else own, addresses[claim.person_id])
            )
        built = account.channel.build(port.Batch(batch_key, message_of(campaign.draft), tuple(targets)))
        return built, batch_key

    def _move_for(self, row: Held, outcome: port.Outcome) -> Move | None:
        accepted = outcome.verdict is port.Verdict.ACCEPTED
        if row.state not in {DeliveryState.SUBMITTING, DeliveryState.UNKNOWN}:
            # A receipt was faster than the answer.
            if not accepted:
                return None
            return Move(row.delivery_id, row.state, "", message_id=outcome.message_id or None, accepted=True)
        now = self._clock.now()
        match outcome.verdict:
            case port.Verdict.ACCEPTED:
                return Move(
                    row.delivery_id,
                    DeliveryState.ACCEPTED,
                    message_id=outcome.message_id or None,
                    accepted=True,
                )
            case port.Verdict.REJECTED if outcome.scope is port.Scope.RECIPIENT:
                return Move(row.delivery_id, DeliveryState.REJECTED, outcome.reason)
            case port.Verdict.UNKNOWN:
                return Move(row.delivery_id, DeliveryState.UNKNOWN, outcome.reason)
            case _:
                pause = dt.timedelta(seconds=min(max(outcome.after_s, 1.0), MAX_PAUSE_S))
                return Move(
                    row.delivery_id,
                    DeliveryState.RETRY_WAIT,
                    outcome.reason,
                    due=now + pause,
                    alone=outcome.alone,
                )

    def _stop_when_refused(
        self, connection: Connection, batch: Batch, outcomes: Sequence[port.Outcome]
    ) -> None:
        for outcome in outcomes:
            if outcome.scope in {port.Scope.CAMPAIGN, port.Scope.ACCOUNT}:
                about = "the message" if outcome.scope is port.Scope.CAMPAIGN else "the account"
                self._campaigns.stop_sending(
                    connection,
                    batch.tenant,
                    batch.campaign_id,
                    f"the provider refuses {about}: {outcome.reason}; mend it and resume",
                )
                return

    def _machine_ms(self) -> int:
        return int(self._clock.machine_now().timestamp() * 1_000)
