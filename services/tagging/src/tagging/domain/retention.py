"""How long events are kept, and from which moment on they count.

An event of a day counts for `days` days of the tenant, its own included: of 30 days, today and the 29 before it. The
horizon is what readers go by. It only rises: what has expired stays expired when the rule is loosened later.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.windows import CalendarSettings
from tagging.domain.columns import microseconds

MAX_DAYS = 36_500
MAX_RULES = 500
BEGINNING_US = -(2**62)
"""Before every event."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that events are kept; 0 is for ever. `by_type` goes before `default_days`, the tenant's."""

    default_days: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict)

    def days_of(self, event_type: str) -> int:
        """Of one type."""
        return self.by_type.get(event_type, self.default_days)


@dataclass(frozen=True, slots=True)
class EventHorizon:
    """Events before these moments (microseconds since 1970) do not count, whether they are still stored or not.

    by_type  types that have a moment of their own; all others have `from_us`
    """

    from_us: int = BEGINNING_US
    by_type: Mapping[str, int] = field(default_factory=dict)

    def of(self, event_type: str) -> int:
        """Of one type."""
        return self.by_type.get(event_type, self.from_us)

    @property
    def earliest_us(self) -> int:
        """No event before it counts, whatever its type."""
        return min((self.from_us, *self.by_type.values()))

    def raised(self, retention: Retention, today: dt.date, calendar: CalendarSettings) -> "EventHorizon":
        """The horizon of the tenant's day; no part of it is lower than before."""

        def wanted(days: int) -> int:
            if days == 0:
                return BEGINNING_US
            return microseconds(calendar.midnight(today - dt.timedelta(days - 1)))

        own = {
            event_type: max(self.of(event_type), wanted(retention.days_of(event_type)))
            for event_type in (*self.by_type, *retention.by_type)
        }
        return EventHorizon(max(self.from_us, wanted(retention.default_days)), own)
