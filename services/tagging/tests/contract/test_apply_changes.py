"""A batch of one lane is one transaction: facts, what follows from them, the cursor, the promise."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pytest
from huaxiang.tagging.v1 import change_pb2
from servicekit.changelog import Changelog, Entry
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.apply_changes import ApplyChanges
from tagging.domain.changes import ChangeKind
from tagging.domain.events import Event
from tagging.domain.facts import Fact
from tagging.domain.persons import Person, PersonState
from tagging.domain.tenants import TenantSettings
from tagging.store.change_entries import ContractFactEntries
from tagging.store.ports import FactStores
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_progress import VALUE_SOURCES, SqlProgress
from tagging.store.sql_tenants import SqlTenants

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
EPOCH = "00000000000000aa"
LATER_EPOCH = "00000000000000bb"


class Applied:
    """The use case over one store, with what it asked to be computed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.changelog = Changelog("tagging", sources=VALUE_SOURCES)
        self.stores = FactStores(
            SqlEventStore(), SqlKeyMap(), SqlTenants(), SqlProgress(self.changelog), ContractFactEntries()
        )
        self.computed: list[tuple[set[int], set[int], Lane]] = []
        self.fails = False
        self._apply = ApplyChanges(
            self.stores, self.changelog, lambda: NOON, self._recompute, lambda *_: tuple
        )
        end = Progress(Revision("identity", EPOCH, 0, 0))
        database.write_now(self.stores.progress.finish, end)

    def _recompute(
        self,
        connection: Connection,
        tenant: str,
        persons: frozenset[int],
        whole: frozenset[int],
        lane: Lane,
        types: frozenset[str] | None = None,
    ) -> Sequence[Entry]:
        if self.fails:
            raise OSError("the disk is full")
        self.computed.append((set(persons), set(whole), lane))
        return [Entry(ChangeKind.VALUES, tenant, b"") for _ in persons]

    def apply(self, lane: Lane, *facts: Fact, epoch: str = EPOCH) -> None:
        through = Revision("identity", epoch).at(lane, max(fact.position for fact in facts))
        self.database.write_now(self._apply, facts, lane, through)

    def promised(self, lane: Lane) -> int:
        promised = self.database.read_now(self.stores.progress.promised)
        return 0 if promised is None else promised.position(lane)

    def entries(self, lane: Lane) -> list[tuple[str, int]]:
        """(kind, state of the person) in order, without what is sent only to who names it."""
        found = []
        for entry in self.database.read_now(self.changelog.page, lane, 0).entries:
            change = change_pb2.Change.FromString(entry.payload)
            if not change.HasField("touched"):
                found.append((entry.kind, change.person.state))
        return found

    def touched(self, lane: Lane) -> list[list[int]]:
        """Who was touched, entry by entry."""
        found = []
        for entry in self.database.read_now(self.changelog.page, lane, 0, kinds=["touched"]).entries:
            change = change_pb2.Change.FromString(entry.payload)
            found.append(np.frombuffer(change.touched.person_ids, "<i8").tolist())
        return found


def test_whoever_facts_touch_is_told_whether_a_value_changes_or_not(applied: Applied) -> None:
    applied.apply(Lane.LIVE, known(1, 1, 1), known(2, 2, 2))
    applied.apply(Lane.BULK, paid(3, 1, 2))
    applied.apply(Lane.BULK, paid(3, 1, 2))
    assert applied.touched(Lane.LIVE) == [[1, 2]]
    assert applied.touched(Lane.BULK) == [[2]]


def known(position: int, person_id: int, *keys: int, state: PersonState = PersonState.KNOWN) -> Fact:
    return Fact("t1", position, Person(person_id, position, state, key_ids=keys))


def paid(position: int, sequence: int, key: int) -> Fact:
    return Fact("t1", position, Event(sequence, "shop", f"e{sequence}", "order_paid", NOON, key))


@pytest.fixture
def applied(database: Database) -> Applied:
    return Applied(database)


