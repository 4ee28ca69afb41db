"""A service's changelog: every change appended in the transaction that makes it, read by position.

There is one position space per shard, shared by both lanes; a lane is an attribute of an entry, so of two
entries about one object the later position wins. Positions come from the shard's head row, updated by
`append` as the last step before commit: the row's lock makes commit order equal position order on SQLite
and Postgres alike, so readers ask only "position > cursor" and never skip an entry. A transaction that both
stores a consumer's progress (upstream.py) and appends what follows from it makes `Head.upstream` true:
every consequence of it is at or before `Head.position`.

An epoch is 16 hex digits, seconds of machine time then randomness: it sorts by the time of its making, so
that a token of an epoch before a restore can be told from one of an epoch not yet arrived.
"""

import secrets
import time
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from servicekit.driver_sql import execute, execute_many
from servicekit.entry import Entry, Head, Page, StoredEntry
from servicekit.errors import HistoryGone, RevisionForeign
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from servicekit.telemetry.context import sampled_traceparent
from servicekit.upstream import Sources, UpstreamRow, reset, settle

__all__ = ["Changelog", "Entry", "Head", "Page", "StoredEntry", "make_epoch"]

MAX_APPENDED = 100_000
"""Entries of one append, at most."""
PAGE_ENTRIES = 500
PAGE_BYTES = 1024 * 1024
SCANNED_POSITIONS = 50_000
"""Positions one page looks at, at most, so that a filter that matches little stays quick."""

_TAKE = {
    Lane.LIVE: "UPDATE changelog_head SET position = position + ?, live_position = position + ?, "
    "payload_bytes = payload_bytes + ? WHERE shard = ? RETURNING position, epoch",
    Lane.BULK: "UPDATE changelog_head SET position = position + ?, bulk_position = position + ?, "
    "payload_bytes = payload_bytes + ? WHERE shard = ? RETURNING position, epoch",
}
RESTORED = "the store was restored since this cursor: bootstrap from the export"


