"""Whether claimed rows may be sent: consent, hours, who is left in peace, one row per address, caps of all campaigns.

One transaction. What may be sent counts from here on, and stops counting when it turns out not to have been sent.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from zoneinfo import ZoneInfo

from activation.app.accounts import Account, message_of
from activation.app.claiming import Addressed, Claimed, Permission, Reached, still_ours
from activation.app.counting import Counting, Recipient
from activation.channels import port
from activation.domain.campaign import MARKETING, Campaign
from activation.domain.caps import Kind, Sent, counts, reached
from activation.domain.delivery import DeliveryState
from activation.domain.hours import (
    Hours,
    Opening,
    Window,
    end_of_day,
    jittered,
    local_day,
    opening,
    zone_of,
)
from activation.domain.ledger import Claim, Decided, Grounds, Held, Move
from activation.domain.policy import MAINLAND_PREFIX, MAINLAND_SMS_HOURS, MAINLAND_ZONE, StoredPolicy
from activation.domain.suppression import held_back
from activation.store.policy_ports import PolicyStore, SuppressionList
from activation.store.ports import CampaignStore, DeliveryLedger, KeyMaker
from servicekit.clock import Clock
from sqlalchemy import Connection

QUIET_HOURS, NO_HOURS = "quiet_hours", "no_hours"
NO_PROFILING, RESERVED = "no_profiling", "reserved"
DUPLICATE_ADDRESS, SUPPRESSED = "duplicate_address", "suppressed"
RESERVED_AHEAD = dt.timedelta(hours=24)
"""What a campaign of higher priority is to send so soon takes its place under the caps already."""
RESERVED_WAIT = dt.timedelta(minutes=10)
"""After this a row that left its place to a higher campaign is decided again: it may have sent nothing."""
_NOBODY = Reached(Permission.NO_PERSON, "", 0)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was decided of some rows: who may be written to, how the others move, and on what grounds."""

    chosen: tuple[Addressed, ...]
    left_out: tuple[Move, ...]
    decisions: tuple[Decided, ...]
    policy_version: int


