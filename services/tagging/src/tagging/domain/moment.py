"""When values are asked for."""

import datetime as dt
from dataclasses import dataclass

from rules.windows import CalendarSettings


@dataclass(frozen=True, slots=True)
class Moment:
    """`as_of` and the tenant's calendar."""

    as_of: dt.datetime
    calendar: CalendarSettings
