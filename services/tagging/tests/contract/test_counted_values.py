"""One column gone over once says what going over every value by itself says, whatever the values are."""

import datetime as dt
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules.values import Kind
from rules.windows import CalendarSettings
from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.migrations import migrate
from tagging.app.quality.count_values import CountValues, Question
from tagging.domain.columns import Shape
from tagging.domain.quality.distribution import MIN_NAMED_COUNT, BinnedCounts, NamedCounts
from tagging.domain.quality.measurement import Agreement, Validity
from tagging.domain.quality.rules import NO_RULES, QualityRules
from tagging.domain.weighted import WeightedTexts
from tagging.main import MIGRATIONS
from tagging.store.block_files import BlockFiles
from tagging.store.sql_values import SqlTagValues

SHANGHAI = CalendarSettings("Asia/Shanghai", 1)
TODAY = dt.date(2026, 3, 10)
NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PEOPLE = st.integers(1, 200_000)
TEXTS = st.sampled_from(["上海", "北京", "x1", "x2"])
NUMBERS = st.integers(-5, 5).map(lambda each: each * 10_000)
DAYS = st.integers(-400, 400).map(lambda each: TODAY + each * DAY)
MOMENTS = st.integers(-4_000, 4_000).map(lambda each: NOW + each * dt.timedelta(hours=1))


class Columns:
    """Columns of values in a store of their own, each example in a new one."""

    def __init__(self, database, folder):
        self.database = database
        names = itertools.count()
        self.values = SqlTagValues(BlockFiles(folder, lambda: f"id{next(names)}", synced=False), lambda: 0)
        self.names = (f"c{number}" for number in itertools.count())
        self.count = CountValues(self.values)

    def counted(self, shape, rows, rules=NO_RULES, **more):
        """Half of the persons stand above a block, as the stream's."""
        column = next(self.names)
        self.database.write_now(self.values.declare, "t1", column, shape)
        halves = [dict(list(rows.items())[:: 1 + place]) for place in range(2)]
        self.database.write_now(self.values.put, "t1", {column: halves[0]}, NOW)
        self.database.write_now(self.values.fold, "t1", 1)
        self.database.write_now(self.values.put, "t1", {column: halves[1]}, NOW)
        question = Question(column, shape, rules, TODAY, SHANGHAI, **more)
        return self.database.read_now(self.count, "t1", question)


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counted")
    database = Database.open(f"sqlite:///{folder / 'store.db'}", synchronous="OFF")
    migrate(database, MIGRATIONS)
    database.write_now(Changelog("tagging").create)
    yield Columns(database, folder / "values")
    database.close_now()


def spread(counted):
    """What a distribution of names says, few or many."""
    counts = Counter(counted)
    told = {value: count for value, count in counts.items() if count >= MIN_NAMED_COUNT}
    ordered = tuple(sorted(told.items(), key=lambda each: (-each[1], each[0])))
    return NamedCounts(ordered, len(counted) - sum(told.values()), len(counts))


@settings(deadline=None)
@given(st.dictionaries(PEOPLE, st.none() | TEXTS, max_size=25))
def test_texts_and_their_rules(columns, rows):
    rules = QualityRules(allowed=("上海", "x1"), pattern="x[0-9]")
    found = columns.counted(Shape(Kind.TEXT), rows, rules)
    known = [each for each in rows.values() if each is not None]
    strange = [each for each in known if each not in rules.allowed]
    odd = [each for each in known if each not in ("x1", "x2")]
    assert found.known_count == len(known)
    assert found.distribution == spread(known)
    either = [each for each in known if each != "x1"]
    assert found.validity == Validity(len(known), len(either), {"pattern": len(odd), "allowed": len(strange)})


@settings(deadline=None)
@given(st.dictionaries(PEOPLE, st.none() | NUMBERS, min_size=1, max_size=25), st.sets(PEOPLE, max_size=20))
def test_numbers_their_rules_and_contradictions(columns, rows, contradicted):
    rules = QualityRules(least=-10_000, most=20_000)
    everybody = np.array(sorted({*contradicted, *list(rows)[::3]}), np.int64)
    found = columns.counted(Shape(Kind.NUMBER), rows, rules, contradicted=everybody)
    known = [each for each in rows.values() if each is not None]
    low, high = sum(each < -10_000 for each in known), sum(each > 20_000 for each in known)
    assert found.validity == Validity(len(known), low + high, {"least": low, "most": high})
    distinct = sorted(set(known))
    if len(distinct) == 1:
        assert found.distribution == BinnedCounts((known[0], known[0] + 1), (0, len(known), 0))
    else:
        assert found.distribution == BinnedCounts(
            tuple(distinct[1:]), tuple(known.count(each) for each in distinct) or (0,)
        )
    doubted = sum(person in everybody and value is not None for person, value in rows.items())
    assert found.agreement == Agreement(len(known), doubted)


@settings(deadline=None)
@given(st.dictionaries(PEOPLE, st.none() | MOMENTS, max_size=15), st.dictionaries(PEOPLE, DAYS, max_size=15))
def test_moments_and_dates_are_of_the_tenants_day(columns, moments, dates):
    rules = QualityRules(earliest="2026-02-01", latest="today")
    first = dt.date(2026, 2, 1)
    for shape, rows, day_of in (
        (Shape(Kind.DATETIME), moments, SHANGHAI.day_of),
        (Shape(Kind.DATE), dates, lambda day: day),
    ):
        found = columns.counted(shape, rows, rules)
        known = [day_of(each) for each in rows.values() if each is not None]
        early, late = sum(each < first for each in known), sum(each > TODAY for each in known)
        expected = Validity(len(known), early + late, {"earliest": early, "latest": late})
        assert found.validity == expected
        assert sum(found.distribution.counts) == len(known)


@settings(deadline=None)
@given(st.dictionaries(PEOPLE, st.none() | st.lists(TEXTS, min_size=1, max_size=3, unique=True), max_size=15))
def test_of_lists_with_and_without_weights_every_element_counts(columns, rows):
    known = [each for each in rows.values() if each is not None]
    weighted = {
        person: None if each is None else WeightedTexts.of(dict.fromkeys(each, 10_000 // len(each)))
        for person, each in rows.items()
    }
    plain = {person: None if each is None else tuple(sorted(each)) for person, each in rows.items()}
    for shape, given_rows in ((Shape(Kind.TEXT, True), plain), (Shape(Kind.TEXT, True, True), weighted)):
        found = columns.counted(shape, given_rows)
        assert found.known_count == len(known)
        assert found.distribution == spread([text for each in known for text in each])
        assert found.validity is None


def test_truths_and_a_column_that_nobody_declared(columns):
    rows = {person: person % 3 == 0 for person in range(1, 31)}
    found = columns.counted(Shape(Kind.BOOL), rows)
    assert found.distribution == NamedCounts(((False, 20), (True, 10)), 0, 2)
    question = Question("nobody", Shape(Kind.BOOL), NO_RULES, TODAY, SHANGHAI)
    assert columns.database.read_now(columns.count, "t1", question).known_count == 0


def test_a_limit_may_be_the_first_and_the_last_day_that_there_is(columns):
    rules = QualityRules(earliest="0001-01-01", latest="9999-12-31")
    for shape, value in ((Shape(Kind.DATE), TODAY), (Shape(Kind.DATETIME), NOW)):
        found = columns.counted(shape, {1: value, 2: value}, rules)
        assert found.validity == Validity(2, 0, {"earliest": 0, "latest": 0})
