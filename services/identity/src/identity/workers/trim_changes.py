"""Drops old changes, and events once every configured consumer has stored them."""

from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any

from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.retention import Spared, keep_trimmed
from sqlalchemy import Connection

from identity.app.acknowledge_changes import acknowledged_by_all
from identity.app.encoding import ChangeKind
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
    """Runs until cancelled: changes older than `keep_s` go, and the oldest beyond `max_bytes`; an event stays until
    every consumer has stored it, for it is nowhere else until then."""
    return keep_trimmed(
        database,
        changelog,
        keep_s=keep_s,
        max_bytes=max_bytes,
        spared=partial(not_stored_everywhere, open_stores, consumers),
    )


def not_stored_everywhere(
    open_stores: OpenStores, consumers: Collection[str], connection: Connection
) -> Spared | None:
    """The events that some consumer has yet to store."""
    stored = acknowledged_by_all(open_stores(connection), consumers)
    return None if stored is None else Spared((ChangeKind.EVENT,), stored)
