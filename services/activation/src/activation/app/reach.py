"""EstimateReach: whom a message could reach now, by the decision that a campaign meets."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Protocol

from activation.app.accounts import Account
from activation.app.campaigns import Campaigns
from activation.app.claiming import AddressesRefused, Claimed, Reached
from activation.app.deciding import Deciding, Verdicts
from activation.app.planning import CONTROL_GROUP, Member, Snapshots, planned_for
from activation.domain.campaign import MARKETING, Campaign, Draft, State
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Claim
from activation.errors import AccountUnknown, MessageRefused
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.errors import InvalidField

DEFAULT_LOOKED_AT, MAX_LOOKED_AT = 5_000, 20_000
ASKED_AT_ONCE = 1_000
CLASS_REFUSED = "class_refused"


class Addresses(Protocol):
    """Who hands out addresses: 1,000 persons at once. Raises UpstreamUnavailable, AddressesRefused."""

    async def of(self, account: Account, claimed: Claimed) -> dict[int, Reached]:
        """By person id."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """A message that is not written yet; without accounts all are meant."""

    snapshot_id: str
    message_class: str
    brand: str
    topic: str
    broadcast: bool
    accounts: tuple[str, ...]
    max_looked_at: int


@dataclass(frozen=True, slots=True)
class AccountReach:
    """What an account reaches, scaled to all members."""

    account: Account
    reachable: int
    waiting: Mapping[str, int]
    held_back: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`looked_at` of `members` were asked about."""

    members: int
    looked_at: int
    policy_version: int
    accounts: tuple[AccountReach, ...]


class EstimateReach:
    """Writes nothing; addresses stay in memory."""

    def __init__(
        self,
        database: Database,
        campaigns: Campaigns,
        deciding: Deciding,
        snapshots: Snapshots,
        addresses: Addresses,
        accounts: Mapping[str, Account],
        clock: Clock,
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._deciding = deciding
        self._snapshots = snapshots
        self._addresses = addresses
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, tenant: str, question: Question) -> Estimate:
        """Raises InvalidField, AccountUnknown, SnapshotUnknown, UpstreamUnavailable, MessageRefused."""
        accounts = self._asked_for(question)
        purposes = await self._snapshots.require(tenant, question.snapshot_id)
        members, sample = await self._sample(tenant, question)
        told: list[AccountReach] = []
        version = 0
        for account in accounts:
            campaign = _campaign(tenant, question, account, purposes, self._clock.now())
            if question.message_class == MARKETING and not account.caps.marketing_allowed:
                told.append(AccountReach(account, 0, {}, {CLASS_REFUSED: members}))
                continue
            campaign = await self._database.read(self._campaigns.with_control, campaign)
            planned = [planned_for(campaign, *member) for member in sample]
            verdicts = await self._judge(
                account, campaign, [each.person_id for each in planned if not each.held_out]
            )
            version = verdicts.policy_version
            control = sum(each.held_out for each in planned)
            told.append(_reach(account, verdicts, members, len(sample), control))
        return Estimate(members, len(sample), version, tuple(told))

    # -------------------------------------------------------------------------------------------- parts

    def _asked_for(self, question: Question) -> list[Account]:
        if not question.message_class:
            raise InvalidField("message_class", "is missing: marketing, transactional or otp")
        if not 0 <= question.max_looked_at <= MAX_LOOKED_AT:
            raise InvalidField("max_looked_at", f"is not between 0 and {MAX_LOOKED_AT}")
        names = sorted(set(question.accounts) or self._accounts)
        for name in names:
            if name not in self._accounts:
                raise AccountUnknown(name, self._accounts)
        return [self._accounts[name] for name in names]

    async def _sample(self, tenant: str, question: Question) -> tuple[int, list[Member]]:
        """(members, some of them): those of the smallest birth hashes."""
        wanted = question.max_looked_at or DEFAULT_LOOKED_AT
        count, kept = 0, list[Member]()
        async for part in self._snapshots.members(tenant, question.snapshot_id, 0):
            count += len(part)
            kept = nsmallest(wanted, [*kept, *part], key=lambda member: member[1])
        return count, sorted(kept)

    async def _judge(self, account: Account, campaign: Campaign, persons: Sequence[int]) -> Verdicts:
        claims = [Claim(str(person_id), person_id, 0) for person_id in persons]
        reached: dict[int, Reached] = {}
        for start in range(0, len(claims), ASKED_AT_ONCE):
            some = tuple(claims[start : start + ASKED_AT_ONCE])
            try:
                reached |= await self._addresses.of(account, Claimed(campaign, b"", some))
            except AddressesRefused as error:
                raise MessageRefused("brand", str(error)) from error
        return await self._database.read(self._deciding.judge, account, campaign, claims, reached, hold=False)


def _campaign(
    tenant: str, question: Question, account: Account, purposes: tuple[str, ...], now: dt.datetime
) -> Campaign:
    """One that is stored nowhere."""
    draft = Draft(
        campaign_id=f"reach of {question.snapshot_id}"[:100],
        display_name="",
        snapshot_id=question.snapshot_id,
        channel=account.caps.name,
        provider_account=account.name,
        message_class=question.message_class,
        template_id="",
        sign_name="",
        parameters={},
        url="",
        holdout_basis_points=0,
        holdout_salt="",
        expire_time=None,
        brand=question.brand,
        topic=question.topic,
        broadcast=question.broadcast,
    )
    return Campaign(tenant, draft, State.DRAFT, "", 0, now, purposes=purposes)


def _reach(account: Account, verdicts: Verdicts, members: int, looked_at: int, control: int) -> AccountReach:
    def scaled(count: int) -> int:
        return (2 * count * members + looked_at) // (2 * looked_at) if looked_at else 0

    by_reason = Counter((move.state is DeliveryState.SUPPRESSED, move.reason) for move in verdicts.left_out)
    by_reason += Counter({(True, CONTROL_GROUP): control})
    reasons = {
        suppressed: {
            why: scaled(count) for (how, why), count in sorted(by_reason.items()) if how is suppressed
        }
        for suppressed in (False, True)
    }
    return AccountReach(account, scaled(len(verdicts.chosen)), reasons[False], reasons[True])
