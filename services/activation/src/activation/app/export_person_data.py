"""ExportPersonData: a person's deliveries."""

from collections.abc import Mapping, Sequence
from typing import Any

from activation.store.ports import PersonDeliveries
from servicekit.database import Database

Row = Mapping[str, Any]


class ExportPersonData:
    """Reads one snapshot."""

    def __init__(self, database: Database, deliveries: PersonDeliveries) -> None:
        self._database = database
        self._deliveries = deliveries

    async def __call__(self, tenant: str, person_ids: Sequence[int]) -> dict[str, Sequence[Row]]:
        """By section."""
        return {"deliveries": await self._database.read(self._deliveries.of_persons, tenant, person_ids)}
