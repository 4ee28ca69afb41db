"""Create, start, pause, resume, cancel and read campaigns."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from activation.app.accounts import Account, key_about, message_of
from activation.app.campaign_changes import CampaignChanges
from activation.domain import sms_text
from activation.domain.campaign import (
    ENDED,
    MARKETING,
    MAX_NOTE_CHARS,
    Campaign,
    Draft,
    State,
    problem_of,
)
from activation.domain.delivery import DeliveryState
from activation.domain.hours import local_day, zone_of
from activation.domain.ledger import Report
from activation.domain.policy import control_salt
from activation.errors import AccountUnknown, MessageRefused
from activation.store.policy_ports import PolicyStore
from activation.store.ports import CampaignStore, DeliveryLedger, KeyMaker
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceExists, ResourceNotFound, WrongState
from servicekit.revision import Revision
from sqlalchemy import Connection

ROWS_AT_ONCE = 5_000
"""Rows that one transaction cancels or expires; a worker goes on with the rest."""
GOES = frozenset({State.PLANNING, State.RUNNING, State.DRAINING})


class Campaigns:
    """The use cases of CampaignService, each in one transaction."""

    def __init__(
        self,
        store: CampaignStore,
        changes: CampaignChanges,
        ledger: DeliveryLedger,
        accounts: Mapping[str, Account],
        policies: PolicyStore,
        keys: KeyMaker,
        clock: Clock,
    ) -> None:
        self._store = store
        self._policies = policies
        self._changes = changes
        self._ledger = ledger
        self._accounts = accounts
        self._keys = keys
        self._clock = clock

    def create(self, connection: Connection, tenant: str, draft: Draft) -> tuple[Campaign, Revision]:
        """Stores a draft; the same again answers the stored one. Raises InvalidField, AccountUnknown, MessageRefused,
        ResourceExists."""
        self._require_valid(draft)
        campaign = Campaign(tenant, draft, State.DRAFT, "", epoch=1, create_time=self._clock.now())
        key = self._keys.new_campaign_key(key_about(tenant, draft.campaign_id))
        if self._store.add(connection, campaign, key):
            return campaign, self._changes.added(connection, campaign)
        known = self._locked(connection, tenant, draft.campaign_id)
        if known.draft != draft:
            raise ResourceExists(f"campaign {draft.campaign_id!r}")
        return known, self._changes.none(connection)

    def start(
        self,
        connection: Connection,
        tenant: str,
        campaign_id: str,
        purposes: tuple[str, ...] = (),
        traceparent: str = "",
    ) -> tuple[Campaign, Revision]:
        """Begins to plan; one that goes or is paused is answered as it is. `purposes`: what the sensitive tags behind
        the snapshot are kept for. Raises ResourceNotFound, WrongState when it was cancelled or has failed."""
        campaign = self._locked(connection, tenant, campaign_id)
        if campaign.state is State.DRAFT:
            campaign = replace(
                self.with_control(connection, campaign.at(State.PLANNING)),
                start_time=self._clock.now(),
                traceparent=traceparent,
                purposes=purposes,
            )
            return campaign, self._changes.put(connection, campaign)
        if campaign.state in ENDED - {State.COMPLETED}:
            raise WrongState(
                f"campaign {campaign_id!r}", campaign.state.value, "it cannot be started any more"
            )
        return campaign, self._changes.none(connection)

    def pause(
        self, connection: Connection, tenant: str, campaign_id: str, reason: str
    ) -> tuple[Campaign, Revision]:
        """After the commit nothing new is submitted: a submission holds the campaign's row while it is written down.
        Raises ResourceNotFound, WrongState, InvalidField."""
        return self._turn(connection, tenant, campaign_id, GOES, State.PAUSED, reason)

    def resume(self, connection: Connection, tenant: str, campaign_id: str) -> tuple[Campaign, Revision]:
        """Goes on. Raises ResourceNotFound, WrongState."""
        campaign = self._locked(connection, tenant, campaign_id)
        if campaign.state in GOES:
            return campaign, self._changes.none(connection)
        return self._turn(connection, tenant, campaign_id, {State.PAUSED}, campaign.after_pause(), "")

    def cancel(
        self, connection: Connection, tenant: str, campaign_id: str, reason: str
    ) -> tuple[Campaign, Revision]:
        """Stops for good; unsent rows are CANCELLED, beyond the first 5,000 within seconds. Raises ResourceNotFound,
        WrongState when it has completed or failed, InvalidField."""
        campaign = self._locked(connection, tenant, campaign_id)
        if campaign.state not in ENDED:
            self._ledger.expire(
                connection, campaign, DeliveryState.CANCELLED, self._clock.now(), ROWS_AT_ONCE
            )
        return self._turn(connection, tenant, campaign_id, set(State) - ENDED, State.CANCELLED, reason)

    def stop_sending(self, connection: Connection, tenant: str, campaign_id: str, reason: str) -> None:
        """Pauses by itself: the provider refuses the message or the account. Nothing when it does not run. Call it last
        in a transaction."""
        campaign = self._store.get(connection, tenant, campaign_id, lock=True)
        if campaign is not None and campaign.state in GOES:
            self._changes.put(connection, campaign.at(State.PAUSED, reason, fence=True))

    def get(self, connection: Connection, tenant: str, campaign_id: str) -> tuple[Campaign, Report]:
        """A campaign and the count of its rows. Raises ResourceNotFound."""
        return self.find(connection, tenant, campaign_id), self._ledger.report(
            connection, tenant, campaign_id
        )

    def find(self, connection: Connection, tenant: str, campaign_id: str) -> Campaign:
        """A campaign. Raises ResourceNotFound."""
        campaign = self._store.get(connection, tenant, campaign_id)
        if campaign is None:
            raise ResourceNotFound(f"campaign {campaign_id!r}")
        return campaign

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Campaign]:
        """In order of campaign_id."""
        return self._store.page(connection, tenant, after, limit)

    def with_control(self, connection: Connection, campaign: Campaign) -> Campaign:
        """The campaign with the tenant's control group of now, which is held back from marketing alone."""
        policy = self._policies.current(connection, campaign.tenant).policy
        if campaign.draft.message_class != MARKETING or not policy.control_basis_points:
            return campaign
        salt = control_salt(policy, campaign.tenant, local_day(zone_of(""), self._clock.now()))
        return replace(campaign, control_salt=salt, control_basis_points=policy.control_basis_points)

    # -------------------------------------------------------------------------------------------- parts

    def _require_valid(self, draft: Draft) -> None:
        if problem := problem_of(draft):
            raise InvalidField(*problem)
        account = self._accounts.get(draft.provider_account)
        if account is None:
            raise AccountUnknown(draft.provider_account, self._accounts)
        if draft.channel != account.caps.name:
            raise MessageRefused("channel", f"account {account.name!r} sends {account.caps.name}")
        for found in account.channel.validate(message_of(draft)):
            raise MessageRefused(found.field, f"{found.hint} ({found.reason})")
        by_sms = account.caps.contact_channel == "sms" and draft.message_class == MARKETING
        if by_sms and (wrong := sms_text.problem_of(draft.text)):
            raise MessageRefused("template.text", wrong)

    def _locked(self, connection: Connection, tenant: str, campaign_id: str) -> Campaign:
        campaign = self._store.get(connection, tenant, campaign_id, lock=True)
        if campaign is None:
            raise ResourceNotFound(f"campaign {campaign_id!r}")
        return campaign

    def _turn(
        self,
        connection: Connection,
        tenant: str,
        campaign_id: str,
        from_states: Collection[State],
        to: State,
        note: str,
    ) -> tuple[Campaign, Revision]:
        if len(note) > MAX_NOTE_CHARS:
            raise InvalidField("reason", f"is longer than {MAX_NOTE_CHARS} characters")
        campaign = self._locked(connection, tenant, campaign_id)
        if campaign.state is to:
            return campaign, self._changes.none(connection)
        if campaign.state not in from_states:
            problem = f"it cannot become {to.value}"
            raise WrongState(f"campaign {campaign_id!r}", campaign.state.value, problem)
        campaign = campaign.at(to, note, fence=True)
        return campaign, self._changes.put(connection, campaign)
