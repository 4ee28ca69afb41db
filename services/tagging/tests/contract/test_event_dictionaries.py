"""The contracts of EventDictionaries and SeenEvents, on each store."""

import datetime as dt

import pytest
from servicekit.database import Database
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.app.survey_events import SurveyEvents
from tagging.domain import seen_events
from tagging.domain.declared_events import DeclaredEventType, DeclaredProperty
from tagging.domain.definition import Grade
from tagging.domain.dictionary import Text
from tagging.domain.event_grades import Grading
from tagging.domain.events import Event
from tagging.domain.seen_events import SeenPlace, survey
from tagging.store import sql_seen_events
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.sql_dictionaries import SqlEventDictionaries
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_seen_events import SqlSeenEvents
from tagging.store.sql_tenants import SqlTenants

STANDARD = standard_dictionary()
NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
DANCED = DeclaredEventType(
    "danced",
    Text("跳舞", "Danced"),
    (
        DeclaredProperty("mood", "text", Text("心情", "Mood"), "items", Grading(Grade.SENSITIVE, "health")),
        DeclaredProperty("steps", "list of number"),
    ),
    Grading(Grade.PERSONAL),
)


def danced(sequence: int, **extra: object) -> Event:
    return Event(sequence, "hall", f"e{sequence}", "danced", NOON, sequence, extra=extra)  # type: ignore[arg-type]


def test_a_tenant_without_declarations_has_the_dictionary_of_the_suite(database: Database) -> None:
    dictionaries = SqlEventDictionaries(STANDARD)
    assert database.read_now(dictionaries.of, "t1") is STANDARD
    assert database.read_now(dictionaries.declared, "t1") == {}
    assert not database.write_now(dictionaries.delete, "t1", "danced")


def test_declarations_are_kept_whole_and_are_of_their_tenant(database: Database) -> None:
    dictionaries = SqlEventDictionaries(STANDARD)
    before = database.read_now(dictionaries.stamp, "t1")
    database.write_now(dictionaries.put, "t1", DANCED)
    assert database.read_now(dictionaries.declared, "t1") == {"danced": DANCED}
    first = database.read_now(dictionaries.of, "t1")
    assert first is database.read_now(dictionaries.of, "t1")
    assert first.events["danced"].property("mood") is not None
    assert database.read_now(dictionaries.of, "t2") is STANDARD
    less = DeclaredEventType("danced")
    database.write_now(dictionaries.put, "t1", less)
    assert database.read_now(dictionaries.declared, "t1") == {"danced": less}
    assert database.write_now(dictionaries.delete, "t1", "danced")
    assert "danced" not in database.read_now(dictionaries.of, "t1").events
    assert database.read_now(dictionaries.stamp, "t1") != before


def test_each_stored_event_is_looked_at_once(database: Database) -> None:
    events, seen = SqlEventStore(), SqlSeenEvents()
    assert database.read_now(seen.unseen, "t1", 10) == ([], 0)
    stored = [danced(number, mood="calm", steps=(1,)) for number in range(1, 6)]
    database.write_now(events.append, "t1", stored)
    database.write_now(events.append, "t1", stored)
    found, through = database.read_now(seen.unseen, "t1", 3)
    assert found == stored[:3]
    assert database.write_now(seen.add, "t1", survey(found, STANDARD), 0, through)
    assert not database.write_now(seen.add, "t1", survey(found, STANDARD), 0, through)
    rest, end = database.read_now(seen.unseen, "t1", 10)
    assert rest == stored[3:]
    assert database.write_now(seen.add, "t1", survey(rest, STANDARD), through, end)
    assert not database.write_now(seen.add, "t1", survey(rest, STANDARD), through, end)
    told = database.read_now(seen.types, "t1")["danced"]
    assert (told.seen.count, told.unlisted) == (5, 0)
    assert {place.name: each.count for place, each in told.places.items()} == {"mood": 5, "steps": 5}
    assert told.examples == {SeenPlace("danced", "mood", "hall", "text"): ("calm",)}
    assert database.read_now(seen.types, "t1", ["waltzed"]) == {}
    assert database.read_now(seen.types, "t2") == {}
    database.write_now(seen.forget_examples, "t1", "danced")
    assert database.read_now(seen.types, "t1")["danced"].examples == {}
    dictionaries = SqlEventDictionaries(STANDARD)
    assert database.read_now(dictionaries.undeclared, "t1") == {"danced": {"mood", "steps"}}
    database.write_now(dictionaries.put, "t1", DANCED)
    assert database.read_now(dictionaries.undeclared, "t1") == {}


