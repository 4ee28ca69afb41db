"""The contracts of lives, versions, history, requests, categories, naming rules and uses, on every store."""

import dataclasses
import datetime as dt

from rules.values import Kind
from tagging.domain.definition import Layer, StatisticKind, TagDefinition, TagValueType, Wording
from tagging.domain.events import Event
from tagging.domain.governance.categories import Category
from tagging.domain.governance.life import Deletion, Draft, HistoryEntry, Step, TagLife, TagState
from tagging.domain.governance.naming import NamingRule, NamingRules
from tagging.domain.governance.requests import RequestState, TagRequest
from tagging.domain.governance.uses import TagUse, UserKind
from tagging.domain.seen_events import survey
from tagging.governance_wiring import governance_stores
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.governance_ports import TagVersion
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_seen_events import SqlSeenEvents

NOW = dt.datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
STORES = governance_stores()


def definition(tag_id, days=30):
    kind = StatisticKind(f"COUNT(order_paid) IN LAST {days} DAYS")
    return TagDefinition(tag_id, Wording("订单", "Orders"), TagValueType(Kind.NUMBER), kind, owner="ann")


def life(tag_id, standing=TagState.ACTIVE, draft=None, **said):
    written = Draft(definition(tag_id), draft, "e1", 2, ("ann", "ben"), "ann", "rita") if draft else None
    return TagLife(tag_id, standing, written, number=3, update_time=NOW, **said)


def test_lives_come_back_as_they_went_in(database):
    kept = [
        life("a", version=4, owner="ann", replacement="b", tag_request_id="r1"),
        life("b", TagState.DRAFT, TagState.IN_REVIEW),
        life("c", TagState.RETIRED, TagState.APPROVED, replacement="a"),
        life("d", TagState.DEPRECATED, deletion=Deletion(NOW, "ada")),
    ]
    database.write_now(STORES.lives.put, "t1", kept)
    found = database.read_now(STORES.lives.of, "t1", ["a", "b", "c", "d", "e"])
    assert found == {each.tag_id: each for each in kept}
    changed = dataclasses.replace(kept[1], draft=None, number=4)
    database.write_now(STORES.lives.put, "t1", [changed])
    assert database.read_now(STORES.lives.get, "t1", "b") == changed
    assert database.read_now(STORES.lives.get, "t2", "b") is None
    assert database.read_now(STORES.lives.names, "t1") == ["a", "b", "c", "d"]
    assert database.read_now(STORES.lives.retired, "t1") == {"c": "a"}
    assert list(database.read_now(STORES.lives.drafts, "t1")) == ["c"]


def test_lives_are_listed_by_state_of_the_tag_or_of_its_draft(database):
    kept = [
        life("a", TagState.DRAFT, TagState.DRAFT),
        life("b", TagState.DRAFT, TagState.IN_REVIEW),
        life("c", TagState.ACTIVE, TagState.IN_REVIEW),
        life("d", TagState.ACTIVE),
        life("e", TagState.ACTIVE, deletion=Deletion(NOW, "ada")),
        life("f", TagState.DRAFT, TagState.IN_REVIEW, deletion=Deletion(NOW, "ada")),
    ]
    database.write_now(STORES.lives.put, "t1", kept)

    def listed(*states, after="", limit=9):
        return [each.tag_id for each in database.read_now(STORES.lives.page, "t1", states, after, limit)]

    assert listed() == ["a", "b", "c", "d"]
    assert listed(after="a", limit=2) == ["b", "c"]
    assert listed(TagState.DRAFT) == ["a"]
    assert listed(TagState.IN_REVIEW) == ["b", "c"]
    assert listed(TagState.ACTIVE) == ["c", "d"]
    assert listed(TagState.DELETED) == ["e", "f"]
    assert listed(TagState.DELETED, TagState.DRAFT) == ["a", "e", "f"]


def test_what_is_long_deleted_is_found_oldest_first_and_removed(database):
    for tenant, tag_id, days in (("t1", "a", 3), ("t2", "b", 5), ("t1", "c", 1)):
        gone = life(tag_id, deletion=Deletion(NOW - days * DAY, "ada"))
        database.write_now(STORES.lives.put, tenant, [gone])
    found = database.read_now(STORES.lives.expired, NOW - 3 * DAY, 9)
    assert [(tenant, each.tag_id) for tenant, each in found] == [("t2", "b"), ("t1", "a")]
    assert len(database.read_now(STORES.lives.expired, NOW, 1)) == 1
    database.write_now(STORES.lives.remove, "t2", "b")
    assert database.read_now(STORES.lives.get, "t2", "b") is None


def test_versions_are_newest_first_and_keep_who_put_them_into_force(database):
    for number in (1, 2, 3):
        version = TagVersion("a", number, definition("a", number), NOW, "ann", "rita")
        database.write_now(STORES.versions.put, "t1", version)
    described = TagVersion("a", 2, definition("a", 99), NOW + DAY, "ben")
    database.write_now(STORES.versions.put, "t1", described)
    second = database.read_now(STORES.versions.get, "t1", "a", 2)
    assert second == TagVersion("a", 2, definition("a", 99), NOW, "ann", "rita")
    assert [each.version for each in database.read_now(STORES.versions.page, "t1", "a", None, 2)] == [3, 2]
    assert [each.version for each in database.read_now(STORES.versions.page, "t1", "a", 2, 9)] == [1]
    database.write_now(STORES.versions.remove, "t1", "a")
    assert database.read_now(STORES.versions.get, "t1", "a", 2) is None


