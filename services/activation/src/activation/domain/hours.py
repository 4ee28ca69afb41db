"""Hours in which messages may be sent, in time zones of their own."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_MINUTES = 1_440
DEFAULT_ZONE = "Asia/Shanghai"
"""Of whom no zone is known. It is never UTC."""
JITTER_S = 1_800
"""What waits for an opening is spread over so long, so that not everything leaves at 08:00."""
_LOOKS = 8
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes [start, end) of every day, 0 <= start < end <= 1,440."""

    start: int
    end: int

    def within(self, outer: "Hours") -> bool:
        """Whether these hours lie inside others."""
        return outer.start <= self.start and self.end <= outer.end


@dataclass(frozen=True, slots=True)
class Window:
    """Hours as they are in a zone."""

    hours: Hours
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Opening:
    """Moments [start, end) in which every window is open; UTC."""

    start: dt.datetime
    end: dt.datetime


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name; the default for a name that is none."""
    try:
        return ZoneInfo(name) if name else ZoneInfo(DEFAULT_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(DEFAULT_ZONE)


def opening(windows: Sequence[Window], now: dt.datetime) -> Opening | None:
    """The first opening that has not ended by `now`; it may begin later. None when the windows never meet. No windows
    are always open, until the day ends at UTC."""
    at = now
    for _ in range(_LOOKS):
        spans = [_span(window, at) for window in windows]
        start = max((span.start for span in spans), default=now)
        end = min((span.end for span in spans), default=at + _DAY)
        if start < end:
            return Opening(start, end)
        at = start
    return None


def jittered(opens: Opening, delivery_id: str) -> dt.datetime:
    """When a row that waits for an opening is due: up to half an hour after it begins, by a hash of the row, and always
    inside it."""
    lot = int.from_bytes(hashlib.blake2b(delivery_id.encode(), digest_size=4).digest(), "big") / 2**32
    span_s = min(float(JITTER_S), (opens.end - opens.start).total_seconds() / 2)
    return opens.start + dt.timedelta(seconds=lot * span_s)


def local_day(zone: ZoneInfo, now: dt.datetime) -> dt.date:
    """The day that it is in a zone."""
    return now.astimezone(zone).date()


def end_of_day(zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """The zone's next midnight, UTC."""
    return _moment(local_day(zone, now), DAY_MINUTES, zone)


def _span(window: Window, at: dt.datetime) -> Opening:
    """The window's hours around `at`, or the next ones after it."""
    day = local_day(window.zone, at)
    while True:
        end = _moment(day, window.hours.end, window.zone)
        if at < end:
            return Opening(_moment(day, window.hours.start, window.zone), end)
        day += _DAY


def _moment(day: dt.date, minute: int, zone: ZoneInfo) -> dt.datetime:
    """A minute of a zone's day; one that summer time leaves out is the moment at which it would have been."""
    days, rest = divmod(minute, DAY_MINUTES)
    local = dt.datetime.combine(day + days * _DAY, dt.time(rest // 60, rest % 60), zone)
    return local.astimezone(dt.UTC)
