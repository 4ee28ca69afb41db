"""Counts who reads tags and how often values change, in memory; a worker adds it to the store in portions.

A crash loses what was not added yet, some seconds; a change of a transaction that failed in the end is counted all the
same. Both are numbers to judge by, not to bill by.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from threading import Lock

from rules.evaluate.meaning import Value
from servicekit.changelog import Entry
from servicekit.clock import Clock
from sqlalchemy import Connection
from tagging.app.portraits.looks import Look
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.plan import Tag
from tagging.domain.quality.usage import Activity
from tagging.store.portrait_ports import PortraitTemplates
from tagging.store.ports import Tenants
from tagging.store.quality_ports import TagActivities
from tagging.store.tag_ports import Feature, TagEntries
from tagging.store.value_ports import BlockChange

MAX_LOOKS = 10_000
"""Different sets of columns that are counted as sets; beyond, one by one."""
TagIds = tuple[str, ...]


class UseCounter:
    """Cheap enough for every read and every event: one addition per call, whatever it names. Safe for threads."""

    def __init__(self) -> None:
        self._named: Counter[tuple[str, TagIds]] = Counter()
        self._templates: Counter[tuple[str, str]] = Counter()
        self._changes: Counter[tuple[str, TagIds]] = Counter()
        self._lock = Lock()

    def read(self, tenant: str, tag_ids: Iterable[str], persons: int = 1) -> None:
        """Values of these tags were answered of so many persons."""
        with self._lock:
            _count(self._named, (tenant, tuple(tag_ids)), persons)

    def portraits(self, tenant: str, look: Look, persons: int = 1) -> None:
        """Portraits were answered. One of all tags is a use of none."""
        if look.template_id:
            with self._lock:
                self._templates[tenant, look.template_id] += persons
        elif look.tag_ids:
            self.read(tenant, look.tag_ids, persons)

    def changed(self, tenant: str, columns: Iterable[str], persons: int = 1) -> None:
        """Values of so many persons changed in each of these columns; features count for nothing in the end."""
        with self._lock:
            _count(self._changes, (tenant, tuple(columns)), persons)

    def take(self) -> "Taken":
        """All that was counted, to be added; from here on counts begin at nothing."""
        with self._lock:
            taken = Taken(self._named, self._templates, self._changes)
            self._named, self._templates, self._changes = Counter(), Counter(), Counter()
        return taken

    def put_back(self, taken: "Taken") -> None:
        """What could not be added."""
        with self._lock:
            self._named.update(taken.named)
            self._templates.update(taken.templates)
            self._changes.update(taken.changes)


def _count(counts: Counter[tuple[str, TagIds]], key: tuple[str, TagIds], persons: int) -> None:
    if len(counts) < MAX_LOOKS or key in counts:
        counts[key] += persons
    else:
        counts.update({(key[0], (each,)): persons for each in key[1]})


class Taken:
    """What was counted until a moment."""

    def __init__(
        self,
        named: Counter[tuple[str, TagIds]],
        templates: Counter[tuple[str, str]],
        changes: Counter[tuple[str, TagIds]],
    ) -> None:
        self.named = named
        self.templates = templates
        self.changes = changes

    def __bool__(self) -> bool:
        return bool(self.named or self.templates or self.changes)


class AddUse:
    """Adds what was counted to the day of UTC that it is."""

    def __init__(
        self,
        counter: UseCounter,
        tenants: Tenants,
        templates: PortraitTemplates,
        activities: TagActivities,
        clock: Clock,
    ) -> None:
        self._counter = counter
        self._tenants = tenants
        self._templates = templates
        self._activities = activities
        self._clock = clock

    @property
    def counter(self) -> UseCounter:
        return self._counter

    def __call__(self, connection: Connection, taken: Taken) -> None:
        """One transaction of all tenants. Tags of templates that went meanwhile are not known any more."""
        reads: dict[str, Counter[str]] = {}
        for (tenant, tag_ids), count in taken.named.items():
            of_tenant = reads.setdefault(tenant, Counter())
            for tag_id in set(tag_ids):
                of_tenant[tag_id] += count
        for (tenant, template_id), count in taken.templates.items():
            stored = self._templates.get(connection, tenant, template_id)
            of_tenant = reads.setdefault(tenant, Counter())
            for tag_id in set(stored.template.tag_ids) if stored else ():
                of_tenant[tag_id] += count
        changes: dict[str, Counter[str]] = {}
        for (tenant, columns), count in taken.changes.items():
            of_tenant = changes.setdefault(tenant, Counter())
            for column in columns:
                if count and not column.startswith(FEATURE_PREFIX):
                    of_tenant[column] += count
        today = self._clock.now().date()
        for tenant in sorted(reads.keys() | changes.keys()):
            self._tenants.lock(connection, tenant)
            of_tenant, changed = reads.get(tenant, Counter()), changes.get(tenant, Counter())
            counted = {
                tag_id: Activity(of_tenant[tag_id], changed[tag_id])
                for tag_id in of_tenant.keys() | changed.keys()
            }
            self._activities.add(connection, tenant, today, counted)


class CountedEntries:
    """TagEntries that counts the changes it renders: every change of a value is told by an entry."""

    def __init__(self, entries: TagEntries, counter: UseCounter) -> None:
        self._entries = entries
        self._counter = counter

    def values(self, tenant: str, person_id: int, values: Mapping[str, Value | None]) -> Entry:
        self._counter.changed(tenant, values)
        return self._entries.values(tenant, person_id, values)

    def blocks(self, tenant: str, change: BlockChange) -> list[Entry]:
        self._counter.changed(tenant, (change.column,), len(change.old.persons))
        return self._entries.blocks(tenant, change)

    def stood(self, tenant: str, column: str, blocks: Collection[int]) -> list[Entry]:
        return self._entries.stood(tenant, column, blocks)

    def tag(self, tenant: str, tag: Tag, *, deleted: bool = False) -> Entry:
        return self._entries.tag(tenant, tag, deleted=deleted)

    def feature(self, tenant: str, feature: Feature) -> Entry:
        return self._entries.feature(tenant, feature)
