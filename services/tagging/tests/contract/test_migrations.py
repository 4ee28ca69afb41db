"""The migrations make the tables that the code declares, on each dialect."""

import sqlalchemy as sa
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.store.schema import metadata


def test_migrations_make_the_declared_tables(database: Database) -> None:
    def tables(connection: Connection) -> dict[str, tuple[set[str], set[str]]]:
        inspector = sa.inspect(connection)
        return {
            name: (
                {column["name"] for column in inspector.get_columns(name)},
                {str(index["name"]) for index in inspector.get_indexes(name)},
            )
            for name in inspector.get_table_names()
        }

    found = database.read_now(tables)
    found.pop("alembic_version")
    declared = {
        table.name: ({column.name for column in table.columns}, {str(index.name) for index in table.indexes})
        for table in metadata.tables.values()
    }
    assert found == declared
