"""Random forms asked of everybody over columns of events: each person gets what the referee gives, overflows too."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import check_form, check_grouped
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.events import Column, Events
from rules.evaluate.person import Event, Person, groups_of, value_of
from rules.evaluate.setting import Setting
from rules.printer import print_form, print_grouped
from rules.testing import aggregates, grouped, numbers, retailer
from rules.testing.engines import WorldEvents, scalar_column
from rules.testing.people import World, worlds
from rules.testing.words import AS_OF
from rules.tree import Condition, Expression
from rules.values import SCALE

CATALOGUE = retailer()
FORMS = tuple(
    check_form(each, CATALOGUE).form
    for each in (
        "FIRST(order_paid.order_id)",
        "LAST(order_paid)",
        "NTH(2, order_paid.amount)",
        "MAX(order_paid.amount)",
        "AVG(order_paid.amount) / 2 - AVG(order_paid.items.amount)",
        "SUM(order_paid.amount NET WHERE amount * amount > 1) IN LAST 3 MONTHS",
        "COUNT(order_paid WHERE ANY(items, quantity > 1)) IN LAST 7 DAYS",
        "SUM(order_paid.items.amount WHERE quantity >= 1 AND channel != 'app')",
        "DISTINCT(order_paid.items.category)",
        "MIN(order_paid.weekday) + MAX(order_paid.hour)",
        "DAYS(order_paid) IN LAST 3 MONTHS",
        "GAP(order_paid)",
        "STREAK(order_paid) - STREAK(order_paid BY WEEK) + STREAK(order_paid BY MONTH)",
        "ELAPSED DAYS(LAST(order_paid))",
        "DAYS SINCE(FIRST(order_paid)) - AGE(birthday)",
        "DAY(LAST(order_paid))",
        "COUNT(order_paid) IN PAST 30 DAYS > 1 AND NOT city = 'x' OR points > age",
        "COUNT(order_paid WHERE is_workday) DURING 'first-quarter'",
        "COUNT(order_paid WHERE NOT is_workday AND is_workday IS KNOWN)",
        "SEQUENCE(order_paid THEN order_paid WITHOUT view_item BY channel WITHIN 7 DAYS)",
    )
)
GROUPED = tuple(
    check_grouped(each, CATALOGUE).grouped
    for each in (
        "COUNT(order_paid BY items.category DECAY 7 DAYS)",
        "SUM(order_paid.items.amount WHERE quantity >= 0 BY category) IN LAST 3 MONTHS",
        "DAYS(order_paid BY hour DECAY 1 DAY) IN PAST 30 DAYS",
        "COUNT(order_paid BY channel) IN LAST 30 DAYS",
    )
)


def told(column: Column) -> list[object]:
    texts = column.texts
    return [
        (texts[each] if texts else each) if known else None
        for known, each in zip(column.known.tolist(), column.data.tolist(), strict=True)
    ]


def expected(form: Expression | Condition, world) -> list[object]:
    """Raises NumberOverflow when any person's number does."""
    found = []
    for person_id in sorted(world.persons):
        value = value_of(form, world.persons[person_id], world.setting, world.tables)
        told_ = value if value is None or isinstance(value, str) else int(Column.of(value).data[0])
        found.append(told_)
    return found


def answered(events: Events, form: Expression | Condition) -> list[object]:
    if isinstance(form, Expression):
        return told(events.values(form))
    return events.truths(form).astype(int).tolist()


@given(st.data())
def test_columns_of_events_give_everybody_what_the_referee_gives(data):
    world = data.draw(worlds(CATALOGUE))
    events = Events(WorldEvents(world), world.setting)
    drawn = data.draw(
        st.lists(
            st.one_of(aggregates(CATALOGUE), numbers(CATALOGUE)),
            max_size=6,
        )
    )
    fixed = data.draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=5))
    for form in (*fixed, *(check_form(each, CATALOGUE).form for each in drawn)):
        try:
            found = answered(events, form)
        except UnsupportedNode:
            assert form not in FORMS, print_form(form)
            continue
        except NumberOverflow:
            found = None
        try:
            wanted = expected(form, world)
        except NumberOverflow:
            wanted = None
        assert found == wanted, f"{print_form(form)}\n{world.setting}\n{world.persons}"


