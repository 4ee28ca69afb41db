"""Looks at what came in, page by page, beside the path of the facts."""

from servicekit.database import Database
from sqlalchemy import Connection
from tagging.domain.events import Event
from tagging.domain.seen_events import Survey, survey
from tagging.store.mapping_ports import EventDictionaries, SeenEvents
from tagging.store.ports import Tenants

PAGE = 1_000
"""Events looked at between two commits."""


class SurveyEvents:
    """Counts each stored event once; a crash loses nothing and counts nothing twice."""

    def __init__(
        self, database: Database, tenants: Tenants, seen: SeenEvents, dictionaries: EventDictionaries
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._seen = seen
        self._dictionaries = dictionaries

    async def __call__(self) -> bool:
        """Looks at a page of each tenant; whether any was there. One that fails takes no turn from the others: what
        failed is raised at the end, as a group."""
        worked = False
        failures: list[Exception] = []
        for tenant in await self._database.read(self._tenants.all):
            try:
                worked |= await self._survey(tenant.name)
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("what came in of some tenants was not looked at", failures)
        return worked

    async def _survey(self, tenant: str) -> bool:
        after, through, found = await self._database.read(self._look, tenant)
        if found is None:
            return False
        await self._database.write(self._seen.add, tenant, found, after, through)
        return True

    def _look(self, connection: Connection, tenant: str) -> tuple[int, int, Survey | None]:
        after = self._seen.cursor(connection, tenant)
        events: list[Event]
        events, through = self._seen.unseen(connection, tenant, PAGE)
        if through == after:
            return after, through, None
        return after, through, survey(events, self._dictionaries.of(connection, tenant))