def test_history_counts_on_and_tells_a_tag_the_requests_it_goes_back_to(database):
    asked = HistoryEntry("mia", Step.REQUEST, NOW, "", "r1", "why", "", "open")
    taken = HistoryEntry("ann", Step.ACCEPT, NOW, "a", "r1", "", "open", "accepted")
    other = HistoryEntry("mia", Step.REQUEST, NOW, "", "r2", "why", "", "open")
    gone = HistoryEntry("ada", Step.RETIRE, NOW, "a", "", "over", "deprecated", "retired", 3, forced=True)
    database.write_now(STORES.history.append, "t1", [asked, other])
    database.write_now(STORES.history.append, "t1", [taken, gone])
    database.write_now(STORES.history.append, "t2", [other])

    def told(**of):
        found = {"tag_id": "", "tag_request_id": "", "after": 0, "limit": 9, **of}
        return database.read_now(STORES.history.page, "t1", *found.values())

    assert told(tag_id="a") == [
        dataclasses.replace(each, number=number) for each, number in ((asked, 1), (taken, 3), (gone, 4))
    ]
    assert [each.number for each in told(tag_request_id="r1")] == [1, 3]
    assert [each.number for each in told(after=1, limit=2)] == [2, 3]


def test_requests_are_newest_first_and_filtered(database):
    def request(number, requester, state):
        return TagRequest(
            f"r{number}",
            number,
            requester,
            Wording("常客"),
            "why",
            "use",
            NOW,
            NOW,
            dt.date(2026, 4, 1) if number == 1 else None,
            state=state,
        )

    kept = [
        request(1, "mia", RequestState.OPEN),
        request(2, "max", RequestState.OPEN),
        request(3, "mia", RequestState.DECLINED),
    ]
    for each in kept:
        assert database.read_now(STORES.requests.next_sequence, "t1") == each.sequence
        database.write_now(STORES.requests.put, "t1", each)
    assert database.read_now(STORES.requests.get, "t1", "r1") == kept[0]
    assert database.read_now(STORES.requests.open_count, "t1") == 2

    def listed(states=(), requester="", before=None, limit=9):
        found = database.read_now(STORES.requests.page, "t1", states, requester, before, limit)
        return [each.sequence for each in found]

    assert listed() == [3, 2, 1]
    assert listed(limit=1, before=3) == [2]
    assert listed([RequestState.OPEN], "mia") == [1]
    decided = dataclasses.replace(
        kept[1], state=RequestState.ACCEPTED, decider="ann", tag_id="a", owner="ann"
    )
    database.write_now(STORES.requests.put, "t1", decided)
    assert database.read_now(STORES.requests.get, "t1", "r2") == decided


def test_categories_and_naming_rules_belong_to_a_tenant(database):
    tree = [Category("b", Wording("乙")), Category("a/c", Wording("丙", "C")), Category("a", Wording("甲"))]
    database.write_now(STORES.categories.put, "t1", tree)
    assert list(database.read_now(STORES.categories.all, "t1")) == ["a", "a/c", "b"]
    database.write_now(STORES.categories.put, "t1", [Category("a/c", Wording("丁", "D"))])
    database.write_now(STORES.categories.remove, "t1", ["b"])
    found = database.read_now(STORES.categories.all, "t1")
    assert (list(found), found["a/c"].name) == (["a", "a/c"], Wording("丁", "D"))
    rules = NamingRules((NamingRule("x_.*", Layer.BASIC, "a", "x_1", Wording("理由")),), ("test",))
    assert database.read_now(STORES.naming.get, "t1") == NamingRules()
    database.write_now(STORES.naming.put, "t1", rules)
    assert database.read_now(STORES.naming.get, "t1") == rules
    assert database.read_now(STORES.naming.get, "t2") == NamingRules()


def test_a_consumer_replaces_all_that_it_uses(database):
    spring = TagUse(UserKind.SEGMENT, "spring", ("a", "b"), ("loyal",))
    loyal = TagUse(UserKind.SEGMENT, "loyal", ("a",))
    mailing = TagUse(UserKind.CAMPAIGN, "mailing", (), ("spring",))
    database.write_now(STORES.uses.replace, "t1", "segments", [spring, loyal])
    database.write_now(STORES.uses.replace, "t1", "activation", [mailing])
    assert database.read_now(STORES.uses.all, "t1") == [mailing, loyal, spring]
    database.write_now(STORES.uses.replace, "t1", "segments", [])
    assert database.read_now(STORES.uses.all, "t1") == [mailing]
    assert database.read_now(STORES.uses.all, "t2") == []


def test_sources_are_those_of_recent_events_and_of_surveyed_ones(database):
    def event(number, source, type_):
        return Event(number, source, f"e{number}", type_, NOW, 1)

    events = [event(1, "shop", "order_paid"), event(2, "pos", "order_paid"), event(3, "app", "view_item")]
    database.write_now(SqlEventStore().append, "t1", events)
    found = database.read_now(STORES.sources.of, "t1", ["order_paid"])
    assert found == {"order_paid": frozenset({"shop", "pos"})}
    silent = Event(4, "kiosk", "e4", "order_paid", NOW, 1, properties={"order_id": "o4"})
    surveyed = survey([silent], standard_dictionary())
    assert database.write_now(SqlSeenEvents().add, "t1", surveyed, 0, 4)
    found = database.read_now(STORES.sources.of, "t1", ["order_paid"])
    assert found == {"order_paid": frozenset({"shop", "pos", "kiosk"})}
    assert database.read_now(STORES.sources.of, "t2", ["order_paid"]) == {}
