"""Tables of tags: levels of a tree, several values, days; and what is told of them."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.schema import TagType, ValueList
from rules.values import DATE, DATETIME, TEXT, Kind, ValueType
from rules.windows import CalendarSettings
from segments.domain.insight.contrasts import compared, described
from segments.domain.insight.counts import ValueCounts
from segments.domain.insight.preference import Standards, Verdict
from segments.domain.insight.tables import Group, Question, TagTable, in_days, labels, table_of
from segments.domain.packing import days, microseconds

TEXTS = ["广东", "深圳", "广州", "浙江", "杭州"]
PARENTS = {"深圳": "广东", "广州": "广东", "杭州": "浙江"}
CITY = TagType("city", TEXT, ValueList(frozenset(TEXTS), parents=PARENTS))
CITIES = TagType("cities", ValueType(Kind.LIST, Kind.TEXT), CITY.values)
CALENDAR = CalendarSettings("Asia/Shanghai", 1)


def table(*counts: list[int], level: int = 0, fewest: int = 0) -> TagTable:
    """Of `city`; each group's persons by TEXTS."""
    groups = [Group(ValueCounts.of(range(len(TEXTS)), each), sum(each) + 5) for each in counts]
    return table_of(CITY, Question("city", level), groups, 0, TEXTS.__getitem__, CALENDAR, fewest)


def told(of: TagTable, group: int = 0) -> dict[tuple[object, ...], int | None]:
    column = of.columns[group]
    return {
        cell.path: None if place in column.hidden else int(column.counts[place])
        for place, cell in enumerate(of.cells)
    }


def test_a_level_sums_what_lies_below() -> None:
    assert told(table([3, 40, 20, 0, 50], level=1)) == {("广东",): 63, ("浙江",): 50}
    at_two = told(table([3, 40, 20, 0, 50], level=2))
    assert at_two == {
        ("广东",): 3,
        ("广东", "深圳"): 40,
        ("广东", "广州"): 20,
        ("浙江",): 0,
        ("浙江", "杭州"): 50,
    }
    assert told(table([3, 40, 20, 0, 50])) == at_two


def test_rules_of_cells_say_whether_what_lies_below_is_meant() -> None:
    rules = {cell.path: cell.rule for cell in table([3, 40, 20, 0, 50], level=1).cells}
    assert rules == {("广东",): "city UNDER '广东'", ("浙江",): "city UNDER '浙江'"}
    rules = {cell.path: cell.rule for cell in table([3, 40, 20, 0, 50], level=2).cells}
    assert rules["广东",] == "city = '广东'"
    assert rules["广东", "深圳"] == "city = '深圳'"


@given(st.lists(st.integers(0, 40), min_size=5, max_size=5))
def test_levels_together_do_not_give_away_a_cell(counts: list[int]) -> None:
    """What is told at level 1 less what is told at level 2 leaves no cell of few persons."""
    top, below = (told(table(counts, level=level, fewest=10)) for level in (1, 2))
    full = told(table(counts, level=2))
    for path, persons in top.items():
        cells = [each for each in below if each[:1] == path]
        kept = [each for each in cells if below[each] is None]
        if persons is None or not kept:
            continue
        rest = sum(full[each] or 0 for each in kept)
        assert rest == persons - sum(below[each] or 0 for each in cells)
        assert rest >= 10
        assert len(kept) > 1 or len(cells) == 1


def test_several_values_are_labelled_at_a_level() -> None:
    assert [labels(CITIES, 1)(each) for each in TEXTS] == ["广东", "广东", "广东", "浙江", "浙江"]
    counted = Group(ValueCounts.of([0, 1], [60, 50], known=90), 100)
    found = table_of(CITIES, Question("cities", 1), [counted], 0, ["广东", "浙江"].__getitem__, CALENDAR, 10)
    assert told(found) == {("广东",): 60, ("浙江",): 50}
    assert found.columns[0].unknown == 10
    assert [cell.rule for cell in found.cells] == ["cities UNDER '广东'", "cities UNDER '浙江'"]
    stored = table_of(CITIES, Question("cities"), [counted], 0, ["广东", "深圳"].__getitem__, CALENDAR, 10)
    assert [cell.rule for cell in stored.cells] == ["cities HAS ANY ('广东')", "cities HAS ANY ('深圳')"]


def test_moments_are_counted_by_the_tenants_day() -> None:
    evening = dt.datetime(2026, 3, 30, 15, 59, tzinfo=dt.UTC)
    moments = [microseconds(evening), microseconds(evening + dt.timedelta(minutes=1))]
    found = in_days(ValueCounts.of(moments, [2, 3]), CALENDAR)
    assert found.codes.tolist() == [days(dt.date(2026, 3, 30)), days(dt.date(2026, 3, 31))]
    assert found.counts.tolist() == [2, 3]