@dataclass(frozen=True, slots=True)
class _Times:
    """What is the same for all recipients of a zone: their day, when it ends, and when they may be written to."""

    zone: str
    day: dt.date
    day_ends: dt.datetime
    opens: Opening | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row whose person may be written to now, as far as consent and hours go."""

    claim: Claim
    person: Reached
    dest_hash: str
    times: _Times

    @property
    def recipient(self) -> Recipient:
        """As messages to it are counted."""
        person, asked = self.person, self.claim.person_id
        keys = (person.birth_key_id, *person.merged_birth_key_ids)
        return Recipient(asked, frozenset({asked, person.person_id or asked}), keys, self.times.day)


class Deciding:
    """Times are the suite's."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        policies: PolicyStore,
        suppressions: SuppressionList,
        counting: Counting,
        keys: KeyMaker,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._policies = policies
        self._suppressions = suppressions
        self._counting = counting
        self._keys = keys
        self._clock = clock

    def decide(
        self, connection: Connection, account: Account, claimed: Claimed, persons: Mapping[int, Reached]
    ) -> list[Addressed]:
        """Suppresses who may not be reached, addresses that the channel does not reach, second rows of one address, and
        whoever has had enough; puts off who is not to be written to at this hour; returns the rest, still claimed."""
        campaign = claimed.campaign
        self._store.get(connection, campaign.tenant, campaign.campaign_id, lock=True)
        ours = still_ours(connection, self._ledger, claimed)
        verdicts = self.judge(connection, account, campaign, ours, persons, hold=True)
        self._ledger.decide(connection, campaign.tenant, verdicts.decisions)
        self._ledger.move(connection, campaign.tenant, verdicts.left_out, self._clock.now())
        return list(verdicts.chosen)

    def judge(
        self,
        connection: Connection,
        account: Account,
        campaign: Campaign,
        claims: Sequence[Claim],
        persons: Mapping[int, Reached],
        *,
        hold: bool,
    ) -> Verdicts:
        """Decides and writes nothing. With `hold` no other decision of the tenant counts until the transaction ends; it
        may not be a read-only one then."""
        tenant, draft, now = campaign.tenant, campaign.draft, self._clock.now()
        policy = self._policies.current(connection, tenant)
        kind = Kind(draft.message_class, account.caps.contact_channel, draft.brand)
        clocks = _Clocks(account, kind, policy, now)
        candidates: list[_Candidate] = []
        moves: list[Move] = []
        decisions: list[Decided] = []
        for claim in claims:
            person = persons.get(claim.person_id, _NOBODY)
            times = clocks.of(person)
            problem = self._problem(account, campaign, claim, person)
            if problem or times.opens is None:
                moves.append(Move(claim.delivery_id, DeliveryState.SUPPRESSED, problem or NO_HOURS))
            elif times.opens.start > now:
                moves.append(_put_off(claim, times.opens))
            else:
                hashed = self._keys.address_hash(tenant, kind.channel, person.address)
                candidates.append(_Candidate(claim, person, hashed, times))
                continue
            decisions.append(_on_grounds(claim, person, policy, times))
        verdicts = self._choose(connection, campaign, kind, policy, candidates, hold=hold)
        return replace(
            verdicts, left_out=(*moves, *verdicts.left_out), decisions=(*decisions, *verdicts.decisions)
        )

    def still_allows(
        self, connection: Connection, account: Account, campaign: Campaign, rows: Sequence[Addressed]
    ) -> bool:
        """Whether what was let through may be written down as being sent: the policy is the one that decided, the hours
        and days of all recipients last, and nobody is to be left in peace since. Ask last in that transaction: until it
        ends none of this changes."""
        version = self._policies.steady(connection, campaign.tenant)
        if any(row.policy_version != version for row in rows):
            return False
        if self._clock.now() >= min(row.until for row in rows):
            return False
        listed = self._suppressions.of(connection, campaign.tenant, {row.dest_hash for row in rows})
        return not held_back(listed, campaign.draft, account.caps.contact_channel)

    def still_reaches(
        self,
        connection: Connection,
        account: Account,
        campaign: Campaign,
        rows: Sequence[Held],
        persons: Mapping[int, Reached],
    ) -> bool:
        """Whether a request to these rows may be submitted a second time: everybody may be written to at this hour, at
        the address in the request, and nobody is to be left in peace. Ask last in that transaction: until it ends what
        the tenant says does not change."""
        self._policies.steady(connection, campaign.tenant)
        now, channel = self._clock.now(), account.caps.contact_channel
        kind = Kind(campaign.draft.message_class, channel, campaign.draft.brand)
        clocks = _Clocks(account, kind, self._policies.current(connection, campaign.tenant), now)
        for row in rows:
            person = persons.get(row.person_id, _NOBODY)
            opens = clocks.of(person).opens
            if opens is None or opens.start > now:
                return False
            if self._problem(account, campaign, Claim(row.delivery_id, row.person_id, row.fence), person):
                return False
            if self._keys.address_hash(campaign.tenant, channel, person.address) != row.dest_hash:
                return False
        listed = self._suppressions.of(
            connection, campaign.tenant, {row.dest_hash for row in rows if row.dest_hash}
        )
        return not held_back(listed, campaign.draft, channel)

    # -------------------------------------------------------------------------------------------- parts

    def _choose(
        self,
        connection: Connection,
        campaign: Campaign,
        kind: Kind,
        policy: StoredPolicy,
        candidates: Sequence[_Candidate],
        *,
        hold: bool,
    ) -> Verdicts:
        """Who is written to, who is not, and what was decided of either: nobody who is to be left in peace, one row per
        address, and no more than caps leave."""
        hashes = {each.dest_hash for each in candidates}
        holders = self._ledger.holders(connection, campaign, hashes)
        listed = self._suppressions.of(connection, campaign.tenant, hashes)
        in_peace = held_back(listed, campaign.draft, kind.channel)
        caps_of = {day: policy.policy.caps_on(kind, day) for day in {each.times.day for each in candidates}}
        every = [*dict.fromkeys(cap for caps in caps_of.values() for cap in caps)]
        recipients = [each.recipient for each in candidates]
        sent = self._counting.sent(connection, campaign.tenant, every, recipients, hold=hold)
        reserved = self._counting.reserved(
            connection, campaign, every, recipients, self._clock.now() + RESERVED_AHEAD
        )
        chosen: list[Addressed] = []
        left_out: list[Move] = []
        decisions: list[Decided] = []
        for each in candidates:
            row, person, day = each.claim.delivery_id, each.person, each.times.day
            if each.dest_hash in in_peace:
                left_out.append(Move(row, DeliveryState.SUPPRESSED, SUPPRESSED))
                decisions.append(_on_grounds(each.claim, person, policy, each.times))
                continue
            if holders.get(each.dest_hash, row) != row:
                left_out.append(Move(row, DeliveryState.SUPPRESSED, DUPLICATE_ADDRESS))
                decisions.append(_on_grounds(each.claim, person, policy, each.times))
                continue
            caps = caps_of[day]
            counted = counts(caps, day, chain.from_iterable(sent[key] for key in each.recipient.keys))
            decided = _on_grounds(each.claim, person, policy, each.times, counted)
            full = reached(caps, counted)
            if full is not None:
                left_out.append(Move(row, DeliveryState.SUPPRESSED, f"capped_{full.period.value}"))
                decisions.append(decided)
                continue
            promised = counts(caps, day, reserved[each.claim.person_id])
            if reached(caps, [sum(both) for both in zip(counted, promised, strict=True)]):
                due = self._clock.now() + RESERVED_WAIT
                left_out.append(
                    Move(row, DeliveryState.RETRY_WAIT, RESERVED, due=due, alone=each.claim.alone)
                )
                decisions.append(decided)
                continue
            holders[each.dest_hash] = row
            sent[person.birth_key_id].append(Sent(kind, day, 1))
            decisions.append(replace(decided, dest_hash=each.dest_hash, day=day))
            assert each.times.opens is not None, "a candidate's hours are open"
            until = min(each.times.opens.end, each.times.day_ends)
            chosen.append(Addressed(each.claim, person.address, each.dest_hash, until, policy.version))
        return Verdicts(tuple(chosen), tuple(left_out), tuple(decisions), policy.version)

    @staticmethod
    def _problem(account: Account, campaign: Campaign, claim: Claim, person: Reached) -> str:
        if person.permission is not Permission.PERMITTED:
            return person.permission.value
        draft = campaign.draft
        if person.no_profiling and draft.message_class == MARKETING and not draft.broadcast:
            return NO_PROFILING
        target = port.Target(claim.delivery_id, "", person.address)
        found = account.channel.validate(message_of(campaign.draft), [target])
        return next((each.reason.lower() for each in found if each.delivery_id), "")


