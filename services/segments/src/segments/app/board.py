"""Everything that is in memory and everything that is stored of it, changed together or not at all."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from segments.app.gate import Gate
from segments.app.rule_reading import ReadRule, read_rule
from segments.app.standing import TenantSegments
from segments.domain.dictionary import Dictionary
from segments.domain.movement import Followed
from segments.domain.segment import Draft, Segment
from segments.domain.touched import Touched
from segments.store.ports import DictionaryStore, IndexStore, Journal, SegmentStore, TagIndexes
from servicekit.changelog import Head
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.errors import ServiceError
from servicekit.revision import LANES, Lane, Revision
from servicekit.upstream import revisions
from sqlalchemy import Connection

SERVICE = "segments"
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Board:
    """The tenants' indexes and standing segments. Read inside `gate.reading()`; change through `change`."""

    database: Database
    indexes: TagIndexes
    index_store: IndexStore
    segment_store: SegmentStore
    dictionary_store: DictionaryStore
    journal: Journal
    clock: Clock
    gate: Gate = field(default_factory=Gate)
    dictionary: Dictionary = field(default_factory=Dictionary)
    segments: dict[str, TenantSegments] = field(default_factory=dict)

    def tenant(self, name: str) -> TenantSegments:
        """One tenant's segments and, in them, its index."""
        found = self.segments.get(name)
        if found is None:
            found = self.segments[name] = TenantSegments(self.indexes.tenant(name))
        return found

    def read(self, tenant: str, draft: Draft) -> ReadRule:
        """A draft's rule against what the tenant has. Raises RuleInvalid, NodeUnsupported."""
        segments = self.tenant(tenant)
        names = [each.segment.segment_id for each in segments.all()]
        types = segments.index.tag_types()
        return read_rule(draft.rule, draft.population, types, self.dictionary, names)

    async def change(self, in_memory: Callable[[], T], in_store: Callable[[Connection, T], R]) -> R:
        """Runs `in_memory` in a thread, then `in_store` in a transaction with its result, while nobody reads.

        When `in_memory` raises a ServiceError it has changed nothing. After any other failure memory is loaded anew
        from the store. A cancelled caller does not stop a change that has begun.
        """
        return await asyncio.shield(asyncio.ensure_future(self._change(in_memory, in_store)))

    async def _change(self, in_memory: Callable[[], T], in_store: Callable[[Connection, T], R]) -> R:
        async with self.gate.writing():
            try:
                effects = await asyncio.to_thread(in_memory)
            except ServiceError:
                raise
            except BaseException:
                await self._load()
                raise
            try:
                return await self.database.write(in_store, effects)
            except BaseException:
                await self._load()
                raise

    async def load(self) -> None:
        """Fills memory from the store; at start-up."""
        async with self.gate.writing():
            await self._load()

    async def _load(self) -> None:
        await self.database.read(self._read_store)
        now = self.clock.now()
        await asyncio.to_thread(lambda: [each.follow(Touched(), now) for each in self.segments.values()])

    def _read_store(self, connection: Connection) -> None:
        self.indexes.clear()
        self.segments.clear()
        self.dictionary = self.dictionary_store.load(connection)
        self.index_store.load(connection, self.indexes)
        cursor = self.journal.cursor(connection)
        for lane in LANES if cursor else ():
            self.indexes.reached(lane, cursor.position(lane) if cursor else 0)
        for tenant, segment in self.segment_store.all(connection):
            self.place(tenant, segment)

    def place(self, tenant: str, segment: Segment) -> None:
        """Puts a stored segment into memory, whatever is wrong with its rule by now."""
        try:
            rule, problem = self.read(tenant, segment.draft), ""
        except ServiceError as error:
            rule, problem = None, error.message
        self.tenant(tenant).put(segment, rule, problem)

    async def learn(self, dictionary: Dictionary) -> None:
        """Takes another event dictionary: rules are read again by it."""

        def in_memory() -> dict[str, Followed]:
            self.dictionary = dictionary
            now = self.now()
            for tenant in self.segments:
                self.reread(tenant, None)
            return {
                tenant: each.follow(Touched(everyone=True), now) for tenant, each in self.segments.items()
            }

        def in_store(connection: Connection, followed: dict[str, Followed]) -> None:
            self.dictionary_store.save(connection, dictionary)
            self.store_followed(connection, Lane.LIVE, followed)

        await self.change(in_memory, in_store)

    def reread(self, tenant: str, tags: Mapping[str, object] | None) -> None:
        """Reads the tenant's rules again after these tags have changed; None: whatever they look at."""
        if tags is None or tags:
            self.tenant(tenant).reread(lambda segment: self.read(tenant, segment.draft), tags)

    def store_followed(
        self, connection: Connection, lane: Lane, followed: Mapping[str, Followed]
    ) -> Revision:
        """Stores segments whose state changed and appends everything to the changelog; last in its transaction."""
        for tenant, each in followed.items():
            for segment in each.segments:
                self.segment_store.put(connection, tenant, segment)
        return self.journal.append(connection, lane, followed)

    def now(self) -> dt.datetime:
        """The suite's time."""
        return self.clock.now()

    async def read_at(self) -> Revision:
        """What a read that begins now reads at; call it inside the gate to be exact."""
        head: Head = await self.database.read(self.journal.head)
        return Revision(SERVICE, head.epoch, head.position, head.position, revisions(head.upstream))
