"""Asks identity again before a request is submitted a second time: much may have changed since the first."""

import time
from collections.abc import Mapping, Sequence

from activation.app.accounts import Account
from activation.app.claiming import AddressesRefused
from activation.app.deciding import Deciding
from activation.app.resolving import Resolving, Unresolved
from activation.domain.campaign import Campaign
from activation.domain.ledger import Held
from activation.workers.contact_points import ContactPoints, good_until_s
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from sqlalchemy import Connection


class SecondPermission:
    """As good as the first: consent as old at most, the same hours, the same list."""

    def __init__(
        self,
        database: Database,
        resolving: Resolving,
        deciding: Deciding,
        accounts: Mapping[str, Account],
        contact_points: ContactPoints,
    ) -> None:
        self._database = database
        self._resolving = resolving
        self._deciding = deciding
        self._accounts = accounts
        self._contact_points = contact_points

    async def begin(self, batch_id: str) -> Unresolved | None:
        """Resolving.begin; without an answer of identity nothing is submitted again."""
        asked = await self._database.write(self._resolving.to_permit, batch_id)
        if asked is None or not asked.claims:
            return await self._database.write(self._resolving.begin, batch_id, _nobody)
        account = self._accounts[asked.campaign.draft.provider_account]
        until_s = good_until_s(asked.campaign)
        try:
            persons = await self._contact_points.of(account, asked)
        except (UpstreamUnavailable, AddressesRefused):
            return await self._database.write(self._resolving.begin, batch_id, _nobody)

        def allowed(connection: Connection, campaign: Campaign, rows: Sequence[Held]) -> bool:
            still = self._deciding.still_reaches(connection, account, campaign, rows, persons)
            return still and time.monotonic() <= until_s

        return await self._database.write(self._resolving.begin, batch_id, allowed)


def _nobody(connection: Connection, campaign: Campaign, rows: Sequence[Held]) -> bool:
    return False
