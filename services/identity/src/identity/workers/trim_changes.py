"""Drops old changes that every configured consumer has stored."""

from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any

from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.retention import keep_trimmed
from sqlalchemy import Connection

from identity.app.acknowledge_changes import acknowledged_by_all
from identity.store.ports import Stores

OpenStores = Callable[[Connection], Stores]


def trim_changes(
    database: Database,
    changelog: Changelog,
    open_stores: OpenStores,
    consumers: Collection[str],
    keep_s: float,
    max_bytes: int,
) -> Coroutine[Any, Any, None]:
    """Runs until cancelled: changes older than `keep_s` go, and the oldest beyond `max_bytes`, but none that a
    consumer has not acknowledged: events are nowhere else until then."""
    return keep_trimmed(
        database,
        changelog,
        keep_s=keep_s,
        max_bytes=max_bytes,
        not_beyond=partial(stored_everywhere, open_stores, consumers),
    )


def stored_everywhere(
    open_stores: OpenStores, consumers: Collection[str], connection: Connection
) -> int | None:
    """The position that all consumers have stored."""
    return acknowledged_by_all(open_stores(connection), consumers)
