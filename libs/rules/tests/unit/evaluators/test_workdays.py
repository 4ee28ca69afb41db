"""Every evaluator tells every day of the calendar, and the days about it, as the calendar does."""

import datetime as dt

import duckdb
import pytest
from rules.calendars import mainland_china
from rules.check import Population, check_form
from rules.evaluate.batch import Batch, EventRows
from rules.evaluate.events import Events
from rules.evaluate.person import Event, Person, value_of
from rules.evaluate.setting import Setting
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.testing import retailer
from rules.testing.engines import WorldEvents, register
from rules.testing.people import World
from rules.values import SCALE
from rules.windows import TICK, CalendarSettings

CATALOGUE = retailer()
CHINA = mainland_china()
FORM = check_form(
    "2 * COUNT(view_item WHERE is_workday) + COUNT(view_item WHERE NOT is_workday AND is_workday IS KNOWN)",
    CATALOGUE,
).form
DAYS = [dt.date(2023, 12, 1) + dt.timedelta(each) for each in range(365 * 3 + 90)]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
def test_a_day_is_worked_or_not_from_its_first_moment_to_its_last(zone: str) -> None:
    calendar = CalendarSettings(zone, 1, CHINA.periods, CHINA.workdays)
    setting = Setting(CATALOGUE, dt.datetime(2028, 1, 1, tzinfo=dt.UTC), calendar)
    ends = [(calendar.midnight(day), calendar.midnight(day + dt.timedelta(1)) - TICK) for day in DAYS]
    persons = {
        number: Person(
            events=(Event("view_item", first, 2 * number), Event("view_item", last, 2 * number + 1))
        )
        for number, (first, last) in enumerate(ends)
    }
    everybody = frozenset(persons)
    world = World(setting, persons, everybody, everybody, {})
    points = {True: 4 * SCALE, False: 2 * SCALE, None: 0}
    expected = [points[CHINA.workdays.is_workday(day)] for day in DAYS]

    people = list(persons.values())
    assert [value_of(FORM, each, setting) for each in people] == expected
    assert Batch(people, EventRows(people), setting, {}).answers(FORM) == (expected, frozenset())
    assert Events(WorldEvents(world), setting).values(FORM).data.tolist() == expected
    with duckdb.connect() as connection:
        register(world, connection)
        found = DuckDb(connection).collect(Tables(NamedRelations(), setting).values(FORM, Population.ALL))
    rows = sorted(found.to_pylist(), key=lambda row: row["person_id"])
    assert [row["value"] for row in rows] == expected
