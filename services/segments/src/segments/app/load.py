"""Memory as the store has it: what a process begins with."""

from segments.app.tenant_segments import TenantSegments
from segments.app.version import BEGINNING, Version
from segments.store.ports import ColumnFiles, EmptyIndex, Stores
from servicekit.revision import LANES
from sqlalchemy import Connection


def load(
    connection: Connection, stores: Stores, empty_index: EmptyIndex, files: ColumnFiles | None = None
) -> Version:
    """The version that was stored last. Members are computed: they are a function of the index and its moments."""
    version = Version(empty_index, stores.journal.head(connection), stores.dictionary.load(connection))
    if cursor := stores.journal.cursor(connection):
        version.cursors = {lane: cursor.position(lane) for lane in LANES}
    moments = stores.segments.moments(connection)
    indexes = stores.index.load(connection, empty_index, files)
    for tenant, index in indexes.items():
        version.put(tenant, TenantSegments(index, moments.get(tenant, BEGINNING)))
    for tenant, segment in stores.segments.all(connection):
        if tenant not in indexes and tenant not in version.own:
            version.put(tenant, TenantSegments(empty_index(tenant), moments.get(tenant, BEGINNING)))
        version.writable(tenant).put(segment, None)
    for tenant, segment_id, members in stores.frozen.all(connection):
        if tenant in version.tenants and version.tenant(tenant).get(segment_id) is not None:
            version.writable(tenant).freeze(segment_id, members)
    for tenant, segments in version.tenants.items():
        version.reread(tenant, None)
        segments.begin()
    return version
