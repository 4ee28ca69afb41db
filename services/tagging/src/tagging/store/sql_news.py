"""News that tags are computed on: arrivals of events, and the changelog's entries of values."""

from huaxiang.tagging.v1 import change_pb2
from servicekit.changelog import Changelog
from servicekit.driver_sql import execute
from servicekit.errors import HistoryGone
from servicekit.revision import LANES, Lane
from sqlalchemy import Connection
from tagging.domain.changes import ChangeKind

PAGE = 2_000
"""Entries read at a time."""
_EVENTS = "SELECT DISTINCT type FROM event WHERE tenant = ? AND arrival > ?"


class SqlTagNews:
    """TagNews."""

    def __init__(self, changelog: Changelog) -> None:
        self._changelog = changelog

    def heads(self, connection: Connection, tenant: str) -> tuple[int, int]:
        counted = execute(
            connection, "SELECT arrival FROM fact_counter WHERE tenant = ?", (tenant,)
        ).scalar_one_or_none()
        return counted or 0, self._changelog.head(connection).position

    def types_since(self, connection: Connection, tenant: str, arrival: int) -> frozenset[str]:
        return frozenset(row[0] for row in execute(connection, _EVENTS, (tenant, arrival)))

    def columns_since(self, connection: Connection, tenant: str, position: int) -> frozenset[str]:
        try:
            return frozenset().union(*(self._of_lane(connection, tenant, lane, position) for lane in LANES))
        except HistoryGone:
            rows = execute(connection, "SELECT column_name FROM value_column WHERE tenant = ?", (tenant,))
            return frozenset(row[0] for row in rows)

    def _of_lane(self, connection: Connection, tenant: str, lane: Lane, position: int) -> set[str]:
        found: set[str] = set()
        end = self._changelog.head(connection).position
        after = position
        while after < end:
            page = self._changelog.page(
                connection, lane, after, kinds=[ChangeKind.VALUES], tenant=tenant, limit=PAGE
            )
            for entry in page.entries:
                change = change_pb2.Change.FromString(entry.payload)
                if change.HasField("block"):
                    found.add(change.block.column)
                else:
                    found.update(each.column for each in change.values.values)
            after = page.through
        return found