def test_what_waits_is_counted(database: Database) -> None:
    events, seen = SqlEventStore(), SqlSeenEvents()
    database.write_now(events.append, "t1", [danced(1), danced(2)])
    assert database.read_now(seen.pending_count, "t1") == 2
    found, through = database.read_now(seen.unseen, "t1", 1)
    database.write_now(seen.add, "t1", survey(found, STANDARD), 0, through)
    assert database.read_now(seen.pending_count, "t1") == 1


def test_what_is_listed_is_bounded_and_the_rest_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_seen_events, "MAX_PROPERTIES", 2)
    monkeypatch.setattr(sql_seen_events, "MAX_TYPES", 1)
    assert seen_events.MAX_TYPES > 1
    seen = SqlSeenEvents()
    first = survey([danced(1, a=1, b=1, c=1), danced(2, a=1, d=1)], STANDARD)
    assert database.write_now(seen.add, "t1", first, 0, 2)
    other = Event(3, "hall", "e3", "waltzed", NOON, 3)
    assert database.write_now(seen.add, "t1", survey([danced(4, a=1, e=1), other], STANDARD), 2, 4)
    told = database.read_now(seen.types, "t1")
    assert list(told) == ["danced"]
    assert {place.name: each.count for place, each in told["danced"].places.items()} == {"a": 3, "b": 1}
    assert (told["danced"].seen.count, told["danced"].unlisted) == (3, 3)


async def test_a_survey_goes_on_where_it_was_and_rests_when_all_is_seen(database: Database) -> None:
    events, seen, tenants = SqlEventStore(), SqlSeenEvents(), SqlTenants()
    for tenant in ("t1", "t2"):
        database.write_now(tenants.ensure, tenant, NOON)
        database.write_now(events.append, tenant, [danced(1), danced(2)])
    look = SurveyEvents(database, tenants, seen, SqlEventDictionaries(STANDARD))
    assert await look()
    assert not await look()
    database.write_now(events.append, "t1", [danced(2), danced(3)])
    assert await look()
    assert not await look()
    counted = {name: database.read_now(seen.types, name)["danced"].seen.count for name in ("t1", "t2")}
    assert counted == {"t1": 3, "t2": 2}
    database.write_now(events.append, "t1", [danced(9)])
    database.write_now(lambda connection: execute(connection, "DELETE FROM event WHERE ingest_sequence = 9"))
    assert database.read_now(seen.pending_count, "t1") == 1
    assert await look()
    assert not await look()
    assert database.read_now(seen.pending_count, "t1") == 0


async def test_a_tenant_that_cannot_be_surveyed_holds_up_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, seen, tenants = SqlEventStore(), SqlSeenEvents(), SqlTenants()
    for tenant in ("t1", "t2"):
        database.write_now(tenants.ensure, tenant, NOON)
        database.write_now(events.append, tenant, [danced(1)])
    unseen = seen.unseen

    def failing(connection: Connection, tenant: str, limit: int) -> tuple[list[Event], int]:
        if tenant == "t1":
            raise ValueError("no event")
        return unseen(connection, tenant, limit)

    monkeypatch.setattr(seen, "unseen", failing)
    with pytest.raises(ExceptionGroup):
        await SurveyEvents(database, tenants, seen, SqlEventDictionaries(STANDARD))()
    assert database.read_now(seen.types, "t2")["danced"].seen.count == 1
