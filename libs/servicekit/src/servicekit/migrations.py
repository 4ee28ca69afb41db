"""Brings a store to the schema this release expects, with Alembic, from a service's migrations folder.

The folder is Alembic's: env.py, script.py.mako, versions/. Its env.py is three lines:

    from identity.store.schema import metadata
    from servicekit.migrations import run
    run(metadata)

A first migration calls `create_kit_tables(op)` (kit_tables.py) beside its own tables. Migrations expand,
backfill, contract: each works with the release before it.
"""

import re
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, inspect, text

from servicekit.database import Database

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

LOCK_TIMEOUT_MS = 5_000
"""A migration waits this long for a lock, then fails and changes nothing: never queue behind a long
reader."""
_ADVISORY_LOCK = 0x48784D67
_alembic_context = Lock()
"""Alembic's environment is global to the process."""
_NAMED = re.compile(r'^(down_)?revision = "(\w+)"$', re.MULTILINE)


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
    if target == "head" and database.read_now(_revisions) == _heads(folder, versions):
        return  # most starts; without Alembic, which takes longer to import than to ask
    with _alembic_context:
        database.write_now(_upgrade, _config(folder), _script(folder, versions), target)


def run(metadata: MetaData) -> None:
    """What env.py calls: runs the migrations on the connection that `migrate` opened."""
    from alembic import context

    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    context.run_migrations()


def _revisions(connection: Connection) -> set[str]:
    """Those that the store says it is at."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


@cache
def _heads(folder: Path, versions: tuple[str, ...]) -> set[str]:
    """The revisions that no other in the folder follows."""
    named = [each for file in versions for each in _NAMED.findall((folder / "versions" / file).read_text())]
    return {name for down, name in named if not down} - {name for down, name in named if down}


def _config(folder: Path) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _script(folder: Path, versions: tuple[str, ...]) -> "ScriptDirectory":
    """The migrations of a folder that holds these files; to read them takes longer than all else of a start that finds
    nothing to do."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config(folder))


def _upgrade(connection: Connection, config: "Config", script: "ScriptDirectory", target: str) -> None:
    import alembic.command
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    heads = _revisions(connection)
    for revision in sorted(heads):
        try:
            script.get_revision(revision)
        except CommandError:
            where = connection.engine.url.render_as_string(hide_password=True)
            raise DataNewer(where, revision) from None
    if target == "head" and heads == set(script.get_heads()):
        return
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, target)
