"""Which measurements are kept: of a day that is over its last one, of the present day the latest few."""

import datetime as dt
from collections.abc import Sequence

KEEP_DAYS = 60
LEAST_KEEP_DAYS = 31
"""A day longer than the month that drift looks back."""
MAX_KEEP_DAYS = 3 * 366
MAX_OF_TODAY = 24


def outdated(times: Sequence[dt.datetime], now: dt.datetime, keep_days: int) -> list[dt.datetime]:
    """Those of the times (ascending) that go. Days are of UTC; the latest always stays."""
    horizon = now - dt.timedelta(days=keep_days)
    kept: set[dt.datetime] = set(times[-1:])
    of_day = {each.date(): each for each in times}
    kept |= {each for day, each in of_day.items() if each > horizon and day < now.date()}
    kept |= set([each for each in times if each.date() >= now.date()][-MAX_OF_TODAY:])
    return [each for each in times if each not in kept]