def test_live_facts_compute_at_once_and_append_to_their_lane(applied: Applied) -> None:
    applied.apply(Lane.LIVE, known(1, 1, 1), paid(2, 1, 1), paid(3, 2, 9))
    assert applied.computed == [({1}, set(), Lane.LIVE)]
    assert applied.entries(Lane.LIVE) == [("day", 0), ("person", 2), ("values", 0)]
    assert applied.entries(Lane.BULK) == []
    assert applied.promised(Lane.LIVE) == 3


def test_bulk_facts_leave_persons_stale_and_are_not_promised_yet(applied: Applied) -> None:
    applied.apply(Lane.BULK, known(1, 1, 1), known(2, 2, 2))
    applied.apply(Lane.BULK, paid(5, 1, 2))
    assert applied.computed == []
    progress = applied.stores.progress
    assert applied.database.read_now(progress.stale_persons, "t1", 10) == {1: False, 2: False}
    assert applied.promised(Lane.BULK) == 0
    applied.database.write_now(progress.remove_stale, "t1", [1, 2])
    assert applied.promised(Lane.BULK) == 5
    applied.apply(Lane.BULK, paid(8, 2, 1), paid(9, 3, 7))
    assert applied.promised(Lane.BULK) == 7
    applied.database.write_now(progress.remove_stale, "t1", None, 7)
    assert applied.promised(Lane.BULK) == 7
    applied.database.write_now(progress.remove_stale, "t1", None, 8)
    assert applied.promised(Lane.BULK) == 9


def test_stale_persons_are_stale_of_types_of_events_or_of_anything(applied: Applied) -> None:
    """1 has events of one type, 2 of two, 3 an event and a statement, 4 a statement and an event later; of 5 it is not
    said."""
    applied.apply(Lane.LIVE, *(known(each, each, each) for each in range(1, 6)))
    told = {1: {"search"}, 2: {"search"}, 3: {"search"}}
    progress, write = applied.stores.progress, applied.database.write_now
    write(progress.add_stale, "t1", [1, 2, 3, 4, 5], 9, (), told)
    write(progress.add_stale, "t1", [1, 2, 4], 10, (), {1: {"search"}, 2: {"like", "share"}, 4: {"like"}})
    write(progress.add_stale, "t1", [3], 11)
    found = applied.database.read_now(progress.stale_ids, "t1")
    assert {types: ids.tolist() for types, ids in found.items()} == {
        frozenset({"search"}): [1],
        frozenset({"search", "like", "share"}): [2],
        None: [3, 4, 5],
    }
    for number in range(30):
        write(progress.add_stale, "t1", [1], 12, (), {1: {f"a_type_with_a_long_name_{number}"}})
    assert applied.database.read_now(progress.stale_ids, "t1")[None].tolist() == [1, 3, 4, 5]


def test_what_the_live_lane_overtook_is_told_whole_in_the_bulk_lane(applied: Applied) -> None:
    """A promise of one lane may rest on no entry of the other."""
    applied.apply(Lane.LIVE, known(20, 1, 1, state=PersonState.MEMBER))
    applied.apply(Lane.BULK, known(10, 1, 1))
    assert applied.entries(Lane.BULK) == [("person", 3)]
    assert applied.database.read_now(applied.stores.progress.stale_persons, "t1", 10) == {1: True}
    applied.database.write_now(applied.stores.progress.remove_stale, "t1", None)
    assert applied.database.read_now(applied.stores.progress.stale_counts) == {"t1": 1}


def test_what_the_bulk_lane_overtook_is_told_whole_in_the_live_lane(applied: Applied) -> None:
    applied.apply(Lane.BULK, known(20, 1, 1, state=PersonState.MEMBER))
    applied.apply(Lane.LIVE, known(10, 1, 1))
    assert applied.computed == [({1}, {1}, Lane.LIVE)]
    assert applied.entries(Lane.LIVE) == [("person", 3), ("values", 0)]


