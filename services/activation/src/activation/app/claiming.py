"""The first transaction of a submission: rows that are due are taken, with a fence and a lease. Nothing was sent."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from activation.app.accounts import Account, Limits
from activation.domain.campaign import CLASSES, MARKETING, Campaign
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Claim
from activation.store.ports import CampaignStore, DeliveryLedger
from servicekit.clock import Clock
from sqlalchemy import Connection

MAX_CLAIM_ROWS = 1_000
"""What identity serves in one call."""
CLAIM_S = 2.0
"""No more is claimed than can be sent in this time, or in a quarter of the lease: permission is asked at the claim."""
MARKETING_CLAIM_S = 0.5
"""The same for marketing: consent may be a second old."""


class Permission(StrEnum):
    """What identity says of a person's address; anything but PERMITTED is the reason of SUPPRESSED."""

    PERMITTED = "permitted"
    NO_CONSENT = "no_consent"
    WITHDRAWN = "withdrawn"
    NO_ADDRESS = "no_address"
    NO_PERSON = "no_person"
    MINOR = "minor"


class AddressesRefused(Exception):
    """Identity does not take the question: nobody of the campaign can be reached until it is mended."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A person's address for one send; empty unless permitted. `birth_key_id` anchors what comes back; what was sent to
    the persons of `merged_birth_key_ids` was sent to this one, `person_id`. An empty `time_zone` is not known."""

    permission: Permission
    address: str
    birth_key_id: int
    merged_birth_key_ids: tuple[int, ...] = ()
    time_zone: str = ""
    person_id: int = 0
    no_profiling: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """Rows of one campaign in a worker's hands, and the campaign's sealed key."""

    campaign: Campaign
    sealed_key: bytes
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Addressed:
    """A claimed row that may be sent before `until` as long as this version of the policy is in force."""

    claim: Claim
    address: str
    dest_hash: str
    until: dt.datetime
    policy_version: int


class Claiming:
    """Machine time governs leases, the suite's time everything else."""

    def __init__(self, store: CampaignStore, ledger: DeliveryLedger, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._ledger = ledger
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
        """Takes rows of one campaign, None when nothing is due: by message class, then by priority; among equals of the
        one after `served`, the (tenant, campaign_id) that had its turn last. Of a campaign those due first."""
        now = self._clock.now()
        lease_until_ms = self._machine_ms() + int(self._limits.lease_s * 1_000)

        def turn(campaign: Campaign) -> tuple[int, int, bool, tuple[str, str]]:
            key, draft = (campaign.tenant, campaign.campaign_id), campaign.draft
            return CLASSES.index(draft.message_class), -draft.priority, key <= served, key

        for campaign in sorted(self._store.sending(connection, account.name), key=turn):
            sealed_key = self._store.key(connection, campaign.tenant, campaign.campaign_id)
            if sealed_key is None:
                continue
            rows = self._rows(account, campaign)
            claims = self._ledger.claim(connection, campaign, rows, now, lease_until_ms)
            if claims:
                return Claimed(campaign, sealed_key, tuple(claims))
        return None

    def give_back(self, connection: Connection, claimed: Claimed, after_s: float = 0.0) -> None:
        """Returns the claimed rows that are still in our hands: nothing of them was sent."""
        due = self._clock.now() + dt.timedelta(seconds=after_s)
        self._ledger.release(connection, claimed.campaign.tenant, claimed.claims, due)

    def _rows(self, account: Account, campaign: Campaign) -> int:
        """How many can be sent while what identity said of them is good."""
        claim_s = MARKETING_CLAIM_S if campaign.draft.message_class == MARKETING else CLAIM_S
        calls = int(account.calls_per_s * min(claim_s, self._limits.lease_s / 4))
        return min(MAX_CLAIM_ROWS, max(1, calls) * account.caps.max_batch)

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
