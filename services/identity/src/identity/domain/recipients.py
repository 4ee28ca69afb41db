"""What decides over messages to a person beside consent: where it is, and whether it is a child."""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ADULT_YEARS = 14
"""Personal data of children below this age is sensitive by law (PIPL 28)."""


def zone_named(stated: str, otherwise: str) -> str:
    """The stated time zone when it is one of IANA's, otherwise the other; a zone that nobody knows is never UTC."""
    return stated if stated and _is_zone(stated) else otherwise


def is_minor(birth_date: dt.date | None, now: dt.datetime, zone: str) -> bool:
    """Whether a person is below 14 on the day that it is in an IANA zone; who is born on 29 February has a birthday on
    1 March in common years. Nobody is when nothing is known."""
    if birth_date is None:
        return False
    today = now.astimezone(ZoneInfo(zone)).date()
    years = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    return years < ADULT_YEARS


@lru_cache(maxsize=1_024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
