"""How far back questions look."""

import datetime as dt

from rules.evaluate.setting import Setting
from rules.parser import parse, parse_form
from rules.schema import Catalogue, EventType
from tagging.domain.looked_back import earliest

NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 3, 9, 16, tzinfo=dt.UTC)
SETTING = Setting(
    Catalogue.of(
        (), [EventType("paid", reversed_by=("refunded",)), EventType("refunded"), EventType("seen")]
    ),
    NOON,
)
DAY = dt.timedelta(days=1)


def first(*questions: str) -> dict[str, dt.datetime]:
    return earliest([parse_form(each) for each in questions], SETTING)


def test_the_widest_window_counts() -> None:
    assert first("COUNT(paid) IN LAST 3 DAYS", "COUNT(paid) IN LAST 5 HOURS") == {"paid": MIDNIGHT - 2 * DAY}


def test_a_type_that_is_looked_at_without_a_bound_has_none() -> None:
    assert first("COUNT(paid) IN LAST 3 DAYS", "LAST(paid)", "COUNT(seen) IN LAST 1 DAYS") == {
        "seen": MIDNIGHT
    }


def test_what_net_takes_back_is_looked_at_as_far_as_what_it_takes_from() -> None:
    assert first("SUM(paid.amount NET)", "COUNT(refunded) IN LAST 1 DAYS") == {}
    assert first("SUM(paid.amount NET) IN LAST 2 DAYS", "COUNT(refunded) IN LAST 1 DAYS") == {
        "paid": MIDNIGHT - DAY,
        "refunded": MIDNIGHT - DAY,
    }


def test_steps_of_a_sequence_are_looked_at_in_its_window() -> None:
    rule = parse("SEQUENCE(paid THEN seen) IN LAST 2 DAYS")
    assert earliest([rule], SETTING) == {"paid": MIDNIGHT - DAY, "seen": MIDNIGHT - DAY}
