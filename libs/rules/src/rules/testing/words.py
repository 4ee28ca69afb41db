"""The values that random rules and random people draw from, few enough that they meet."""

import datetime as dt
from functools import cache

from rules.calendars import Period, Periods, mainland_china
from rules.values import SCALE

AS_OF = dt.datetime(2026, 3, 31, 10, 30, tzinfo=dt.UTC)
TEXTS = ("a", "b", "ab", "上海", "北京", "it's", "A-1", "x y")
NUMBERS = tuple(int(each * SCALE) for each in (-2, -1, 0, 0.5, 1, 1.5, 2, 3, 5, 10, 99.99, 100))
DAYS = tuple(
    dt.date.fromisoformat(each)
    for each in (
        "1980-02-29", "1999-12-31", "2000-01-01", "2025-12-31", "2026-01-01", "2026-02-28", "2026-03-01",
        "2026-03-24", "2026-03-25", "2026-03-30", "2026-03-31", "2026-04-01", "2026-04-30",
    )
)  # fmt: skip
NEAR_PERIODS = ("sale", "flash", "first-quarter", "spring-festival-2026")
MOMENTS = (
    AS_OF,
    AS_OF - dt.timedelta(minutes=1),
    AS_OF - dt.timedelta(hours=1),
    AS_OF - dt.timedelta(hours=24),
    AS_OF - dt.timedelta(days=7),
    AS_OF - dt.timedelta(days=30, microseconds=1),
    dt.datetime(2026, 3, 30, 16, tzinfo=dt.UTC),  # midnight in Shanghai
    dt.datetime(2026, 2, 28, 15, 59, 59, 999999, tzinfo=dt.UTC),
    dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC),
)
PATTERNS = ("a", "^a", "b$", "^[a-z]+$", "上.", "a|北", "(?:a|b){1,2}", "[^a]", "A\\-[0-9]")


@cache
def periods() -> Periods:
    """Those that are shipped, and some that begin and end when random events happen."""
    own = [
        Period.of_texts("sale", "2026-03-24T20:00", "2026-03-31T00:00"),
        Period("flash", AS_OF - dt.timedelta(hours=24), AS_OF),
        Period.of_days("first-quarter", dt.date(2026, 1, 1), dt.date(2026, 3, 31)),
    ]
    return mainland_china().periods.with_own(own)
