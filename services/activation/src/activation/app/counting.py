"""What counts for persons under caps, across all campaigns: what was or may have been sent, and what higher campaigns
are to send."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activation.app.accounts import Account
from activation.domain.campaign import Campaign, Draft, State
from activation.domain.caps import LONGEST_DAYS, Cap, Kind, Sent
from activation.store.policy_ports import PolicyStore
from activation.store.ports import CampaignStore, DeliveryLedger
from sqlalchemy import Connection

GOING = frozenset({State.PLANNING, State.RUNNING, State.DRAINING})


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person as messages to it are counted: by the birth keys that are its now, for its day. `asked` is the id that
    was planned; rows may be planned for any of `person_ids`."""

    asked: int
    person_ids: frozenset[int]
    keys: tuple[int, ...]
    day: dt.date


class Counting:
    """Reads the ledger; nothing is counted beside it."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        policies: PolicyStore,
        accounts: Mapping[str, Account],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._policies = policies
        self._accounts = accounts

    def sent(
        self,
        connection: Connection,
        tenant: str,
        caps: Sequence[Cap],
        recipients: Sequence[Recipient],
        *,
        hold: bool,
    ) -> defaultdict[int, list[Sent]]:
        """By birth key what counts for the caps; with `hold` no other decision of the tenant counts until the
        transaction ends. Nothing when there are no caps."""
        found: defaultdict[int, list[Sent]] = defaultdict(list)
        if not caps or not recipients:
            return found
        if hold:
            self._policies.gate(connection, tenant)
        since = min(each.day for each in recipients) - dt.timedelta(days=LONGEST_DAYS)
        keys = {key for each in recipients for key in each.keys if key}
        counted = self._ledger.counted(connection, tenant, keys, since)
        drafts = self._store.drafts(connection, tenant, {each.campaign_id for each in counted})
        kinds = {campaign_id: self.kind(draft) for campaign_id, draft in drafts.items()}
        for each in counted:
            found[each.birth_key_id].append(Sent(kinds[each.campaign_id], each.day, each.count))
        return found

    def reserved(
        self,
        connection: Connection,
        campaign: Campaign,
        caps: Sequence[Cap],
        recipients: Sequence[Recipient],
        before: dt.datetime,
    ) -> defaultdict[int, list[Sent]]:
        """By the id that was planned what campaigns of higher priority are to send before a moment, as if it counted
        for the recipient's day. Nothing when there are no caps."""
        found: defaultdict[int, list[Sent]] = defaultdict(list)
        higher = self._higher(connection, campaign, caps)
        if not higher or not recipients:
            return found
        persons = frozenset().union(*(each.person_ids for each in recipients))
        rows: defaultdict[int, list[tuple[Kind, int]]] = defaultdict(list)
        for waiting in self._ledger.waiting(connection, campaign.tenant, persons, higher.keys(), before):
            rows[waiting.person_id].append((higher[waiting.campaign_id], waiting.count))
        for each in recipients:
            found[each.asked] += [
                Sent(kind, each.day, count) for person in each.person_ids for kind, count in rows[person]
            ]
        return found

    def kind(self, draft: Draft) -> Kind:
        """What caps tell a campaign's messages by; of an account that is configured no more no channel is known."""
        account = self._accounts.get(draft.provider_account)
        channel = "" if account is None else account.caps.contact_channel
        return Kind(draft.message_class, channel, draft.brand)

    def _higher(self, connection: Connection, campaign: Campaign, caps: Sequence[Cap]) -> dict[str, Kind]:
        """Campaigns of the tenant that go before this one, and under one of these caps."""
        if not caps:
            return {}
        kinds = {
            each.campaign_id: self.kind(each.draft)
            for each in self._store.in_state(connection, GOING)
            if each.tenant == campaign.tenant and each.draft.priority > campaign.draft.priority
        }
        return {name: kind for name, kind in kinds.items() if any(cap.covers(kind) for cap in caps)}