def test_stretches_of_days_begin_at_the_tenants_midnight() -> None:
    bound = days(dt.date(2026, 3, 31))
    question = Question("seen", bounds=(bound,))
    moment = Group(ValueCounts.of([microseconds(dt.datetime(2026, 3, 31, tzinfo=dt.UTC))], [20]), 20)
    found = table_of(TagType("seen", DATETIME), question, [moment], 0, str, CALENDAR, 0)
    assert found.columns[0].counts.tolist() == [0, 20]
    assert "2026-03-30T16:00" in found.cells[1].rule
    date = Group(ValueCounts.of([bound], [20]), 20)
    found = table_of(TagType("seen", DATE), question, [date], 0, str, CALENDAR, 0)
    assert found.cells[1].rule == "seen >= 2026-03-31"


def test_a_description_withholds_what_follows_from_its_parts() -> None:
    """Audience, base, rest: three of the audience live in 广州."""
    whole = table([0, 200, 3, 0, 300], [0, 400, 80, 0, 900], [0, 200, 77, 0, 600], fewest=10)
    rows = {row.cell.path[-1]: row for row in described([whole], [9], Standards()).values[0]}
    few = rows["广州"]
    assert (few.audience.persons, few.audience.share, few.tgi, few.p, few.verdict) == (None,) * 5
    assert few.base.persons == 80
    assert rows["深圳"].audience.persons is None
    most = rows["杭州"]
    assert most.tgi == pytest.approx(100 * (300 / 503) / (900 / 1380))
    assert most.verdict is Verdict.AS_BASE


def test_a_comparison_tests_who_is_in_one_alone() -> None:
    same = [0, 50, 50, 0, 0]
    whole = table(same, same, [0, 80, 80, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0])
    assert {row.p for row in compared([whole], [9])[0]} == {1.0}
    other = table(
        [0, 90, 10, 0, 0], [0, 10, 90, 0, 0], [0, 100, 100, 0, 0], [0, 90, 10, 0, 0], [0, 10, 90, 0, 0]
    )
    rows = {row.cell.path[-1]: row for row in compared([other], [9])[0]}
    assert rows["深圳"].p is not None
    assert rows["深圳"].p < 1e-20
    assert (rows["深圳"].first_tgi, rows["广州"].first_tgi) == (pytest.approx(180), pytest.approx(20))


def test_many_values_make_chance_likelier() -> None:
    """A value that would be believed alone is not among 200 others without a difference."""
    tag = TagType("shop", TEXT)
    alone = [40, 360]
    base = [60, 1_140]
    one = _verdicts(tag, alone, base)
    assert one["0"] is Verdict.PREFERS
    thin = [13, *[2] * 200]
    many = _verdicts(tag, thin, [each * 3 - (each == 13) * 14 for each in thin], Standards(fewest_persons=10))
    assert many["0"] is Verdict.CHANCE


def _verdicts(
    tag: TagType, inside: list[int], base: list[int], standards: Standards | None = None
) -> dict[object, Verdict | None]:
    rest = [b - a for a, b in zip(inside, base, strict=True)]
    groups = [Group(ValueCounts.of(range(len(each)), each), sum(each)) for each in (inside, base, rest)]
    found = table_of(tag, Question(tag.name), groups, 1, str, CALENDAR, 0)
    rows = described([found], [999], standards or Standards()).values[0]
    return {row.cell.path[0]: row.verdict for row in rows}


def test_empty_groups_have_no_shares() -> None:
    nobody = np.zeros(len(TEXTS), np.int64).tolist()
    rows = described([table(nobody, nobody, nobody)], [9], Standards()).values[0]
    assert {row.audience.share for row in rows} == {None}
    assert {row.verdict for row in rows} == {Verdict.NO_BASE}


def test_what_is_shown_and_what_is_preferred_agree() -> None:
    """A preference is told even when its value is beyond what is shown."""
    inside, base = [400, 300, 90, 40, 0], [800, 2_500, 100, 1_000, 600]
    whole = table(inside, base, [b - a for a, b in zip(inside, base, strict=True)])
    full = described([whole], [9], Standards())
    shown = {Verdict.PREFERS, Verdict.AVOIDS}
    rows = [row for row in full.values[0] if row.verdict in shown]
    assert sorted(rows, key=lambda row: -row.weight) == [row for _, row in full.preferences]
    assert len(rows) > 2
    cut = described([whole], [1], Standards())
    assert cut.values[0] == full.values[0][:1]
    assert cut.preferences == full.preferences
    assert [row.audience.persons for row in full.values[0]] == sorted(inside, reverse=True)
