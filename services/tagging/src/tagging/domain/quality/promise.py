"""How old values may be: what the owner says, else what the schedule implies."""

from math import ceil

from tagging.domain.definition import TagDefinition, Update
from tagging.domain.kinds.families import TOLD
from tagging.domain.schedule import Daily, EveryMinutes, Hourly, Monthly, Quarterly, Schedule, Weekly

STREAM_HOURS = 2
"""Values of the stream stand at the tenant's day, which rolls within minutes of midnight."""
_DAY = 24


def promised_hours(definition: TagDefinition) -> int:
    """0 when nothing is promised: SQL and other tags of runs without a schedule, told values, schedules that wait for
    something to happen."""
    if definition.quality.fresh_hours:
        return definition.quality.fresh_hours
    if isinstance(definition.kind, TOLD):
        return 0
    if definition.update is Update.STREAM:
        return STREAM_HOURS
    return _of_schedule(definition.schedule)


def _of_schedule(schedule: Schedule | None) -> int:
    """A period and about a twelfth of it, for the run itself."""
    match schedule:
        case EveryMinutes(minutes):
            return ceil(2 * minutes / 60)
        case Hourly():
            return 2
        case Daily():
            return _DAY + 2
        case Weekly():
            return 7 * _DAY + 14
        case Monthly():
            return 31 * _DAY + 62
        case Quarterly():
            return 92 * _DAY + 184
    return 0