class _Clocks:
    """The times of recipients at one moment; worked out once for each zone."""

    def __init__(self, account: Account, kind: Kind, policy: StoredPolicy, now: dt.datetime) -> None:
        self._kind = kind
        self._hours = policy.policy.hours_of(kind.message_class)
        provider = account.caps.marketing_hours if kind.message_class == MARKETING else None
        self._provider = None if provider is None else Hours(provider[0] * 60, provider[1] * 60)
        self._now = now
        self._known: dict[tuple[str, bool], _Times] = {}

    def of(self, person: Reached) -> _Times:
        """A recipient's."""
        mainland = self._kind.channel == "sms" and person.address.startswith(MAINLAND_PREFIX)
        key = (person.time_zone, mainland)
        if key not in self._known:
            zone = zone_of(person.time_zone)
            self._known[key] = _Times(
                zone.key,
                local_day(zone, self._now),
                end_of_day(zone, self._now),
                opening(self._windows(zone, mainland=mainland), self._now),
            )
        return self._known[key]

    def _windows(self, zone: ZoneInfo, *, mainland: bool) -> list[Window]:
        """The tenant's hours where the recipient is; the provider's, and the law's, where the number is."""
        at_number = zone_of(MAINLAND_ZONE) if mainland else zone
        windows = [] if self._hours is None else [Window(self._hours, zone)]
        if self._provider is not None:
            windows.append(Window(self._provider, at_number))
        if mainland and self._kind.message_class == MARKETING:
            windows.append(Window(MAINLAND_SMS_HOURS, at_number))
        return windows


def _put_off(claim: Claim, opens: Opening) -> Move:
    due = jittered(opens, claim.delivery_id)
    return Move(claim.delivery_id, DeliveryState.RETRY_WAIT, QUIET_HOURS, due=due, alone=claim.alone)


def _on_grounds(
    claim: Claim, person: Reached, policy: StoredPolicy, times: _Times, counted: tuple[int, ...] = ()
) -> Decided:
    """That the row may not be sent now, with what it was decided by."""
    grounds = Grounds(policy.version, times.zone, times.day, counted)
    return Decided(claim.delivery_id, person.birth_key_id, grounds=grounds.dumped())
