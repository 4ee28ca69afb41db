"""Random forms asked of random people at once and one by one: the batch gives what the referee gives, overflows too."""

from hypothesis import given
from hypothesis import strategies as st
from rules.check import check_form, check_grouped, check_rule
from rules.errors import NumberOverflow
from rules.evaluate.batch import Batch, EventRows
from rules.evaluate.person import groups_of, is_true, value_of
from rules.evaluate.selection import condition_within
from rules.printer import print_form, print_grouped
from rules.testing import aggregates, grouped, numbers, retailer, rules
from rules.testing.people import World, worlds

CATALOGUE = retailer()
FORMS = tuple(
    check_form(each, CATALOGUE).form
    for each in (
        "FIRST(order_paid.order_id)",
        "LAST(order_paid)",
        "NTH(2, order_paid.amount)",
        "AVG(order_paid.amount) / 2 - AVG(order_paid.items.amount)",
        "SUM(order_paid.amount NET)",
        "SUM(order_paid.amount NET WHERE amount * amount > 1) IN LAST 3 MONTHS",
        "COUNT(order_paid WHERE ANY(items, quantity > 1)) IN LAST 7 DAYS",
        "DISTINCT(order_paid.items.item_id.brand)",
        "MIN(order_paid.weekday) + MAX(order_paid.hour)",
        "DAYS(order_paid) IN LAST 3 MONTHS",
        "GAP(order_paid)",
        "STREAK(order_paid BY WEEK)",
        "COUNT(order_paid WHERE is_workday) + MAX(order_paid.amount) DURING 'sale'",
        "SEQUENCE(order_paid THEN order_paid WITHOUT view_item BY channel WITHIN 7 DAYS)",
    )
)
GROUPED = tuple(
    check_grouped(each, CATALOGUE).grouped
    for each in (
        "COUNT(order_paid BY items.category DECAY 7 DAYS)",
        "SUM(order_paid.items.amount WHERE quantity >= 0 BY item_id.brand) IN LAST 3 MONTHS",
        "DAYS(order_paid BY hour DECAY 1 DAY) IN PAST 30 DAYS",
        "COUNT(order_paid BY channel) IN LAST 30 DAYS",
    )
)


def batch_of(world: World) -> Batch:
    persons = list(world.persons.values())
    return Batch(persons, EventRows(persons), world.setting, world.tables)


def by_referee(ask, world):
    """What the referee gives each person, and the slots of those whose numbers overflow."""
    found, failed = [], set()
    for slot, person in enumerate(world.persons.values()):
        try:
            found.append(ask(person))
        except NumberOverflow:
            failed.add(slot)
            found.append(None)
    return found, failed


@given(st.data())
def test_a_batch_gives_every_person_the_value_that_the_referee_gives(data):
    world = data.draw(worlds(CATALOGUE))
    batch = batch_of(world)
    drawn = data.draw(
        st.lists(
            st.one_of(aggregates(CATALOGUE), numbers(CATALOGUE)),
            max_size=6,
        )
    )
    for form in (*FORMS, *(check_form(each, CATALOGUE).form for each in drawn)):
        found = by_referee(
            lambda person, form=form: value_of(form, person, world.setting, world.tables), world
        )
        assert batch.answers(form) == found, f"{print_form(form)}\n{world.setting}\n{world.persons}"


@given(st.data())
def test_a_batch_holds_a_rule_true_of_whom_the_referee_does(data):
    world = data.draw(worlds(CATALOGUE))
    batch = batch_of(world)
    for drawn in data.draw(st.lists(rules(CATALOGUE, whole=True), min_size=1, max_size=4)):
        rule = condition_within(check_rule(drawn, CATALOGUE).rule)
        found = by_referee(
            lambda person, rule=rule: is_true(rule, person, world.setting, world.tables), world
        )
        assert batch.answers(rule) == found, print_form(rule)


@given(st.data())
def test_a_batch_gives_every_person_the_groups_that_the_referee_gives(data):
    world = data.draw(worlds(CATALOGUE))
    batch = batch_of(world)
    drawn = data.draw(st.lists(grouped(CATALOGUE), max_size=3))
    for asked in (*GROUPED, *(check_grouped(each, CATALOGUE).grouped for each in drawn)):

        def groups(person, asked=asked):
            found = groups_of(asked, person, world.setting, world.tables)
            return [(each.key, each.number, each.events) for each in found]

        found, failed = by_referee(groups, world)
        assert batch.groups(asked) == ([each or [] for each in found], failed), print_grouped(asked)
