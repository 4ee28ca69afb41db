"""Stores of earlier releases, after the upgrade."""

import sqlalchemy as sa
from segments.main import MIGRATIONS
from segments.store.sql_segments import SqlSegmentStore
from segments.store.sql_versions import SqlSegmentVersions
from servicekit.database import Database
from servicekit.migrations import migrate


def test_segments_made_before_are_anybodys_and_at_their_first_version(database_url: str) -> None:
    database = Database.open(database_url, synchronous="NORMAL")
    migrate(database, MIGRATIONS, "0002")

    def before(connection: sa.Connection) -> None:
        connection.execute(
            sa.text(
                "INSERT INTO segment (tenant, segment_id, display_name, description, rule, canonical_rule, "
                "population, brand, etag, create_time_us, update_time_us, state, note) VALUES ('t1', 'women', "
                "'女', '', 'gender=1', 'gender = 1', 'known', 'tea', 'e1', 1000000, 2000000, 'live', '')"
            )
        )

    database.write_now(before)
    migrate(database, MIGRATIONS)
    segment = database.read_now(SqlSegmentStore().get, "t1", "women")
    assert segment is not None
    assert (segment.version, segment.draft.owner, segment.draft.folder, segment.etag) == (1, "", "", "e1")
    (version,) = database.read_now(SqlSegmentVersions().page, "t1", "women", None, 9)
    assert (version.version, version.draft, version.saying.time) == (1, segment.draft, segment.update_time)
    database.close_now()
