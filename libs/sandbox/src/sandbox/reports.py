"""Reports that a provider owes its customer: receipts, replies, events; kept in the store until pushed."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from sandbox.clock import Clock
from sandbox.document import Reader
from sandbox.faults import draws
from sandbox.store import Store

PUSH_TIMEOUT_S = 5.0
"""Machine seconds that a customer has to answer a push."""
DUE_ROWS = 2_000
PARALLEL_PUSHES = 8
IDLE_S = 0.5
"""Longest machine time between two looks at the clock: the suite's time may jump."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fates:
    """What may happen to a report on its way, as shares of all reports; times in the suite's seconds."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    dropped: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0
    reordered_by_s: float = 60.0
    early: float = 0.0
    """Pushed before the request that caused them is answered."""

    @classmethod
    def read(cls, reader: Reader) -> "Fates":
        fates = cls(
            delay_s=reader.number("delay_s", 0.0),
            jitter_s=reader.number("jitter_s", 0.0),
            dropped=reader.share("dropped", 0.0),
            duplicated=reader.share("duplicated", 0.0),
            reordered=reader.share("reordered", 0.0),
            reordered_by_s=reader.number("reordered_by_s", 60.0),
            early=reader.share("early", 0.0),
        )
        reader.close()
        return fates


@dataclass(frozen=True, slots=True)
class Report:
    """One thing to tell the customer `after_s` seconds (suite's clock) from now."""

    account: str
    kind: str
    after_s: float
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Push:
    """A request to the customer's URL, in the provider's real format."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Courier(Protocol):
    """How a provider pushes its reports."""

    batch: int
    """Reports of one account and kind that go in one request."""
    retry_after_s: Sequence[float]
    """Waits (suite's clock) before each further try; after the last the reports are given up."""

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        """Build the request; None when the customer has no URL for this kind."""
        ...

    def accepted(self, status: int, body: bytes) -> bool:
        """Whether the customer's answer counts as received."""
        ...


class Unreported:
    """Of a provider that tells nothing afterwards."""

    batch = 1
    retry_after_s: Sequence[float] = ()

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        return None

    def accepted(self, status: int, body: bytes) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    provider: str
    account: str
    kind: str
    attempt: int
    payload: dict[str, object]


class Reports:
    """The queue and the task that empties it."""

    def __init__(self, store: Store, clock: Clock, seed: int, fates: Fates) -> None:
        self._store = store
        self._clock = clock
        self._seed = seed
        self.fates = fates
        self._couriers: dict[str, Courier] = {}
        self._wake = asyncio.Event()
        self._early: list[int] = []
        self._pushing: set[int] = set()
        self._session: aiohttp.ClientSession | None = None
        self.pushed = 0
        self.given_up = 0

    def serve(self, provider: str, courier: Courier) -> None:
        self._couriers[provider] = courier

    def owe(self, provider: str, name: str, report: Report) -> None:
        """Queue a report inside the caller's transaction; its fate is a function of the seed and `name`."""
        fates = self.fates
        dropped, early_lot, jitter, reordered, duplicated = draws(5, self._seed, provider, name, report.kind)
        if dropped < fates.dropped:
            return
        early = early_lot < fates.early
        after_s = report.after_s + fates.delay_s + fates.jitter_s * jitter
        if reordered < fates.reordered:
            after_s += fates.reordered_by_s
        for copy in range(2 if duplicated < fates.duplicated else 1):
            due = self._clock.now() + (0.0 if early and copy == 0 else after_s * (1 + copy))
            row = self._store.connection.execute(
                "INSERT INTO reports (provider, account, kind, due_epoch_s, attempt, payload)"
                " VALUES (?, ?, ?, ?, 0, ?)",
                (provider, report.account, report.kind, due, json.dumps(report.payload, ensure_ascii=False)),
            )
            if early and copy == 0:
                self._early.append(int(row.lastrowid or 0))
        self._wake.set()

    def take_early(self) -> list[int]:
        """Reports that must reach the customer before the answer to the request that caused them."""
        early, self._early = self._early, []
        self._pushing.update(early)
        return early

    def forget_early(self) -> None:
        """The transaction that owed them was undone."""
        self._early.clear()

    async def push_now(self, ids: Sequence[int]) -> None:
        """Push these and return when the customer has answered or failed to."""
        marks = ", ".join("?" * len(ids))
        await self._deliver(self._rows(f"id IN ({marks})", tuple(ids)))  # marks only

    async def run(self) -> None:
        """Push what is due until cancelled."""
        while True:
            self._wake.clear()
            due = self._rows(
                "due_epoch_s <= ? ORDER BY due_epoch_s, id LIMIT ?", (self._clock.now(), DUE_ROWS)
            )
            due = [row for row in due if row.id not in self._pushing]
            if due:
                self._pushing.update(row.id for row in due)
                await self._deliver(due)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()
            await asyncio.sleep(0.01)

    def waiting(self) -> int:
        return int(self._store.connection.execute("SELECT COUNT(*) FROM reports").fetchone()[0])

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _pause_s(self) -> float:
        row = self._store.connection.execute("SELECT MIN(due_epoch_s) FROM reports").fetchone()
        if row[0] is None:
            return IDLE_S
        return max(0.01, min(IDLE_S, self._clock.machine_seconds(row[0] - self._clock.now())))

    def _rows(self, condition: str, values: tuple[object, ...]) -> list[_Row]:
        rows = self._store.connection.execute(
            "SELECT id, provider, account, kind, attempt, payload FROM reports WHERE " + condition,  # noqa: S608
            values,
        )
        return [
            _Row(number, provider, account, kind, attempt, json.loads(payload))
            for number, provider, account, kind, attempt, payload in rows
        ]

    async def _deliver(self, rows: Sequence[_Row]) -> None:
        groups: dict[tuple[str, str, str], list[_Row]] = {}
        for row in rows:
            groups.setdefault((row.provider, row.account, row.kind), []).append(row)
        gate = asyncio.Semaphore(PARALLEL_PUSHES)
        chunks = []
        for (provider, _, _), group in groups.items():
            courier = self._couriers.get(provider)
            size = courier.batch if courier else len(group)
            chunks += [(courier, group[at : at + size]) for at in range(0, len(group), size)]
        await asyncio.gather(*(self._push(gate, courier, chunk) for courier, chunk in chunks))

    async def _push(self, gate: asyncio.Semaphore, courier: Courier | None, rows: list[_Row]) -> None:
        first = rows[0]
        payloads = [row.payload for row in rows]
        push = courier.push(first.account, first.kind, payloads) if courier is not None else None
        try:
            if courier is None or push is None:
                self._settle(rows, done=True)
                return
            async with gate:
                tried_at = self._clock.now()
                done = await self._post(courier, push)
            self.pushed += len(rows) if done else 0
            self._settle(rows, done=done, tried_at=tried_at, waits=courier.retry_after_s)
        finally:
            self._pushing.difference_update(row.id for row in rows)

    async def _post(self, courier: Courier, push: Push) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PUSH_TIMEOUT_S))
        try:
            async with self._session.post(push.url, data=push.body, headers=push.headers) as answer:
                return courier.accepted(answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            _logger.info("push of reports failed: %s", type(error).__name__)
            return False

    def _settle(
        self, rows: list[_Row], *, done: bool, tried_at: float = 0.0, waits: Sequence[float] = ()
    ) -> None:
        given_up = [] if done else [row for row in rows if row.attempt >= len(waits)]
        ended = rows if done else given_up
        again = [] if done else [row for row in rows if row.attempt < len(waits)]
        self.given_up += len(given_up)
        with self._store.transaction():
            self._store.connection.executemany(
                "DELETE FROM reports WHERE id = ?", [(row.id,) for row in ended]
            )
            self._store.connection.executemany(
                "UPDATE reports SET attempt = attempt + 1, due_epoch_s = ? WHERE id = ?",
                [(tried_at + waits[row.attempt], row.id) for row in again],
            )
