"""The oracle: one row per message that a provider really sent to one address. Rows are only ever added."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from sandbox.store import FILE_NAME, Store

PAGE_ROWS = 10_000
REPLACED = "REPLACED"
"""The outcome of a message that took the place of one on the screen: nobody saw two."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One message sent to one address, and what came of it."""

    id: int
    """Ascending in order of sending; 0 before the row is written."""
    provider: str
    account: str
    action: str
    address_hash: str
    key: str
    """The sender's key: OutId, client_msg_id or cid."""
    message_id: str
    """The provider's: BizId, msgid or msg_id."""
    topic: str
    """What the per-address limits count by, such as sign and template."""
    marketing: bool
    at_epoch_s: float
    """Suite's clock."""
    machine_epoch_s: float
    request_digest: str
    """SHA-256 of query and body, hex."""
    delivered: bool
    outcome: str
    """The provider's status code, DELIVERED, REPLACED or a failure."""
    settled_epoch_s: float
    """Suite's time from which the provider knows the outcome."""
    text: str


_FIELDS = tuple(each.name for each in fields(Effect))[1:]
_COLUMNS = ", ".join(_FIELDS)
_MARKS = ", ".join("?" * len(_FIELDS))
_SELECT = f"SELECT id, {_COLUMNS} FROM effects WHERE "  # noqa: S608 - constant text
_values = attrgetter(*_FIELDS)


def address_hash(provider: str, address: str) -> str:
    """How the log names an address: 32 hex digits of BLAKE2b over provider and the provider's form of it."""
    return hashlib.blake2b(f"{provider}\x1f{address}".encode(), digest_size=16).hexdigest()


class EffectLog:
    """Appends inside the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._connection = store.connection

    def append(self, effect: Effect) -> int:
        """Add a row and return its id; the id of the argument is ignored."""
        row = self._connection.execute(
            f"INSERT INTO effects ({_COLUMNS}) VALUES ({_MARKS})",  # noqa: S608 - constant text
            _values(effect),
        )
        return int(row.lastrowid or 0)

    def count_since(self, provider: str, hashed: str, topic: str, since_epoch_s: float) -> int:
        """How many messages of `topic` went to the address after `since_epoch_s`."""
        row = self._connection.execute(
            "SELECT COUNT(*) FROM effects"
            " WHERE provider = ? AND address_hash = ? AND at_epoch_s > ? AND topic = ?",
            (provider, hashed, since_epoch_s, topic),
        ).fetchone()
        return int(row[0])

    def to_address(
        self, provider: str, hashed: str, since_epoch_s: float, until_epoch_s: float
    ) -> list[Effect]:
        """Messages sent to the address in [since, until), oldest first."""
        rows = self._connection.execute(
            _SELECT + "provider = ? AND address_hash = ? AND at_epoch_s >= ? AND at_epoch_s < ? ORDER BY id",
            (provider, hashed, since_epoch_s, until_epoch_s),
        )
        return [_effect(row) for row in rows]

    def of_message(self, provider: str, message_id: str) -> list[Effect]:
        """Messages that one answer of the provider stands for, oldest first."""
        rows = self._connection.execute(
            _SELECT + "provider = ? AND message_id = ? ORDER BY id",
            (provider, message_id),
        )
        return [_effect(row) for row in rows]

    def page(
        self, after_id: int = 0, provider: str = "", key: str = "", limit: int = PAGE_ROWS
    ) -> list[Effect]:
        """At most `limit` rows with an id above `after_id`, oldest first."""
        return _page(self._connection, after_id, provider, key, min(limit, PAGE_ROWS))

    def counts(self) -> dict[str, int]:
        """Rows by provider."""
        rows = self._connection.execute(
            "SELECT provider, COUNT(*) FROM effects GROUP BY provider ORDER BY provider"
        )
        return {provider: int(count) for provider, count in rows}


def read(folder: Path, *, provider: str = "", key: str = "") -> Iterator[Effect]:
    """Read the log of the sandbox whose data lies in `folder`, running or not, oldest first."""
    uri = f"file:{(folder / FILE_NAME).as_posix()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        after_id = 0
        while rows := _page(connection, after_id, provider, key, PAGE_ROWS):
            yield from rows
            after_id = rows[-1].id


def _page(connection: sqlite3.Connection, after_id: int, provider: str, key: str, limit: int) -> list[Effect]:
    rows = connection.execute(
        _SELECT + "id > ? AND (? = '' OR provider = ?) AND (? = '' OR key = ?) ORDER BY id LIMIT ?",
        (after_id, provider, provider, key, key, limit),
    )
    return [_effect(row) for row in rows]


def _effect(row: tuple[object, ...]) -> Effect:
    values = list(row)
    values[8], values[12] = bool(values[8]), bool(values[12])
    return Effect(*values)  # type: ignore[arg-type]