class Changelog:
    """The changelog of one service's store. Stateless: every method works on the connection it is given.

    `sources` says through which consumers which services to the left reach this one (upstream.py):
    {"tagging": ("tagging", "identity")} for segments.
    """

    def __init__(self, service: str, *, sources: Sources | None = None, shard: int = 0) -> None:
        self.service = service
        self.sources: Sources = sources or {}
        self.shard = shard

    def create(self, connection: Connection) -> None:
        """Makes the head row of a new store, with a new epoch; does nothing when it exists. Call at
        start-up."""
        execute(
            connection,
            "INSERT INTO changelog_head "
            "(shard, epoch, position, live_position, bulk_position, oldest, payload_bytes) "
            "VALUES (?, ?, 0, 0, 0, 0, 0) ON CONFLICT (shard) DO NOTHING",
            (self.shard, make_epoch()),
        )

    def new_epoch(self, connection: Connection) -> str:
        """Starts a new epoch after a restore or a bootstrap: this service's old tokens become foreign, and
        those to its right bootstrap and compare. Positions go on."""
        epoch = make_epoch(after=self.head(connection).epoch)
        execute(connection, "UPDATE changelog_head SET epoch = ? WHERE shard = ?", (epoch, self.shard))
        return epoch

    def finish_bootstrap(self, connection: Connection, consumer: str, progress: Progress) -> None:
        """Ends a consumer's bootstrap, in its last transaction: stores the cursor and starts a new epoch.

        The new state came at once and not lane by lane, so no watch of this store could promise anything of
        it in one lane alone. What a bootstrap changes is therefore not appended: those to the right
        bootstrap too.
        """
        reset(connection, consumer, progress.through, progress.upstream)
        self.new_epoch(connection)

    def append(
        self,
        connection: Connection,
        lane: Lane,
        entries: Sequence[Entry],
        *,
        rests_on: tuple[Revision, ...] = (),
    ) -> Revision:
        """Appends in the given order and returns the revision that covers them, set in this lane only.

        Call it once, last, in its transaction: from here to the commit no other writer can append. Without
        entries it returns the lane's end, so a repeated write answers with a revision that covers the first
        one.
        """
        if len(entries) > MAX_APPENDED:
            raise ValueError(f"{len(entries)} entries in one append, the limit is {MAX_APPENDED}")
        if not entries:
            head = self.head(connection)
            return Revision(self.service, head.epoch, rests_on=rests_on).at(lane, head.last(lane))
        sizes = [len(entry.payload) for entry in entries if isinstance(entry.payload, bytes)]
        last, epoch = execute(
            connection,
            _TAKE[lane],
            (len(entries), len(entries), sum(sizes), self.shard),
        ).one()
        first = last - len(entries) + 1
        payloads = [
            entry.payload if isinstance(entry.payload, bytes) else entry.payload(first + index)
            for index, entry in enumerate(entries)
        ]
        if len(sizes) < len(entries):
            execute(
                connection,
                "UPDATE changelog_head SET payload_bytes = payload_bytes + ? WHERE shard = ?",
                (sum(map(len, payloads)) - sum(sizes), self.shard),
            )
        self._insert(connection, lane, first, entries, payloads)
        return Revision(self.service, epoch, rests_on=rests_on).at(lane, last)

    def head(self, connection: Connection) -> Head:
        """The end and the upstream at one moment, in one statement."""
        rows = execute(
            connection,
            "SELECT h.epoch, h.position, h.live_position, h.bulk_position, h.oldest, "
            "u.consumer, u.service, u.lane, u.epoch, u.position "
            "FROM changelog_head h LEFT JOIN upstream u ON true WHERE h.shard = ?",
            (self.shard,),
        ).all()
        if not rows:
            raise RuntimeError(
                f"the store of {self.service} has no changelog head: call Changelog.create at start-up"
            )
        upstream = settle(self.sources, [UpstreamRow(*row[5:]) for row in rows if row[5] is not None])
        epoch, position, live_position, bulk_position, oldest = rows[0][:5]
        return Head(epoch, position, live_position, bulk_position, oldest, upstream)

    def require_cursor(self, head: Head, cursor: Revision) -> None:
        """Raises RevisionForeign for another service's revision, and HistoryGone when the epoch has changed
        or the cursor lies beyond the end (a restore that kept its epoch)."""
        if cursor.service != self.service:
            raise RevisionForeign(cursor.service, f"it is not a revision of {self.service!r}")
        if cursor.epoch != head.epoch:
            raise HistoryGone(head.oldest, RESTORED)
        if max(cursor.live, cursor.bulk) > head.position:
            raise HistoryGone(head.oldest, "the cursor lies beyond the changelog: bootstrap from the export")

    def page(
        self,
        connection: Connection,
        lane: Lane,
        after: int,
        *,
        epoch: str | None = None,
        kinds: Collection[str] = (),
        tenant: str | None = None,
        limit: int = PAGE_ENTRIES,
        max_bytes: int = PAGE_BYTES,
        spared: bool = False,
    ) -> Page:
        """The next entries of a lane after a position, filtered, at most `limit` and about `max_bytes` (one
        at least).

        Raises HistoryGone when entries after `after` were trimmed, unless what was `spared` of them is asked for, or
        `epoch` is given and no longer the store's. Run it in `database.read`: head and entries are of one snapshot.
        """
        head = self.head(connection)
        if epoch not in (None, head.epoch):
            raise HistoryGone(head.oldest, RESTORED)
        if after < head.oldest and not spared:
            raise HistoryGone(head.oldest)
        if after >= head.last(lane):
            return Page((), max(after, head.position), head)
        until = min(head.position, after + SCANNED_POSITIONS)
        rows = self._rows(connection, lane, (after, until), kinds, tenant, limit)
        entries: list[StoredEntry] = []
        size = 0
        for row in rows:
            size += len(row[5])
            if entries and size > max_bytes:
                return Page(tuple(entries), entries[-1].position, head)
            entries.append(StoredEntry(lane, *row))
        if len(entries) == limit:
            until = entries[-1].position
        return Page(tuple(entries), until, head)

    def first(self, connection: Connection, lane: Lane) -> int:
        """The position of a lane's first entry that is still stored, spared ones included; 0 when there is none."""
        sql = "SELECT min(position) FROM changelog WHERE shard = ? AND lane = ?"
        return int(execute(connection, sql, (self.shard, int(lane))).scalar_one() or 0)

    def _rows(
        self,
        connection: Connection,
        lane: Lane,
        span: tuple[int, int],
        kinds: Collection[str],
        tenant: str | None,
        limit: int,
    ) -> list[Any]:
        sql = (
            "SELECT position, kind, tenant, machine_time_ms, traceparent, payload FROM changelog "
            "WHERE shard = ? AND lane = ? AND position > ? AND position <= ?"
        )
        parameters: list[Any] = [self.shard, int(lane), *span]
        if kinds:
            sql += f" AND kind IN ({', '.join('?' * len(kinds))})"
            parameters += sorted(kinds)
        if tenant is not None:
            sql += " AND tenant = ?"
            parameters.append(tenant)
        return list(execute(connection, sql + " ORDER BY position LIMIT ?", [*parameters, limit]).all())

    def _insert(
        self,
        connection: Connection,
        lane: Lane,
        first: int,
        entries: Sequence[Entry],
        payloads: list[bytes],
    ) -> None:
        machine_time_ms = time.time_ns() // 1_000_000
        traceparent = sampled_traceparent()
        if connection.dialect.name == "sqlite":
            execute_many(
                connection,
                "INSERT INTO changelog "
                "(shard, lane, position, kind, tenant, machine_time_ms, traceparent, payload) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self.shard,
                        int(lane),
                        first + i,
                        e.kind,
                        e.tenant,
                        machine_time_ms,
                        traceparent,
                        payload,
                    )
                    for i, (e, payload) in enumerate(zip(entries, payloads, strict=True))
                ],
            )
            return
        execute(
            connection,
            "INSERT INTO changelog "
            "(shard, lane, position, kind, tenant, machine_time_ms, traceparent, payload) "
            "SELECT ?::smallint, ?::smallint, position, kind, tenant, ?::bigint, ?::text, payload "
            "FROM unnest(?::bigint[], ?::text[], ?::text[], ?::bytea[]) "
            "AS new (position, kind, tenant, payload)",
            (
                self.shard,
                int(lane),
                machine_time_ms,
                traceparent,
                list(range(first, first + len(entries))),
                [entry.kind for entry in entries],
                [entry.tenant for entry in entries],
                payloads,
            ),
        )


def make_epoch(after: str = "") -> str:
    """A new epoch, later than `after` even when the machine's clock went back."""
    seconds = max(int(time.time()), int(after[:8], 16) + 1 if after else 0)
    return f"{seconds:08x}{secrets.token_hex(4)}"
