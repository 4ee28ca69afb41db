"""Passes by kernels give everybody what NumPy's do: forms of the language over random worlds, and over many rows."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import check_form
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.events import Chosen, Events
from rules.evaluate.events.local_days import local_days
from rules.evaluate.setting import Setting
from rules.printer import print_form
from rules.testing import retailer
from rules.testing.engines import WorldEvents
from rules.testing.people import seeded_worlds
from rules.testing.words import AS_OF
from rules.tree import Expression

CATALOGUE = retailer()
FORMS = tuple(
    check_form(each, CATALOGUE).form
    for each in (
        "COUNT(order_paid WHERE amount * amount > 1) IN LAST 90 DAYS",
        "DAYS(order_paid) + DAYS(view_item) IN LAST 3 MONTHS",
        "SUM(order_paid.amount NET) - SUM(order_paid.amount) IN PAST 30 DAYS",
        "AVG(order_paid.amount)",
        "MIN(order_paid.amount) + MAX(order_paid.amount WHERE channel = 'app')",
        "NTH(2, order_paid.amount)",
        "FIRST(order_paid.order_id)",
        "DAYS SINCE(LAST(order_paid))",
        "SEQUENCE(view_item THEN order_paid WITHOUT add_to_cart WITHOUT order_refunded WITHIN 7 DAYS) IN LAST 3 MONTHS",
        "SEQUENCE(view_item THEN view_item WITHOUT view_item THEN order_paid WHERE amount > 1 WITHIN 3 DAYS)",
        "COUNT(order_paid WHERE ANY(items, quantity > 1)) IN LAST 7 DAYS >= 1",
        "SUM(order_paid.amount WHERE weekday < 6) IN LAST 30 DAYS * 2 < SUM(order_paid.amount) IN PREVIOUS 30 DAYS",
        "LAST(order_paid.channel) = 'app' OR MAX(order_paid.hour) IN LAST 48 HOURS > 12",
        "SUM(order_paid.amount WHERE amount * amount * amount > 1)",
        "COUNT(view_item) > 1 OR SEQUENCE(order_paid THEN order_refunded)",
    )
)


@pytest.fixture(scope="module")
def passes(threads):
    from tagging.kernels.passes import KernelPasses

    return KernelPasses(threads)


class Passed(WorldEvents):
    """A world over whose tables kernels pass."""

    def __init__(self, world, passes):
        super().__init__(world)
        self._passes = passes

    def events(self, type_):
        table = super().events(type_)
        object.__setattr__(table, "passes", self._passes)
        return table


def answered(source, setting, form):
    events = Events(source, setting)
    try:
        if not isinstance(form, Expression):
            return events.truths(form).tolist()
        found = events.values(form)
    except NumberOverflow:
        return "overflow"
    except UnsupportedNode as error:
        return str(error)
    values = [found.texts[each] if found.texts else each for each in found.data.tolist()]
    return [value if known else None for known, value in zip(found.known.tolist(), values, strict=True)]


@given(st.integers(0, 2**32))
def test_forms_have_the_values_of_arrays(passes, seed):
    (world,) = seeded_worlds(Random(seed), CATALOGUE, 1)
    for form in FORMS:
        ours = answered(Passed(world, passes), world.setting, form)
        assert ours == answered(WorldEvents(world), world.setting, form), print_form(form)


@given(st.integers(0, 2**32))
def test_many_rows_are_cut_between_persons(passes, seed):
    draw = np.random.default_rng(seed)
    persons = 50
    owners = np.sort(draw.integers(0, persons, 60_000) ** 2 // persons).astype(np.int32)
    times = draw.integers(0, 10**13, len(owners))
    times = times[np.lexsort((times, owners))]
    passing = draw.random(len(owners)) < 0.5
    values = draw.integers(-(10**9), 10**9, len(owners))
    rows = Chosen(owners, times, 10**12, 8 * 10**12, (passing,))
    counts = passing & (times >= rows.since_us) & (times < rows.before_us)
    mine = [np.flatnonzero(counts & (owners == each)) for each in range(persons)]
    assert passes.counts(rows, persons).tolist() == [len(each) for each in mine]
    assert passes.totals(rows, values, persons).tolist() == [int(values[each].sum()) for each in mine]
    for index in (0, 1, 3):
        wanted = [each[index - 1] if len(each) >= index and len(each) else -1 for each in mine]
        assert passes.places(rows, index, persons).tolist() == wanted
    known, least = passes.extremes(rows, values, persons, greatest=False)
    assert known.tolist() == [len(each) > 0 for each in mine]
    assert least[known].tolist() == [values[each].min() for each in mine if len(each)]
    codes = draw.integers(0, 1 + seed % 40, len(owners)).astype(np.int32)
    assert passes.by_code(owners, codes).tolist() == np.lexsort((codes, owners)).tolist()
    days = local_days(times, Setting(CATALOGUE, AS_OF))
    assert passes.days(rows, 8 * 3_600 * 10**6, persons).tolist() == [
        len(np.unique(days[each])) for each in mine
    ]


def test_sums_near_the_end_of_64_bits_are_left_to_others(passes):
    rows = Chosen(np.zeros(3, np.int32), np.arange(3), 0, 3)
    assert passes.totals(rows, np.array([2**59, -(2**59), 1]), 1).tolist() == [1]
    for each in (2**62 - 1, -(2**62)):
        assert passes.totals(rows, np.array([each, each, 1]), 1) is None
