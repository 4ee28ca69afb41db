"""SegmentStore, SnapshotStore, DictionaryStore and Journal on both dialects."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pyroaring import BitMap
from rules.check import Population
from segments.api import render
from segments.domain.dictionary import Dictionary, EventGrade
from segments.domain.exports import Export, ExportAction, ExportState, ExportStep
from segments.domain.folders import Folder
from segments.domain.frozen import Frozen
from segments.domain.kept_members import KeptMembers, SegmentDay
from segments.domain.movement import Followed, Movement
from segments.domain.runs import STOPPED, Run, RunKind, RunState
from segments.domain.segment import Deletion, Draft, Kind, Segment, Snapshot, State
from segments.domain.uses import SegmentUse
from segments.domain.versions import Saying, SegmentVersion
from segments.main import SOURCES
from segments.store.sql_days import SqlSegmentDays
from segments.store.sql_dictionary import SqlDictionaryStore
from segments.store.sql_exports import SqlExports
from segments.store.sql_folders import SqlFolderStore
from segments.store.sql_frozen import SqlFrozenMembers
from segments.store.sql_journal import PERSONS_PER_ENTRY, SqlJournal
from segments.store.sql_recycle_bin import SqlRecycleBin
from segments.store.sql_runs import SqlRuns
from segments.store.sql_segments import SqlSegmentStore, SqlSnapshotStore
from segments.store.sql_uses import SqlSegmentUses
from segments.store.sql_versions import SqlSegmentVersions
from segments_changes import DICTIONARY
from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

NOW = dt.datetime(2026, 3, 31, 4, 0, 0, 123, dt.UTC)
EPOCH = "00000001aaaaaaaa"


def stored(segment_id: str) -> Segment:
    rule = "gender = 'female'"
    draft = Draft(
        segment_id, "名", "desc", rule, Population.MEMBER, "brand", "活动/618", "owner", Kind.ONE_OFF
    )
    return Segment(draft, rule, "e1", NOW, NOW, State.FAILED, "why", 3)


def test_segments_come_back_as_they_were(database: Database) -> None:
    store = SqlSegmentStore()
    for tenant, segment_id in (("t2", "a"), ("t1", "b"), ("t1", "a")):
        database.write_now(store.put, tenant, stored(segment_id))
    changed = replace(stored("a"), etag="e2", state=State.LIVE)
    database.write_now(store.put, "t1", changed)
    assert database.read_now(store.get, "t1", "a") == changed
    assert database.read_now(store.get, "t3", "a") is None
    found = database.read_now(store.all)
    assert [(tenant, each.segment_id) for tenant, each in found] == [("t1", "a"), ("t1", "b"), ("t2", "a")]
    assert database.write_now(store.delete, "t1", "a")
    assert not database.write_now(store.delete, "t1", "a")
    assert database.read_now(store.get, "t2", "a") == stored("a")


def test_folders_come_back_in_order(database: Database) -> None:
    store = SqlFolderStore()
    database.write_now(store.put, "t1", [Folder("b", "B"), Folder("a/c", "C"), Folder("活动", "")])
    database.write_now(store.put, "t1", [Folder("b", "other")])
    database.write_now(store.put, "t2", [Folder("a", "A")])
    found = database.read_now(store.all, "t1")
    assert list(found.items()) == [
        ("a/c", Folder("a/c", "C")),
        ("b", Folder("b", "other")),
        ("活动", Folder("活动", "")),
    ]
    database.write_now(store.remove, "t1", ["b", "a/c", "none"])
    assert list(database.read_now(store.all, "t1")) == ["活动"]
    assert list(database.read_now(store.all, "t2")) == ["a"]


def test_versions_come_back_newest_first(database: Database) -> None:
    store = SqlSegmentVersions()
    said = [
        SegmentVersion(number, stored("a").draft, "rule", Saying("who", "why", NOW)) for number in (1, 2, 3)
    ]
    for each in said:
        database.write_now(store.put, "t1", each)
    database.write_now(store.put, "t2", said[0])
    assert database.read_now(store.page, "t1", "a", None, 2) == [said[2], said[1]]
    assert database.read_now(store.page, "t1", "a", 2, 2) == [said[0]]
    assert database.read_now(store.get, "t1", "a", 2) == said[1]
    database.write_now(store.remove, "t1", "a")
    assert database.read_now(store.page, "t1", "a", None, 2) == []
    assert database.read_now(store.get, "t2", "a", 1) == said[0]


def test_a_tenants_moment_is_replaced(database: Database) -> None:
    store = SqlSegmentStore()
    database.write_now(store.put_moment, "t1", NOW)
    database.write_now(store.put_moment, "t1", NOW + dt.timedelta(days=1))
    assert database.read_now(store.moments) == {"t1": NOW + dt.timedelta(days=1)}


def test_snapshots_come_back_and_old_ones_go(database: Database) -> None:
    store = SqlSnapshotStore()
    made = [
        Snapshot(
            f"s{day}",
            "a",
            "rule",
            2,
            NOW + dt.timedelta(days=day),
            3,
            NOW,
            "token",
            BitMap([1, 2]).serialize(),
        )
        for day in range(4)
    ]
    for each in made:
        database.write_now(store.add, "t1", each)
    assert database.read_now(store.get, "t1", "s2") == made[2]
    assert database.read_now(store.get, "t2", "s2") is None
    twin = replace(made[3], snapshot_id="s33")
    database.write_now(store.add, "t1", twin)
    database.write_now(store.add, "t1", replace(made[3], snapshot_id="o", segment_id="other"))
    bare = [replace(each, members=b"") for each in (twin, made[3], made[2], made[1], made[0])]
    assert database.read_now(store.page, "t1", "a", None, 9) == bare
    assert database.read_now(store.page, "t1", "a", (twin.create_time, "s33"), 2) == bare[1:3]
    assert database.write_now(store.remove_before, NOW + dt.timedelta(days=3), 2) == 2
    assert [database.read_now(store.get, "t1", f"s{day}") is None for day in range(4)] == [
        True,
        True,
        False,
        False,
    ]
    assert database.write_now(store.remove_before, NOW + dt.timedelta(days=3), 2) == 1


def test_members_of_days_come_back_until_they_are_too_old(database: Database) -> None:
    store = SqlSegmentDays()
    first, members = dt.date(2026, 3, 29), BitMap([1, 70_000]).serialize()
    made = [
        SegmentDay(
            "a", first + dt.timedelta(days=number), KeptMembers(number, 9, NOW, NOW, "token", 2), members
        )
        for number in range(4)
    ]
    for each in made:
        database.write_now(store.put, "t1", each)
    database.write_now(store.put, "t1", replace(made[0], kept=replace(made[0].kept, count=7), members=b""))
    database.write_now(store.put, "t2", made[0])
    assert database.read_now(store.get, "t1", "a", first) == made[0], "the first one stays"
    assert database.read_now(store.get, "t1", "b", first) is None
    assert database.read_now(store.taken, "t1", first) == {"a"}
    assert database.write_now(store.remove_members_before, made[1].day, 9) == 2
    assert database.read_now(store.get, "t1", "a", first) == replace(made[0], members=None, has_members=False)
    found = database.read_now(store.between, "t1", "a", first, made[2].day)
    assert found == [replace(each, members=None, has_members=each != made[0]) for each in made[:3]]
    assert database.write_now(store.remove_before, made[2].day, 2) == 2
    assert database.write_now(store.remove_before, made[2].day, 2) == 1
    database.write_now(store.remove, "t1", "a")
    assert database.read_now(store.between, "t1", "a", first, made[3].day) == []


def test_the_recycle_bin_gives_back_what_was_put(database: Database) -> None:
    versions = SqlSegmentVersions()
    store = SqlRecycleBin(versions)
    gone = [
        Deletion(
            replace(stored(name), state=State.PREPARING, note=""),
            NOW + dt.timedelta(days=day),
            "w",
            "y",
            True,
        )
        for day, name in enumerate("abc")
    ]
    for each in gone:
        said = SegmentVersion.of(each.segment, Saying("who", "why", NOW))
        database.write_now(versions.put, "t1", said)
        database.write_now(store.put, "t1", each)
    assert database.read_now(store.get, "t1", "b") == gone[1]
    assert database.read_now(store.get, "t2", "b") is None
    assert database.read_now(store.page, "t1", "a", 1) == [gone[1]]
    assert database.read_now(store.due, NOW + dt.timedelta(days=2), 9) == [("t1", "a"), ("t1", "b")]
    database.write_now(store.remove, "t1", "a")
    assert database.read_now(store.page, "t1", "", 9) == gone[1:]


def test_uses_are_replaced_by_consumer(database: Database) -> None:
    store = SqlSegmentUses()
    first, second = SegmentUse("campaign", "b", ("x", "y")), SegmentUse("campaign", "a", ())
    database.write_now(store.replace, "t1", "activation", [first, second])
    database.write_now(store.replace, "t1", "other", [replace(first, name="c")])
    assert database.read_now(store.all, "t1") == [second, first, replace(first, name="c")]
    database.write_now(store.replace, "t1", "activation", [])
    assert database.read_now(store.all, "t1") == [replace(first, name="c")]
    assert database.read_now(store.all, "t2") == []


def test_frozen_members_come_back(database: Database) -> None:
    store = SqlFrozenMembers()
    first, second = Frozen(BitMap([1, 70_000]), NOW, stale=True), Frozen(BitMap(), NOW)
    database.write_now(store.put, "t1", "a", second)
    database.write_now(store.put, "t1", "a", first)
    database.write_now(store.put, "t2", "a", second)
    assert database.read_now(store.get, "t1", "a") == first
    assert sorted(database.read_now(lambda connection: [each[:2] for each in store.all(connection)])) == [
        ("t1", "a"),
        ("t2", "a"),
    ]
    database.write_now(store.put, "t1", "a", None)
    assert database.read_now(store.get, "t1", "a") is None
    assert database.read_now(store.get, "t2", "a") == second


def test_the_dictionary_is_replaced(database: Database) -> None:
    store = SqlDictionaryStore()
    assert database.read_now(store.load) == Dictionary()
    grades = (EventGrade("examined", "", "sensitive", "health"), EventGrade("examined", "mood", "personal"))
    plain = Dictionary(DICTIONARY.events[:1], (), grades)
    database.write_now(store.save, DICTIONARY)
    database.write_now(store.save, plain)
    found = database.read_now(store.load)
    assert [each.name for each in found.events] == [plain.events[0].name]
    assert found.grades == grades
    assert found.events[0].reversed_by == plain.events[0].reversed_by
    assert found.events[0].property_names() == plain.events[0].property_names()


def journal() -> tuple[SqlJournal, Changelog]:
    changelog = Changelog("segments", sources=SOURCES)
    renderers = (render.movement_payload, render.segment_payload, render.deletion_payload)
    return SqlJournal(changelog, *renderers), changelog


def progress(live: int, bulk: int, identity: int = 0) -> Progress:
    upstream = (Revision("identity", EPOCH, identity, identity),) if identity else ()
    return Progress(Revision("tagging", EPOCH, live, bulk), upstream)


def test_what_happened_is_appended_in_bounded_entries(database: Database) -> None:
    written, changelog = journal()
    many = BitMap(range(1, PERSONS_PER_ENTRY + 2))
    movements = [Movement("a", many, BitMap([70_000]))]
    followed = Followed(movements, [stored("a")], ["b"])
    revision = database.write_now(written.append, Lane.BULK, {"t1": followed})
    page = database.read_now(changelog.page, Lane.BULK, 0, max_bytes=2**40)
    assert [each.kind for each in page.entries] == ["deleted", "segment", "members", "members", "members"]
    assert revision.bulk == page.entries[-1].position
    replayed = BitMap()
    for entry in page.entries[2:]:
        members = render.change(entry).members
        assert len(members.entered_person_ids) <= 4 * PERSONS_PER_ENTRY
        replayed |= BitMap(memoryview(members.entered_person_ids).cast("I"))
    assert replayed == many


def test_a_revision_rests_on_what_was_stored_before_it(database: Database) -> None:
    written, _ = journal()

    def write(connection: object) -> Revision:
        written.advance(connection, Lane.LIVE, progress(7, 0, 3))  # type: ignore[arg-type]
        return written.append(connection, Lane.LIVE, {"t1": Followed(deleted=["a"])})  # type: ignore[arg-type]

    revision = database.write_now(write)
    assert {each.service: each.live for each in revision.rests_on} == {"tagging": 7, "identity": 3}


def test_both_lanes_begin_again_where_the_slower_one_was(database: Database) -> None:
    written, _ = journal()
    assert database.read_now(written.cursor) is None
    database.write_now(written.finish_bootstrap, progress(5, 5, 2))
    database.write_now(written.advance, Lane.LIVE, progress(9, 0))
    database.write_now(written.advance, Lane.BULK, progress(0, 7))
    assert database.read_now(written.cursor) == Revision("tagging", EPOCH, 7, 7)
    database.write_now(written.forget)
    assert database.read_now(written.cursor) is None


def test_a_bootstrap_begins_an_epoch_and_appends_nothing(database: Database) -> None:
    written, _ = journal()
    before = database.read_now(written.head)
    database.write_now(written.finish_bootstrap, progress(5, 5, 2))
    after = database.read_now(written.head)
    assert (after.epoch > before.epoch, after.position) == (True, before.position)


def test_runs_come_back_newest_first_and_end_with_their_process(database: Database) -> None:
    store = SqlRuns()
    asked = [Run(f"id{each}", f"r{each}", "digest", RunKind.UPLOAD, "list", "ann", 5) for each in range(3)]
    added = [database.write_now(store.add, "t1", each) for each in asked]
    assert [each.sequence for each in added] == [1, 2, 3]
    assert database.write_now(store.add, "t2", asked[0]).sequence == 1
    ended = replace(
        added[0].begun(7).ended(RunState.SUCCEEDED, 9), done=4, total=5, count=6, revision="token", cpu_ms=8
    )
    database.write_now(store.put, "t1", ended)
    assert database.read_now(store.get, "t1", "id0") == ended
    assert database.read_now(store.of_request, "t1", "r1") == added[1]
    assert database.read_now(store.page, "t1", "", None, 2) == [added[2], added[1]]
    assert database.read_now(store.page, "t1", "list", 2, 2) == [ended]
    assert database.read_now(store.page, "t1", "other", None, 2) == []
    assert database.read_now(store.unfinished, "t1") == 2
    assert database.write_now(store.end_all, 11) == 3
    assert database.read_now(store.get, "t1", "id1") == added[1].ended(RunState.FAILED, 11, STOPPED)
    assert database.write_now(store.remove_before, 10, 9) == 1
    assert database.read_now(store.get, "t1", "id0") is None


def test_who_asks_for_an_export_counts_what_was_asked_for_before(database: Database) -> None:
    """Else two requests at once would both stay below a limit that they pass together."""
    store, due = SqlExports(), NOW + dt.timedelta(days=2)
    export = Export("e0", "r0", "d", "women", 2, (), "why", "who", "ann", NOW, due, 1, ())
    first_counts, second_counted = threading.Event(), threading.Event()

    def ask(connection: Connection) -> None:
        store.take_turns(connection, "t1")
        first_counts.set()
        assert not second_counted.wait(0.2)
        store.add(connection, "t1", export, BitMap([1, 2]))

    def ask_too(connection: Connection) -> int:
        store.take_turns(connection, "t1")
        second_counted.set()
        return store.open(connection, "t1", NOW)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(database.write_now, ask)
        assert first_counts.wait(10)
        second = threads.submit(database.write_now, ask_too)
        first.result()
        assert second.result() == 1


def test_exports_come_back_and_forget_their_members_when_they_are_over(database: Database) -> None:
    store, due = SqlExports(), NOW + dt.timedelta(days=2)
    asked = [
        Export(
            f"e{each}",
            f"r{each}",
            "d",
            "women",
            2,
            ("城市",),
            "why",
            "who",
            "ann",
            NOW,
            due,
            2**63 - 1,
            ("健康",),
        )
        for each in range(3)
    ]
    members = BitMap([1, 70_000])
    added = [database.write_now(store.add, "t1", each, members) for each in asked]
    assert added == [replace(each, sequence=place + 1) for place, each in enumerate(asked)]
    database.write_now(store.put_state, "t1", "e0", ExportState.REJECTED)
    assert database.read_now(store.get, "t1", "e0") == replace(added[0], state=ExportState.REJECTED)
    assert database.read_now(store.of_request, "t1", "r1") == added[1]
    assert database.read_now(store.page, "t1", 3, 9)[0] == added[1]
    assert database.read_now(store.open, "t1", NOW) == 2
    assert database.read_now(store.open, "t1", due) == 0
    steps = [
        ExportStep(ExportAction.REQUEST, "ann", NOW, "why"),
        ExportStep(ExportAction.APPROVE, "rita", NOW, "fine", request_id="r7"),
        ExportStep(ExportAction.FETCH, "ann", due, rows=2),
    ]
    for each in steps:
        database.write_now(store.add_step, "t1", "e1", each)
    assert database.read_now(store.steps, "t1", "e1") == steps
    assert database.write_now(store.forget_members, due) == 1
    assert database.read_now(store.members, "t1", "e0") is None
    assert database.read_now(store.members, "t1", "e1") == members
    assert database.read_now(store.members, "t2", "e1") is None
