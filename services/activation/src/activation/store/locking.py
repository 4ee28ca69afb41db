"""Row locks where the database has them; SQLite has one writer at a time and needs none."""

from sqlalchemy import Connection


def for_update(connection: Connection, *, skip_locked: bool = False) -> str:
    """What to put at the end of a SELECT whose rows will be changed."""
    if connection.dialect.name == "sqlite":
        return ""
    return " FOR UPDATE SKIP LOCKED" if skip_locked else " FOR UPDATE"


def marks(count: int) -> str:
    """Placeholders of an IN list."""
    return ", ".join("?" * count)
