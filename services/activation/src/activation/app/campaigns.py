"""Create, start, pause, resume, cancel and read campaigns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from activation.channels.port import Caps, Channel, Message, MessageClass
from activation.domain.campaign import ENDED, Campaign, Draft, State, etag_of, problem_of
from activation.domain.delivery import DeliveryState
from activation.domain.ledger import Report
from activation.errors import AccountUnknown, MessageRefused
from activation.store.ports import CampaignStore, DeliveryLedger, KeyMaker
from servicekit.changelog import Changelog, Entry
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceExists, ResourceNotFound, WrongState
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

CAMPAIGN_KIND = "campaign"


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account: its channel, and the scope of addresses it reaches (an app id, or empty)."""

    name: str
    channel: Channel
    scope: str
    calls_per_s: int

    @property
    def caps(self) -> Caps:
        return self.channel.caps


class Campaigns:
    """The use cases of CampaignService. Each changes the campaign and appends to the changelog in one transaction."""

    def __init__(
        self,
        store: CampaignStore,
        ledger: DeliveryLedger,
        accounts: Mapping[str, Account],
        changelog: Changelog,
        keys: KeyMaker,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._accounts = accounts
        self._changelog = changelog
        self._keys = keys
        self._clock = clock

    def create(self, connection: Connection, tenant: str, draft: Draft) -> tuple[Campaign, Revision]:
        """Stores a draft; the same again answers the stored one. Raises InvalidField, AccountUnknown, MessageRefused,
        ResourceExists."""
        self._require_valid(draft)
        known = self._store.get(connection, tenant, draft.campaign_id, lock=True)
        if known is not None:
            if known.draft != draft:
                raise ResourceExists(f"campaign {draft.campaign_id!r}")
            return known, self._changelog.append(connection, Lane.LIVE, [])
        campaign = Campaign(
            tenant, draft, State.DRAFT, "", etag_of(draft), epoch=1, create_time=self._clock.now()
        )
        key = self._keys.new_campaign_key(key_about(tenant, draft.campaign_id))
        self._store.add(connection, campaign, key)
        return campaign, self._note(connection, campaign)

    def start(
        self, connection: Connection, tenant: str, campaign_id: str, traceparent: str = ""
    ) -> tuple[Campaign, Revision]:
        """Begins to plan; a started one is answered as it is. Raises ResourceNotFound, WrongState when it has ended."""
        campaign = self._locked(connection, tenant, campaign_id)
        if campaign.state is State.DRAFT:
            campaign = replace(
                campaign.at(State.PLANNING), start_time=self._clock.now(), traceparent=traceparent
            )
            self._store.put(connection, campaign)
            return campaign, self._note(connection, campaign)
        if campaign.state in ENDED - {State.COMPLETED}:
            raise WrongState(
                f"campaign {campaign_id!r}", campaign.state.value, "it cannot be started any more"
            )
        return campaign, self._changelog.append(connection, Lane.LIVE, [])

    def pause(
        self, connection: Connection, tenant: str, campaign_id: str, reason: str
    ) -> tuple[Campaign, Revision]:
        """After the commit nothing new is submitted: a submission holds the campaign's row while it is written down.
        Raises ResourceNotFound, WrongState."""
        return self._turn(
            connection,
            tenant,
            campaign_id,
            from_states={State.PLANNING, State.RUNNING, State.DRAINING},
            to=State.PAUSED,
            note=reason,
        )

    def resume(self, connection: Connection, tenant: str, campaign_id: str) -> tuple[Campaign, Revision]:
        """Goes on. Raises ResourceNotFound, WrongState."""
        campaign = self._locked(connection, tenant, campaign_id)
        going = {State.PLANNING, State.RUNNING, State.DRAINING}
        if campaign.state in going:
            return campaign, self._changelog.append(connection, Lane.LIVE, [])
        return self._turn(
            connection, tenant, campaign_id, from_states={State.PAUSED}, to=campaign.after_pause(), note=""
        )

    def cancel(
        self, connection: Connection, tenant: str, campaign_id: str, reason: str
    ) -> tuple[Campaign, Revision]:
        """Stops for good; unsent rows are CANCELLED. Raises ResourceNotFound, WrongState when it is completed."""
        campaign, revision = self._turn(
            connection,
            tenant,
            campaign_id,
            from_states=set(State) - {State.COMPLETED, State.CANCELLED},
            to=State.CANCELLED,
            note=reason,
        )
        self._ledger.expire(connection, campaign, DeliveryState.CANCELLED, self._clock.now())
        return campaign, revision

    def stop_sending(self, connection: Connection, tenant: str, campaign_id: str, reason: str) -> None:
        """Pauses by itself: the provider refuses the message or the account. Nothing when it does not run."""
        campaign = self._store.get(connection, tenant, campaign_id, lock=True)
        if campaign is not None and campaign.state is State.RUNNING:
            self._store.put(connection, campaign.at(State.PAUSED, reason, fence=True))

    def get(self, connection: Connection, tenant: str, campaign_id: str) -> tuple[Campaign, Report]:
        """A campaign and the count of its rows. Raises ResourceNotFound."""
        campaign = self._store.get(connection, tenant, campaign_id)
        if campaign is None:
            raise ResourceNotFound(f"campaign {campaign_id!r}")
        return campaign, self._ledger.report(connection, tenant, campaign_id)

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Campaign]:
        """In order of campaign_id."""
        return self._store.page(connection, tenant, after, limit)

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
        *,
        from_states: Collection[State],
        to: State,
        note: str,
    ) -> tuple[Campaign, Revision]:
        campaign = self._locked(connection, tenant, campaign_id)
        if campaign.state is to:
            return campaign, self._changelog.append(connection, Lane.LIVE, [])
        if campaign.state not in from_states:
            problem = f"it cannot become {to.value}"
            raise WrongState(f"campaign {campaign_id!r}", campaign.state.value, problem)
        campaign = campaign.at(to, note, fence=True)
        self._store.put(connection, campaign)
        return campaign, self._note(connection, campaign)

    def _note(self, connection: Connection, campaign: Campaign) -> Revision:
        payload = f"{campaign.campaign_id} {campaign.state.value} {campaign.epoch}".encode()
        return self._changelog.append(connection, Lane.LIVE, [Entry(CAMPAIGN_KIND, campaign.tenant, payload)])


def message_of(draft: Draft) -> Message:
    """The message as channels know it."""
    return Message(
        message_class=MessageClass(draft.message_class),
        template_id=draft.template_id,
        sign_name=draft.sign_name,
        parameters=draft.parameters,
        url=draft.url,
    )


def key_about(tenant: str, campaign_id: str) -> str:
    """What a campaign's key is bound to."""
    return f"campaign/{tenant}/{campaign_id}"
