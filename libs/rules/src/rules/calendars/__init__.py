"""A tenant's calendar: the named periods that DURING means, and which days are worked."""

from .calendar import Calendar, Holiday, Stated, Year
from .periods import CalendarInvalid, Period, Periods
from .reading import mainland_china, read_calendar, read_stated, shipped_text
from .workdays import Workdays

__all__ = [
    "Calendar",
    "CalendarInvalid",
    "Holiday",
    "Period",
    "Periods",
    "Stated",
    "Workdays",
    "Year",
    "mainland_china",
    "read_calendar",
    "read_stated",
    "shipped_text",
]
