"""ExportPersonData: the events and tag values of a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.read_values import ReadValues
from tagging.domain.definition import Grade
from tagging.domain.events import Event
from tagging.store.ports import FactStores

Row = Mapping[str, Any]


class ExportPersonData:
    """Reads one snapshot."""

    def __init__(self, database: Database, facts: FactStores, read: ReadValues) -> None:
        self._database = database
        self._facts = facts
        self._read = read

    async def __call__(self, tenant: str, person_ids: Sequence[int]) -> dict[str, Sequence[Row]]:
        """By section. Ids that redirect lead to the living person; numbers are scaled by 10,000."""
        return await self._database.read(self._sections, tenant, person_ids)

    def _sections(
        self, connection: Connection, tenant: str, person_ids: Sequence[int]
    ) -> dict[str, Sequence[Row]]:
        living = self._facts.key_map.living(connection, tenant, person_ids)
        ids = sorted({person.person_id for person in living.values()})
        events = self._facts.events.of_persons(connection, tenant, ids)
        values: list[Row] = []
        for person_id in ids:
            portrait = self._read.portrait(connection, tenant, person_id, (), tuple(Grade))
            values += [
                {
                    "person_id": person_id,
                    "tag": each.tag.tag_id,
                    "value": None if each.stored is None else each.stored.value,
                }
                for each in portrait.values
            ]
        return {
            "events": [_row(person_id, event) for person_id in ids for event in events[person_id]],
            "tag_values": values,
        }


def _row(person_id: int, event: Event) -> Row:
    return {
        "person_id": person_id,
        "time": event.time.isoformat(),
        "type": event.type,
        "source": event.source,
        "event_id": event.event_id,
        "brand": event.brand,
        "properties": dict(event.properties) | dict(event.extra),
    }