def test_a_live_fact_about_a_stale_person_has_it_told_whole_later(applied: Applied) -> None:
    applied.apply(Lane.BULK, known(1, 1, 1), known(2, 2, 2))
    applied.apply(Lane.LIVE, paid(3, 1, 1))
    assert applied.database.read_now(applied.stores.progress.stale_persons, "t1", 10) == {1: True, 2: False}


def test_a_repeated_batch_changes_no_fact(applied: Applied) -> None:
    facts = [known(1, 1, 1), paid(2, 1, 1)]
    applied.apply(Lane.LIVE, *facts)
    before = applied.entries(Lane.LIVE)
    applied.apply(Lane.LIVE, *facts)
    assert applied.entries(Lane.LIVE) == before
    events = applied.database.read_now(applied.stores.events.of_persons, "t1", [1])
    assert len(events[1]) == 1


def test_a_batch_that_fails_leaves_nothing(applied: Applied) -> None:
    applied.fails = True
    with pytest.raises(OSError, match="full"):
        applied.apply(Lane.LIVE, known(1, 1, 1), paid(2, 1, 1))
    assert applied.database.read_now(applied.stores.tenants.all) == []
    assert applied.database.read_now(applied.stores.key_map.persons, "t1", [1]) == {}
    assert applied.promised(Lane.LIVE) == 0
    applied.fails = False
    applied.apply(Lane.LIVE, known(1, 1, 1), paid(2, 1, 1))
    assert applied.promised(Lane.LIVE) == 2


def test_another_calendar_leaves_everybody_stale_and_sets_the_day(applied: Applied) -> None:
    applied.apply(Lane.BULK, Fact("t1", 1, Event(1, "shop", "e1", "search", NOON, 9)))
    applied.apply(Lane.LIVE, known(2, 1, 1), known(3, 2, 2))
    late = TenantSettings(time_zone="Pacific/Kiritimati")
    applied.apply(Lane.LIVE, Fact("t1", 4, late))
    assert len(applied.computed) == 1
    assert applied.database.read_now(applied.stores.progress.stale_persons, "t1", 9) == {1: False, 2: False}
    assert (applied.promised(Lane.LIVE), applied.promised(Lane.BULK)) == (4, 1)
    tenant = applied.database.read_now(applied.stores.tenants.get, "t1")
    assert tenant is not None
    assert (tenant.day, tenant.settings) == (dt.date(2026, 5, 2), late)
    applied.database.write_now(applied.stores.progress.remove_stale, "t1", None)
    applied.apply(Lane.LIVE, Fact("t1", 5, TenantSettings(time_zone="Pacific/Kiritimati", currency="AUD")))
    assert applied.database.read_now(applied.stores.progress.stale_counts) == {}
    assert [kind for kind, _ in applied.entries(Lane.LIVE)].count("day") == 1


def test_statements_of_a_restored_identity_hold_though_their_positions_are_lower(applied: Applied) -> None:
    applied.apply(Lane.LIVE, known(500, 1, 1, state=PersonState.MEMBER))
    applied.apply(Lane.LIVE, known(7, 1, 1, 2), epoch=LATER_EPOCH)
    person = applied.database.read_now(applied.stores.key_map.persons, "t1", [1])[1]
    assert (person.state, person.key_ids) == (PersonState.KNOWN, (1, 2))


def test_tenants_are_kept_apart(applied: Applied) -> None:
    other = Fact("t2", 3, Person(1, 3, PersonState.MEMBER, key_ids=(1,)))
    applied.apply(Lane.LIVE, known(1, 1, 1), paid(2, 1, 1), other)
    assert [persons for persons, _, _ in applied.computed] == [{1}, {1}]
    assert applied.database.read_now(applied.stores.events.of_persons, "t2", [1]) == {1: []}
    assert applied.database.read_now(applied.stores.key_map.persons, "t2", [1])[1].state is PersonState.MEMBER
