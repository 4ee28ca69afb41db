"""The tables of segments' store: the index's columns and universe, segments, snapshots, and the kit's."""

from servicekit.kit_tables import kit_tables
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text

metadata = MetaData()
kit_tables(metadata)

Table(
    "segment",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("segment_id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("canonical_rule", Text, nullable=False),
    Column("population", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("update_time_us", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("version", Integer, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "segment_version",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("segment_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("display_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("canonical_rule", Text, nullable=False),
    Column("population", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("start_time_us", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "folder",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "tenant_moment",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("moment_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "snapshot",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("snapshot_id", Text, primary_key=True),
    Column("segment_id", Text, nullable=False),
    Column("canonical_rule", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("population_count", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("as_of_us", BigInteger, nullable=False),
    Column("revision_token", Text, nullable=False),
    Column("members", LargeBinary, nullable=False),
    Column("purposes", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("snapshot_by_create_time", "create_time_us"),
)
Table(
    "segment_day",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("segment_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("population_count", BigInteger, nullable=False),
    Column("take_time_us", BigInteger, nullable=False),
    Column("as_of_us", BigInteger, nullable=False),
    Column("revision_token", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("segment_day_by_day", "day"),
    sqlite_with_rowid=False,
)
Table(
    "segment_day_members",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("segment_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("members", LargeBinary, nullable=False),
    Index("segment_day_members_by_day", "day"),
)
Table(
    "tag",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("tag_id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("born", BigInteger, nullable=False),
    Column("definition", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "feature",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("form", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("born", BigInteger, nullable=False),
    Column("values_column", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("done_count", BigInteger, nullable=False),
    Column("total_count", BigInteger, nullable=False),
    Column("failure", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "tenant_day",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("day", Integer, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("week_start", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "event_dictionary",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
)
Table(
    "person",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("redirect_person_id", BigInteger, nullable=False),
    Column("birth_hash", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "column_text",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("values_column", Text, primary_key=True),
    Column("code", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "column_block",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("values_column", Text, primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("pack", LargeBinary, nullable=False),
)
Table(
    "value_delta",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("values_column", Text, primary_key=True),
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("codes", Text, nullable=True),
    sqlite_with_rowid=False,
)
