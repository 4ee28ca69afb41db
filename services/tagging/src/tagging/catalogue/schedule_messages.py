"""Schedules as messages of the contract, both ways."""

from huaxiang.tagging.v1 import tag_pb2 as pb
from tagging.domain.schedule import (
    Daily,
    EveryMinutes,
    Hourly,
    Monthly,
    OnEvent,
    OnTag,
    Quarterly,
    Schedule,
    ScheduleInvalid,
    Weekly,
)


def schedule_message(schedule: Schedule) -> pb.TagSchedule:
    match schedule:
        case EveryMinutes(minutes):
            return pb.TagSchedule(every_minutes=minutes)
        case Hourly(minute):
            return pb.TagSchedule(hourly_minute=minute)
        case Daily():
            return pb.TagSchedule(daily=_at(schedule))
        case Weekly(day):
            return pb.TagSchedule(weekly=pb.WeeklySchedule(day=day, at=_at(schedule)))
        case Monthly(day):
            return pb.TagSchedule(monthly=pb.MonthlySchedule(day=day, at=_at(schedule)))
        case Quarterly(month, day):
            said = pb.QuarterlySchedule(month=month, day=day, at=_at(schedule))
            return pb.TagSchedule(quarterly=said)
        case OnEvent(event_type):
            return pb.TagSchedule(on_event_type=event_type)
        case OnTag(tag_id):
            return pb.TagSchedule(on_tag_id=tag_id)


def schedule_of(message: pb.TagSchedule) -> Schedule:
    """Raises ScheduleInvalid when it says nothing; whether it keeps to its limits is for its check."""
    match message.WhichOneof("when"):
        case "every_minutes":
            return EveryMinutes(message.every_minutes)
        case "hourly_minute":
            return Hourly(message.hourly_minute)
        case "daily":
            return Daily(message.daily.hour, message.daily.minute)
        case "weekly":
            said = message.weekly
            return Weekly(said.day, said.at.hour, said.at.minute)
        case "monthly":
            month = message.monthly
            return Monthly(month.day, month.at.hour, month.at.minute)
        case "quarterly":
            quarter = message.quarterly
            return Quarterly(quarter.month, quarter.day, quarter.at.hour, quarter.at.minute)
        case "on_event_type":
            return OnEvent(message.on_event_type)
        case "on_tag_id":
            return OnTag(message.on_tag_id)
    raise ScheduleInvalid("when: is not said")


def _at(schedule: Daily | Weekly | Monthly | Quarterly) -> pb.TimeOfDay:
    return pb.TimeOfDay(hour=schedule.hour, minute=schedule.minute)