@given(st.data())
def test_columns_of_events_give_everybody_the_groups_that_the_referee_gives(data):
    world = data.draw(worlds(CATALOGUE))
    events = Events(WorldEvents(world), world.setting)
    drawn = data.draw(st.lists(grouped(CATALOGUE), max_size=2))
    for asked in (
        data.draw(st.sampled_from(GROUPED)),
        *(check_grouped(each, CATALOGUE).grouped for each in drawn),
    ):
        try:
            rows = events.groups(asked)
        except UnsupportedNode:
            assert asked not in GROUPED
            continue
        except NumberOverflow:
            rows = None
        try:
            wanted = sorted(
                (slot, str(scalar_key(group.key)), group.number, group.events)
                for slot, person_id in enumerate(sorted(world.persons))
                for group in groups_of(asked, world.persons[person_id], world.setting, world.tables)
            )
        except NumberOverflow:
            wanted = None
        found = rows and sorted(
            (slot, str(key), number, count)
            for slot, key, number, count in zip(
                rows.owners.tolist(),
                told(rows.keys),
                rows.numbers.tolist(),
                rows.events.tolist(),
                strict=True,
            )
        )
        assert found == wanted, f"{print_grouped(asked)}\n{world.setting}\n{world.persons}"


def scalar_key(key: object) -> object:
    return int(key) if isinstance(key, bool) else key


def test_a_column_of_one_slot_stands_for_all():
    column = Column.of(7).stretched(3)
    assert (column.known.tolist(), column.data.tolist()) == ([True] * 3, [7] * 3)
    assert scalar_column(column.kind, [None, 5]).known.tolist() == [False, True]
    assert np.array_equal(column.take(np.array([0, 2])).data, [7, 7])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("COUNT(order_paid WHERE amount * amount > 1) IN LAST 7 DAYS", SCALE),
        ("SUM(order_paid.items.amount WHERE quantity * quantity > 1) IN LAST 7 DAYS", 3),
        ("COUNT(order_paid WHERE ANY(items, quantity * quantity > 1)) IN LAST 7 DAYS", SCALE),
    ],
)
def test_numbers_of_events_outside_the_window_do_not_overflow(text, wanted):
    def order(sequence, days_ago, number):
        line = {"amount": 3, "quantity": number}
        said = {"amount": number, "items": (line,)}
        return Event("order_paid", AS_OF - dt.timedelta(days_ago), sequence, said)

    huge, plain = 2**62, 5 * SCALE
    setting, everybody = Setting(CATALOGUE, AS_OF), frozenset({1, 2})
    persons = {1: Person({}, (order(1, 400, huge), order(2, 1, plain))), 2: Person()}
    world = World(setting, persons, everybody, everybody, {})
    form = check_form(text, CATALOGUE).form
    assert answered(Events(WorldEvents(world), setting), form) == expected(form, world)
    assert expected(form, world)[0] == wanted
    persons[1] = Person({}, (order(1, 1, huge),))
    with pytest.raises(NumberOverflow):
        answered(Events(WorldEvents(world), setting), form)


@pytest.mark.parametrize(
    "end", [dt.datetime(9999, 12, 31, 12, tzinfo=dt.UTC), dt.datetime(1, 1, 2, tzinfo=dt.UTC)]
)
def test_moments_at_the_ends_of_the_calendar_have_days(end):
    setting, everybody = Setting(CATALOGUE, AS_OF), frozenset({1})
    person = Person({"last_seen": end}, (Event("order_paid", AS_OF, 1),))
    world = World(setting, {1: person}, everybody, everybody, {})
    form = check_form("DAYS SINCE(FIRST(order_paid)) - DAYS SINCE(last_seen)", CATALOGUE).form
    assert answered(Events(WorldEvents(world), setting), form) == expected(form, world)
