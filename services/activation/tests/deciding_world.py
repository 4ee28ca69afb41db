"""Decisions over a real store: some campaigns, what identity would say, and a channel that takes everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from activation.app.accounts import Account, Limits
from activation.app.campaign_changes import CampaignChanges
from activation.app.campaigns import Campaigns
from activation.app.claiming import Addressed, Claimed, Claiming, Permission, Reached
from activation.app.counting import Counting
from activation.app.deciding import Deciding
from activation.app.planning import Planning
from activation.app.policies import Policies
from activation.app.suppressions import StatedAddress, StatedSuppression, Suppressions
from activation.channels.port import Caps, Idempotency, KeyScope, ReceiptKind
from activation.domain.campaign import Draft
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Move
from activation.domain.policy import Policy
from activation.domain.suppression import Scope
from activation.main import open_store
from activation.store.sql_campaigns import SqlCampaignStore
from activation.store.sql_ledger import SqlDeliveryLedger
from activation.store.sql_policies import SqlPolicyStore
from activation.store.sql_suppressions import SqlSuppressionList
from activation.store.vault import Vault
from servicekit.clock import ManualClock
from servicekit.database import Database

NOON = datetime.fromisoformat("2026-06-11T04:00:00+00:00")
"""In China; a Thursday."""
S = DeliveryState


class TakesAll:
    """A channel as far as decisions ask one."""

    def __init__(self, contact_channel: str) -> None:
        self.caps = Caps(
            name="model",
            contact_channel=contact_channel,
            max_batch=100,
            groups_by=(),
            idempotency=Idempotency.NONE,
            key_scope=KeyScope.BATCH,
            keys_from_provider=False,
            max_key_bytes=99,
            receipt=ReceiptKind.NONE,
            marketing_allowed=True,
        )

    def validate(self, message: object, targets: object = ()) -> tuple[()]:
        return ()


@dataclass
class Decisions:
    """`merged` leads from a person to whom it is now, as identity would."""

    database: Database
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    merged: dict[int, int] = field(default_factory=dict)
    zones: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        changelog = open_store(self.database)
        accounts = {
            name: Account(name, TakesAll(name), "", 1_000)  # type: ignore[arg-type]
            for name in ("sms", "push")
        }
        store, self.ledger, policies, vault = (
            SqlCampaignStore(),
            SqlDeliveryLedger(),
            SqlPolicyStore(),
            Vault(b"v" * 32),
        )
        changes, clock = CampaignChanges(store, changelog), self.clock
        self.accounts, self.store, self.do = accounts, store, self.database.write_now
        self.campaigns = Campaigns(store, changes, self.ledger, accounts, policies, vault, clock)
        self.claiming = Claiming(store, self.ledger, clock, Limits())
        counting = Counting(store, self.ledger, policies, accounts)
        self.suppressions = Suppressions(SqlSuppressionList(), changelog, vault, clock)
        self.deciding = Deciding(store, self.ledger, policies, SqlSuppressionList(), counting, vault, clock)
        self.policies = Policies(policies, changelog, clock)
        self.planning = Planning(store, changes, self.ledger, clock)

    def allow(self, policy: Policy) -> None:
        self.do(self.policies.update, "t1", "tester", policy, "")

    def leave_in_peace(
        self, person: int, scope: Scope, name: str = "", *, every_class: bool = False, channel: str = "sms"
    ) -> None:
        stated = StatedSuppression(scope, name, every_class, "asked for it")
        addresses = [StatedAddress(channel, self.reached(person).address)]
        self.do(self.suppressions.add, "t1", "tester", addresses, stated)

    def run(self, campaign_id: str, persons: Sequence[int], account: str = "sms", **fields: Any) -> None:
        """A marketing campaign to these persons, its rows READY."""
        stated = Draft(
            campaign_id, "", "snap", "model", account, "marketing", "", "", {}, "", 0, "", None, ""
        )
        expires = self.clock.now() + timedelta(days=60)
        draft = replace(stated, text="上新，拒收请回复R", expire_time=expires, **fields)
        self.do(self.campaigns.create, "t1", draft)
        campaign, _ = self.do(self.campaigns.start, "t1", campaign_id)
        self.do(self.planning.add, campaign, [(each, each) for each in sorted(persons)], last=True)

    def reached(self, person: int) -> Reached:
        """What identity says of a person: permitted, with the birth keys that lead to whom it is now."""
        now = self.merged.get(person, person)
        others = tuple(sorted(each for each, whom in self.merged.items() if whom == now))
        return Reached(
            Permission.PERMITTED, f"+86138{person:08}", now, others, self.zones.get(now, "Asia/Shanghai"), now
        )

    def claim(self, account: str = "sms") -> Claimed | None:
        return self.do(self.claiming.claim, self.accounts[account])

    def decide(self, claimed: Claimed, account: str = "sms") -> list[Addressed]:
        persons = {claim.person_id: self.reached(claim.person_id) for claim in claimed.claims}
        return self.do(self.deciding.decide, self.accounts[account], claimed, persons)

    def still_allows(self, claimed: Claimed, rows: Sequence[Addressed], account: str = "sms") -> bool:
        return self.do(self.deciding.still_allows, self.accounts[account], claimed.campaign, rows)

    def send(self, account: str = "sms") -> set[tuple[str, int]]:
        """(campaign, person) of all that is let through at this moment; the provider takes it."""
        sent: set[tuple[str, int]] = set()
        while (claimed := self.claim(account)) is not None:
            chosen = self.decide(claimed, account)
            self.move(S.ACCEPTED, [each.claim.delivery_id for each in chosen])
            sent |= {(claimed.campaign.campaign_id, each.claim.person_id) for each in chosen}
        return sent

    def move(self, state: DeliveryState, delivery_ids: Sequence[str], due: timedelta = timedelta(0)) -> None:
        moves = [Move(each, state, due=self.clock.now() + due) for each in delivery_ids]
        self.do(self.ledger.move, "t1", moves, self.clock.now())

    def rows(self, campaign_id: str) -> dict[int, Any]:
        """By person."""
        return {row.person_id: row for row in self.do(self.ledger.page, "t1", campaign_id, None, 0, 1_000)}
