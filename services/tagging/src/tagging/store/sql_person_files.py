"""Keeps the files of who lives, and whose each key is, near the store."""

from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.store import person_files
from tagging.store.person_files import NamedFiles, PersonFiles
from tagging.store.person_ports import HeldPersons
from tagging.store.sql_key_map import SqlKeyMap

SHARE = 8
"""One person in so many stated anew is worth new files: each person is written a bounded number of times."""


class SqlPersonFiles:
    """PersonCopies over the table `person_file`, a folder and the key map that reads it."""

    def __init__(self, files: PersonFiles, key_map: SqlKeyMap) -> None:
        self._files = files
        self._key_map = key_map

    def due(self, connection: Connection, tenant: str, least_persons: int) -> bool:
        row = execute(
            connection, "SELECT highest_person_id FROM fact_counter WHERE tenant = ?", (tenant,)
        ).one_or_none()
        if row is None or row[0] < least_persons:
            return False
        named = person_files.named(connection, tenant)
        if named is None or not self._files.stand(tenant, named.name):
            return True
        enough: int = -(-row[0] // SHARE)
        since = execute(
            connection,
            "SELECT count(*) FROM (SELECT 1 FROM person WHERE tenant = ? AND change > ? LIMIT ?) AS since",
            (tenant, named.change, enough),
        ).scalar_one()
        return int(since) >= enough

    def held(self, connection: Connection, tenant: str) -> HeldPersons:
        return self._key_map.held(connection, tenant)

    def write(self, tenant: str, held: HeldPersons) -> str:
        return self._files.write(tenant, held)

    def name(self, connection: Connection, tenant: str, name: str, change: int) -> None:
        person_files.put(connection, tenant, NamedFiles(name, change))

    def sweep(self, tenant: str, kept: str = "") -> None:
        self._files.sweep(tenant, kept)
