"""A tenant's calendar: the named periods that DURING means, and which days are worked."""

from .periods import CalendarInvalid, Period, Periods
from .reading import Calendar, mainland_china, read_calendar
from .workdays import Workdays

__all__ = ["Calendar", "CalendarInvalid", "Period", "Periods", "Workdays", "mainland_china", "read_calendar"]
