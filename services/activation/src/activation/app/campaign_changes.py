"""Every change of a campaign and the record of it, in one transaction."""

from activation.domain.campaign import Campaign
from activation.store.ports import CampaignStore
from servicekit.changelog import Changelog, Entry
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

CAMPAIGN_KIND = "campaign"


class CampaignChanges:
    """Call one of the methods last in a transaction, and only once."""

    def __init__(self, store: CampaignStore, changelog: Changelog) -> None:
        self._store = store
        self._changelog = changelog

    def put(self, connection: Connection, campaign: Campaign) -> Revision:
        """Replaces a stored campaign."""
        self._store.put(connection, campaign)
        return self.added(connection, campaign)

    def added(self, connection: Connection, campaign: Campaign) -> Revision:
        """Records a campaign that is stored already."""
        payload = f"{campaign.campaign_id} {campaign.state.value} {campaign.epoch}".encode()
        return self._changelog.append(connection, Lane.LIVE, [Entry(CAMPAIGN_KIND, campaign.tenant, payload)])

    def none(self, connection: Connection) -> Revision:
        """Nothing changed; covers all that did before."""
        return self._changelog.append(connection, Lane.LIVE, [])
