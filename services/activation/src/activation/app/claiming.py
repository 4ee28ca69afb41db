"""The first transaction of a submission: rows that are due are taken, with a fence and a lease. Nothing was sent."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from activation.app.accounts import Account, Limits, message_of
from activation.channels import port
from activation.domain.campaign import Campaign
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Claim, Move
from activation.store.ports import CampaignStore, DeliveryLedger, KeyMaker
from servicekit.clock import Clock
from sqlalchemy import Connection

MAX_CLAIM_ROWS = 1_000
"""What identity serves in one call."""
CLAIM_S = 2.0
"""No more is claimed than can be sent in this time, or in a quarter of the lease: permission is asked at the claim."""


class Permission(StrEnum):
    """What identity says of a person's address; anything but PERMITTED is the reason of SUPPRESSED."""

    PERMITTED = "permitted"
    NO_CONSENT = "no_consent"
    WITHDRAWN = "withdrawn"
    NO_ADDRESS = "no_address"
    NO_PERSON = "no_person"


@dataclass(frozen=True, slots=True)
class Reached:
    """A person's address for one send; empty unless permitted. `birth_key_id` anchors what comes back."""

    permission: Permission
    address: str
    birth_key_id: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Rows of one campaign in a worker's hands, and the campaign's sealed key."""

    campaign: Campaign
    sealed_key: bytes
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Addressed:
    """A claimed row that may be sent, with its address."""

    claim: Claim
    address: str


class Claiming:
    """Machine time governs leases, the suite's time everything else."""

    def __init__(
        self, store: CampaignStore, ledger: DeliveryLedger, keys: KeyMaker, clock: Clock, limits: Limits
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._limits = limits

    def any_due(self, connection: Connection, account: Account) -> bool:
        """Whether a claim would take a row; costs two index look-ups a campaign."""
        now = self._clock.now()
        return any(
            self._ledger.any_due(connection, campaign, now)
            for campaign in self._store.sending(connection, account.name)
        )

    def claim(
        self, connection: Connection, account: Account, served: tuple[str, str] = ("", "")
    ) -> Claimed | None:
        """Takes rows of one campaign, None when nothing is due. Transactional campaigns come first; among equals the
        one after `served`, the (tenant, campaign_id) that had its turn last."""
        now = self._clock.now()
        lease_until_ms = self._machine_ms() + int(self._limits.lease_s * 1_000)
        span_s = min(CLAIM_S, self._limits.lease_s / 4)
        rows = min(MAX_CLAIM_ROWS, max(1, int(account.calls_per_s * span_s)) * account.caps.max_batch)

        def turn(campaign: Campaign) -> tuple[bool, bool, tuple[str, str]]:
            key = (campaign.tenant, campaign.campaign_id)
            return campaign.draft.purpose == "marketing", key <= served, key

        for campaign in sorted(self._store.sending(connection, account.name), key=turn):
            sealed_key = self._store.key(connection, campaign.tenant, campaign.campaign_id)
            if sealed_key is None:
                continue
            claims = self._ledger.claim(connection, campaign, rows, now, lease_until_ms)
            if claims:
                return Claimed(campaign, sealed_key, tuple(claims))
        return None

    def decide(
        self, connection: Connection, account: Account, claimed: Claimed, reached: Mapping[int, Reached]
    ) -> list[Addressed]:
        """Suppresses who may not be reached, addresses that the channel does not reach, and second rows of one address;
        returns the rest, still claimed."""
        campaign = claimed.campaign
        self._store.get(connection, campaign.tenant, campaign.campaign_id, lock=True)
        ours = still_ours(connection, self._ledger, claimed)
        suppressed: dict[str, str] = {}
        addressed: dict[str, tuple[str, int]] = {}
        for claim in ours:
            person = reached.get(claim.person_id, Reached(Permission.NO_PERSON, "", 0))
            problem = self._problem(account, campaign, claim, person)
            if problem:
                suppressed[claim.delivery_id] = problem
                continue
            hashed = self._keys.address_hash(campaign.tenant, account.caps.contact_channel, person.address)
            addressed[claim.delivery_id] = (hashed, person.birth_key_id)
        doubled = self._ledger.assign(connection, campaign, addressed)
        suppressed |= dict.fromkeys(sorted(doubled), "duplicate_address")
        moves = [Move(row, DeliveryState.SUPPRESSED, reason) for row, reason in suppressed.items()]
        self._ledger.move(connection, campaign.tenant, moves, self._clock.now())
        return [
            Addressed(claim, reached[claim.person_id].address)
            for claim in ours
            if claim.delivery_id not in suppressed
        ]

    def give_back(self, connection: Connection, claimed: Claimed, after_s: float = 0.0) -> None:
        """Returns the claimed rows that are still in our hands: nothing of them was sent."""
        due = self._clock.now() + dt.timedelta(seconds=after_s)
        self._ledger.release(connection, claimed.campaign.tenant, claimed.claims, due)

    @staticmethod
    def _problem(account: Account, campaign: Campaign, claim: Claim, person: Reached) -> str:
        if person.permission is not Permission.PERMITTED:
            return person.permission.value
        target = port.Target(claim.delivery_id, "", person.address)
        found = account.channel.validate(message_of(campaign.draft), [target])
        return next((each.reason.lower() for each in found if each.delivery_id), "")

    def _machine_ms(self) -> int:
        return int(self._clock.machine_now().timestamp() * 1_000)


def still_ours(connection: Connection, ledger: DeliveryLedger, claimed: Claimed) -> list[Claim]:
    """The claims that hold, their rows locked."""
    held = ledger.held(connection, claimed.campaign.tenant, [claim.delivery_id for claim in claimed.claims])
    return [
        claim
        for claim in claimed.claims
        if (row := held.get(claim.delivery_id)) is not None
        and row.state is DeliveryState.CLAIMED
        and row.fence == claim.fence
    ]
