"""Everything in memory at one version, and who may put the next one in its place."""

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from rules.calendars import mainland_china
from segments.app.rule_reading import Mentioned, ReadRule, read_rule
from segments.app.tenant_segments import TenantSegments
from segments.domain.dictionary import Dictionary
from segments.domain.segment import Draft
from segments.store.ports import EmptyIndex
from servicekit.changelog import Head
from servicekit.revision import LANES, Lane, Revision
from servicekit.upstream import revisions
from sqlalchemy import Connection

SERVICE = "segments"
BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Version:
    """A published version is read by anyone and changed by no one; a draft is changed by one writer and read by no
    one else. `head` is the store's at the commit that made it; `cursors` are those in tagging's changelog."""

    empty_index: EmptyIndex
    head: Head
    dictionary: Dictionary = field(default_factory=Dictionary)
    cursors: Mapping[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    tenants: dict[str, TenantSegments] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)

    def draft(self) -> "Version":
        """A copy to change: tenants are copied when they are first written."""
        return replace(self, tenants=dict(self.tenants), own=set())

    def tenant(self, name: str) -> TenantSegments:
        """One tenant's to read; an empty one for a tenant that nothing was said of."""
        found = self.tenants.get(name)
        return TenantSegments(self.empty_index(name), BEGINNING) if found is None else found

    def writable(self, name: str) -> TenantSegments:
        """One tenant's to change, in a draft."""
        if name not in self.own:
            known = self.tenants.get(name)
            self.tenants[name] = self.tenant(name) if known is None else known.copy()
            self.own.add(name)
        return self.tenants[name]

    def put(self, name: str, segments: TenantSegments) -> None:
        """Puts a tenant that nobody else has into a draft."""
        self.tenants[name] = segments
        self.own.add(name)

    def read(self, tenant: str, draft: Draft, retired: Mapping[str, str] | None = None) -> ReadRule:
        """A draft's rule against what the tenant has; `retired`: tag -> what to use instead. Raises RuleInvalid."""
        segments = self.tenant(tenant)

        def anew() -> ReadRule:
            return read_rule(draft.rule, draft.population, self._mentioned(segments, retired or {}))

        if retired:
            return anew()
        basis = segments.index.schema, segments.index.day, segments.order, self.dictionary
        return segments.readings.get(basis, (draft.rule, draft.population), anew)

    def _mentioned(self, segments: TenantSegments, retired: Mapping[str, str]) -> Mentioned:
        day = segments.index.day
        periods = mainland_china().periods.names if day is None else day.periods
        tags, names = segments.index.tag_types(), segments.names()
        deprecated = {name: tag.replacement for name, tag in segments.index.tags.items() if tag.deprecated}
        return Mentioned(tags, self.dictionary, names, periods, retired, deprecated)

    def reread(self, tenant: str, tags: Mapping[str, object] | None) -> None:
        """Reads a draft's rules again after these tags have changed; None: whatever they look at."""
        if tags is None or tags:
            self.writable(tenant).reread(lambda segment: self.read(tenant, segment.draft), tags)

    def reread_broken(self, tenant: str) -> None:
        """Reads those rules again that could not be read: what they name may be there now."""
        if any(each.problem for each in self.tenant(tenant).all()):
            self.reread(tenant, {"": None})

    def upstream(self, service: str) -> Revision | None:
        """How far this version has come with a service to the left; None before it is known."""
        found = [each for each in revisions(self.head.upstream) if each.service == service]
        return found[-1] if found else None

    @property
    def revision(self) -> Revision:
        """What a read of this version was read at."""
        head = self.head
        return Revision(SERVICE, head.epoch, head.position, head.position, revisions(head.upstream))


class Board(Protocol):
    """Holds the current version. Reading never waits; changes come one after the other."""

    @property
    def current(self) -> Version:
        """The latest version that is both in memory and stored."""
        ...

    async def change(
        self, prepare: Callable[[Version], T], store: Callable[[Connection, Version, T], R]
    ) -> R:
        """Runs `prepare` on a draft outside the event loop, then `store` with it and the result in a transaction, and
        publishes the draft after the commit. When either raises, nothing has changed. `store` may run again after a
        lost race. A cancelled caller does not stop a change that has begun."""
        ...

    async def compute(self, work: Callable[[], T]) -> T:
        """Runs something long outside the event loop."""
        ...

    def defining(self) -> AbstractAsyncContextManager[None]:
        """One definition of segments at a time: what tagging is asked for is the set of all of them."""
        ...
