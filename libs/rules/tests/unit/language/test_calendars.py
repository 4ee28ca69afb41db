"""The calendar that is shipped, and what a tenant's own may say."""

import datetime as dt

import pytest
from rules.calendars import CalendarInvalid, Period, Periods, Workdays, mainland_china, read_calendar

DAY = dt.timedelta(days=1)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("on", "worked"),
    [
        ("2026-02-14", True),  # a Saturday worked for the Spring Festival
        ("2026-02-15", False),
        ("2026-02-23", False),  # a Monday
        ("2026-02-24", True),
        ("2026-02-28", True),
        ("2026-03-01", False),
        ("2025-10-08", False),
        ("2025-10-11", True),
        ("2024-02-09", True),  # the eve of 2024, which no notice made a holiday
        ("2024-12-31", True),
        ("2023-12-29", None),
        ("2027-01-01", None),  # its notice was not out
    ],
)
def test_workdays_of_mainland_china(on: str, worked: bool | None) -> None:
    assert mainland_china().workdays.is_workday(day(on)) is worked


@pytest.mark.parametrize(("year", "days"), [(2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_as_many_workdays_as_its_notice_leaves(year: int, days: int) -> None:
    """Of 366 or 365 days without weekends, less statutory holidays: 11 in 2024, 13 from 2025 on."""
    workdays = mainland_china().workdays
    first = dt.date(year, 1, 1)
    everything = [first + each * DAY for each in range((dt.date(year + 1, 1, 1) - first).days)]
    assert sum(workdays.is_workday(each) is True for each in everything) == days


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("double11-2026", "2026-10-31T20:00", "2026-11-12T00:00"),
        ("618-2024", "2024-05-31T20:00", "2024-06-19T00:00"),
        ("spring-festival-2026", "2026-02-15T00:00", "2026-02-24T00:00"),
        ("dragon-boat-2024", "2024-06-10T00:00", "2024-06-11T00:00"),
        ("national-day-2025", "2025-10-01T00:00", "2025-10-09T00:00"),
        ("spring-festival-2027", "2027-02-05T00:00", "2027-02-09T00:00"),  # no more than the law says
    ],
)
def test_periods_of_mainland_china(name: str, start: str, end: str) -> None:
    assert mainland_china().periods.find(name) == Period.of_texts(name, start, end)


def test_the_holidays_of_a_year_without_a_notice_are_those_of_the_law() -> None:
    """Thirteen days that are in every notice of the same law; whether others are worked stays unknown."""
    found = {each.name: each for each in mainland_china().periods.all if each.name.endswith("-2027")}
    names = {each.name.removesuffix("-2026") for each in mainland_china().periods.all if "-2026" in each.name}
    assert {each.removesuffix("-2027") for each in found} == names
    holidays = [each for name, each in found.items() if not name.startswith(("618", "double11"))]
    assert sum((each.end - each.start).days for each in holidays) == 13
    assert 2027 not in mainland_china().workdays.years
    own = read_calendar("years: {2027: {holidays: {spring-festival: [2027-02-05, 2027-02-12]}}}")
    with_notice = mainland_china().with_own(own)
    assert with_notice.periods.find("spring-festival-2027") == own.periods.find("spring-festival-2027")
    assert with_notice.workdays.is_workday(day("2027-02-11")) is False


def test_a_period_of_the_tenant_replaces_the_one_of_its_name() -> None:
    own = [
        Period.of_texts("618-2025", "2025-05-13T20:00", "2025-06-21T00:00"),
        Period.of_days("sale", day("2026-01-01"), day("2026-01-01")),
    ]
    periods = mainland_china().periods.with_own(own)
    assert periods.find("618-2025") == own[0]
    assert periods.names == mainland_china().periods.names | {"sale"}
    assert mainland_china().periods.find("sale") is None


OWN = """
years:
  2026: {holidays: {founders-day: [2026-02-13], spring-festival: [2026-02-16, 2026-02-20]}, worked: [2026-02-14]}
  2027: {}
"""


def test_a_year_of_the_tenant_stands_in_the_place_of_the_shipped_one() -> None:
    calendar = mainland_china().with_own(read_calendar(OWN))
    days = ("2025-10-08", "2026-02-13", "2026-02-14", "2026-02-23", "2026-10-01", "2027-01-01", "2028-01-03")
    assert [calendar.workdays.is_workday(day(each)) for each in days] == [
        False,
        False,
        True,
        True,
        True,
        True,
        None,
    ]
    assert calendar.workdays.stretches() == ((day("2024-01-01"), day("2027-12-31")),)
    assert calendar.periods.names == mainland_china().periods.names | {"founders-day-2026"}
    changed = calendar.periods.find("spring-festival-2026")
    assert changed == Period.of_days("spring-festival-2026", day("2026-02-16"), day("2026-02-20"))
    assert Workdays(years=frozenset({2020, 2022})).stretches() == (
        (day("2020-01-01"), day("2020-12-31")),
        (day("2022-01-01"), day("2022-12-31")),
    )


def test_a_year_may_merge_another_and_say_something_else_of_it() -> None:
    read = read_calendar(
        "years:\n"
        "  2026: &usual {holidays: {}, worked: [2026-02-14]}\n"
        "  2027: &other {<<: *usual, worked: []}\n"
        "  2028: {<<: *other}\n"
    )
    workdays = mainland_china().with_own(read).workdays
    assert [workdays.is_workday(day(each)) for each in ("2026-02-14", "2027-02-13", "2028-02-12")] == [
        True,
        False,
        False,
    ]


LAUGHS = "a: &a0 {x: 1}\n" + "".join(
    f"a{each}: &a{each} {{<<: [{', '.join([f'*a{each - 1}'] * 20)}]}}\n" for each in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("years: {2026: {worked: [2026-02-16]}}", "2026-02-16 is worked anyway"),
        ("years: {2026: {holidays: {x: [2026-02-14]}, worked: [2026-02-14]}}", "both a holiday and worked"),
        ("weekend: [1, 2, 3, 4, 5, 6, 7]", "a weekend has some"),
        ("weekend: [0]", "a weekend has some"),
        ("weekend: 5", "weekend is no list of days"),
        ("weekend: 0", "weekend is no list of days"),
        ("weekend: [[6]]", "weekend is no list of days"),
        ("years: {soon: {}}", "'soon' is no year"),
        ("years: {2026: {holiday: {}}}", "years.2026 has no 'holiday'"),
        ("years: {2026: {holidays: {x: 2026-02-14}}}", "years.2026.holidays.x is no list of days"),
        ("years: {2026: {holidays: {x: [2026-02-14, 2026-02-13]}}}", "the first and the last"),
        ("years: {2026: {holidays: {x: [2020-02-14]}}}", "x has no day of 2026; put it into its own year"),
        ("years: {2027: {holidays: {x: [2026-01-05]}}}", "x has no day of 2027"),
        ("years: {2027: {holidays: {x: [2024-12-31, 2027-01-02]}}}", "lies in another year"),
        ("years: {2026: {worked: [2027-02-13]}}", "2027-02-13 lies in another year"),
        ("years: {2026: {worked: [tomorrow]}}", "years.2026.worked is no list of days"),
        ("periods: {x: [2026-02-14, 2026-02-15]}", "periods.x is not"),
        ('periods: {x: ["soon", "later"]}', "'soon' or 'later' is no moment"),
        ('periods: {x: ["2026-02-15T00:00", "2026-02-15T00:00"]}', "ends before it starts"),
        ('periods: {x: ["2026-02-15T00:00Z", "2026-02-16T00:00"]}', "one moment names its time zone"),
        ("holidays: {}", "the calendar has no 'holidays'"),
        ("[1]", "no list of names"),
        ("years:\n  2026: {}\n  0x7ea: {}", "line 3: '2026' stands twice"),
        ("periods: {x: [], x: []}", "'x' stands twice"),
        ("years: {2026: {worked: [], worked: []}}", "'worked' stands twice"),
        ("{", "no YAML"),
        ("[" * 9_000, "no YAML"),
        ("!!map [1]", "no YAML"),
        ("years: !!map [1]", "no YAML"),
        ("? !!set a", "no YAML"),
        ("? !!seq a", "no YAML"),
        ("{? !!timestamp x : []}", "no YAML"),
        (LAUGHS, "merge less"),
        ("# nothing yet", "the calendar is empty; write {}"),
        ("x" * 200_001, "200001 characters"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(text: str, problem: str) -> None:
    with pytest.raises(CalendarInvalid, match=problem):
        read_calendar(text)


def test_names_stand_once_and_are_not_too_many() -> None:
    period = Period.of_days("x", day("2026-01-01"), day("2026-01-02"))
    with pytest.raises(CalendarInvalid, match="one name"):
        Periods((period, period))
    with pytest.raises(CalendarInvalid, match="limit is 1000"):
        Periods(
            tuple(Period.of_days(f"p{each}", day("2026-01-01"), day("2026-01-02")) for each in range(1_001))
        )
    with pytest.raises(CalendarInvalid, match="64 characters"):
        Periods((Period.of_days("x" * 65, day("2026-01-01"), day("2026-01-02")),))
