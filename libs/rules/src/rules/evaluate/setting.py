"""What a rule's truth depends on besides the data: the schema, the moment and the tenant's calendar."""

import datetime as dt
from dataclasses import dataclass, field

from rules.schema import Schema
from rules.windows import CalendarSettings


@dataclass(frozen=True, slots=True)
class Setting:
    """`as_of` is aware; events after it do not exist, and today is its day in the tenant's time zone."""

    schema: Schema
    as_of: dt.datetime
    calendar: CalendarSettings = field(default_factory=CalendarSettings)

    @property
    def today(self) -> dt.date:
        return self.calendar.day_of(self.as_of)
