"""Brings a store to the schema this release expects, with Alembic, from a service's migrations folder.

The folder is Alembic's: env.py, script.py.mako, versions/. Its env.py is three lines:

    from identity.store.schema import metadata
    from servicekit.migrations import run
    run(metadata)

A first migration calls `create_kit_tables(op)` (kit_tables.py) beside its own tables. Migrations expand,
backfill, contract: each works with the release before it.
"""

from functools import cache
from pathlib import Path
from threading import Lock

import alembic.command
from alembic import context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, text

from servicekit.database import Database

LOCK_TIMEOUT_MS = 5_000
"""A migration waits this long for a lock, then fails and changes nothing: never queue behind a long
reader."""
_ADVISORY_LOCK = 0x48784D67
_alembic_context = Lock()
"""Alembic's environment is global to the process."""


class DataNewer(Exception):
    """The store was written by a newer release; this one must not touch it."""

    def __init__(self, where: str, revision: str) -> None:
        super().__init__(
            f"data folder of a newer version: {where} is at schema {revision}, "
            "which this release does not know; run the newer release, "
            "or restore a backup made before the upgrade"
        )
        self.revision = revision


def migrate(database: Database, folder: Path, target: str = "head") -> None:
    """Upgrades the store to `target` in one transaction; returns at once when it is there already.

    Raises DataNewer before changing anything. On Postgres processes that start together take turns.
    """
    versions = tuple(sorted(file.name for file in (folder / "versions").glob("*.py")))
    with _alembic_context:
        database.write_now(_upgrade, _config(folder), _script(folder, versions), target)


def run(metadata: MetaData) -> None:
    """What env.py calls: runs the migrations on the connection that `migrate` opened."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    context.run_migrations()


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _script(folder: Path, versions: tuple[str, ...]) -> ScriptDirectory:
    """The migrations of a folder that holds these files; to read them takes longer than all else of a start that finds
    nothing to do."""
    return ScriptDirectory.from_config(_config(folder))


def _upgrade(connection: Connection, config: Config, script: ScriptDirectory, target: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    heads = MigrationContext.configure(connection).get_current_heads()
    for revision in heads:
        try:
            script.get_revision(revision)
        except CommandError:
            where = connection.engine.url.render_as_string(hide_password=True)
            raise DataNewer(where, revision) from None
    if target == "head" and set(heads) == set(script.get_heads()):
        return
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, target)
