"""What following did to segments, on record."""

from collections.abc import Mapping

from segments.domain.movement import Followed
from segments.store.ports import Stores
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection


def record(connection: Connection, stores: Stores, lane: Lane, followed: Mapping[str, Followed]) -> Revision:
    """Stores segments that changed or went and appends everything to the changelog; last in its transaction."""
    for tenant, each in followed.items():
        for segment in each.segments:
            stores.segments.put(connection, tenant, segment)
        for segment_id in each.deleted:
            stores.segments.delete(connection, tenant, segment_id)
        for segment_id, frozen in each.frozen.items():
            stores.frozen.put(connection, tenant, segment_id, frozen)
    return stores.journal.append(connection, lane, followed)
