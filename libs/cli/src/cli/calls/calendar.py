"""A tenant's own calendar: a file in the form of the shipped one, and the settings that keep it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import yaml
from huaxiang.identity.v1 import tenant_settings_pb2
from huaxiang.identity.v1 import tenant_settings_service_pb2 as pb
from huaxiang.identity.v1.tenant_settings_service_pb2_grpc import TenantSettingsServiceStub
from identity.api.parse import settings as require_valid
from rules.calendars import (
    Calendar,
    CalendarInvalid,
    Holiday,
    Period,
    Stated,
    Year,
    mainland_china,
    read_stated,
)
from rules.windows import CalendarSettings
from servicekit.errors import InvalidField

from cli.exits import Exit, Refusal
from cli.text_files import read_text

Settings = tenant_settings_pb2.TenantSettings
CREATED, CHANGED, DELETED = "created", "changed", "deleted"
GOES, MOVES = "goes", "moves"


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of a period or a year; `shipped`: whether the shipped calendar has one of that name."""

    name: str
    change: str
    shipped: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """`settings` in the place of those with this etag; what `differences` there are; what becomes of the `periods` that
    rules may name, by name: GOES or MOVES."""

    settings: Settings
    etag: str
    differences: list[Difference]
    periods: dict[str, str]


def read_file(path: Path) -> Settings:
    """A file in the form of the shipped calendar, as settings. Raises Refusal."""
    try:
        stated = read_stated(read_text(path))
        if stated.weekend != Stated().weekend:
            raise CalendarInvalid("weekend: it is Saturday and Sunday for every tenant; leave it out")
        Calendar.of(stated)
    except CalendarInvalid as error:
        raise Refusal(f"{path}: {error}", Exit.USAGE) from error
    return settings_of(stated)


def settings_of(stated: Stated) -> Settings:
    """What is stated, in the fields that keep it."""
    periods = [
        tenant_settings_pb2.CalendarPeriod(
            name=each.name, start=each.start.isoformat(), end=each.end.isoformat()
        )
        for each in stated.periods
    ]
    return Settings(calendar=periods, years=map(_year, stated.years))


def _year(year: Year) -> tenant_settings_pb2.CalendarYear:
    holidays = [
        tenant_settings_pb2.Holiday(
            name=each.name, first_day=each.first.isoformat(), last_day=each.last.isoformat()
        )
        for each in year.holidays
    ]
    return tenant_settings_pb2.CalendarYear(
        year=year.year, holidays=holidays, worked_days=[each.isoformat() for each in year.worked]
    )


def document(settings: Settings) -> dict[str, Any]:
    """The tenant's own calendar in the form of a file."""
    day = dt.date.fromisoformat
    years: dict[int, dict[str, Any]] = {}
    for year in settings.years:
        holidays = {each.name: list(dict.fromkeys([each.first_day, each.last_day])) for each in year.holidays}
        said = {
            "holidays": {name: list(map(day, days)) for name, days in holidays.items()},
            "worked": list(map(day, year.worked_days)),
        }
        years[year.year] = {section: each for section, each in said.items() if each}
    periods = {each.name: _ends(each, settings.time_zone) for each in settings.calendar}
    return {section: each for section, each in (("years", years), ("periods", periods)) if each}


def _ends(period: tenant_settings_pb2.CalendarPeriod, time_zone: str) -> list[str]:
    """As stated; where one end alone names its zone, the other names the tenant's."""
    both = [dt.datetime.fromisoformat(each) for each in (period.start, period.end)]
    if (both[0].tzinfo is None) == (both[1].tzinfo is None):
        return [period.start, period.end]
    zone = ZoneInfo(time_zone)
    return [(each if each.tzinfo else each.replace(tzinfo=zone)).isoformat() for each in both]


def text(settings: Settings) -> str:
    """The same as YAML that plan and apply read."""
    said = document(settings)
    if not said:
        return "{}\n"
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def differences(before: Settings, after: Settings) -> list[Difference]:
    """Years first, each in order of name."""
    shipped = mainland_china()
    years = frozenset(map(str, shipped.workdays.years))
    return [
        *_differences(_by_year(before), _by_year(after), years),
        *_differences(_by_name(before), _by_name(after), shipped.periods.names),
    ]


def become(before: Settings, after: Settings) -> dict[str, str]:
    """What becomes of the periods that rules may name now, by name: GOES or MOVES; the others stay. Their time zone is
    that of the settings before."""
    zone = CalendarSettings(before.time_zone)
    old, new = ({each.name: each for each in _whole(settings)} for settings in (before, after))
    found = {}
    for name, period in sorted(old.items()):
        other = new.get(name)
        if other is None:
            found[name] = GOES
        elif [zone.moment(each) for each in (period.start, period.end)] != [
            zone.moment(each) for each in (other.start, other.end)
        ]:
            found[name] = MOVES
    return found


def _whole(settings: Settings) -> tuple[Period, ...]:
    """With the shipped ones."""
    own = Stated(tuple(_by_year(settings).values()), tuple(_by_name(settings).values()))
    return mainland_china().with_own(Calendar.of(own)).periods.all


def _by_year(settings: Settings) -> dict[str, Year]:
    day = dt.date.fromisoformat
    return {
        str(each.year): Year(
            each.year,
            tuple(Holiday(off.name, day(off.first_day), day(off.last_day)) for off in each.holidays),
            tuple(map(day, each.worked_days)),
        )
        for each in settings.years
    }


def _by_name(settings: Settings) -> dict[str, Period]:
    """Moments, not texts: one moment can be written in many ways."""
    return {
        each.name: Period.of_texts(each.name, *_ends(each, settings.time_zone)) for each in settings.calendar
    }


def _differences(
    before: Mapping[str, object], after: Mapping[str, object], shipped: frozenset[str]
) -> list[Difference]:
    found = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            change = CREATED if name not in before else DELETED if name not in after else CHANGED
            found.append(Difference(name, change, name in shipped))
    return found


async def get(channel: grpc.aio.Channel) -> pb.GetTenantSettingsResponse:
    """The settings in force, and their etag."""
    return await TenantSettingsServiceStub(channel).GetTenantSettings(pb.GetTenantSettingsRequest())


async def plan(channel: grpc.aio.Channel, wanted: Settings) -> Planned:
    """What making the tenant's own calendar the wanted one, whole, would change. Raises Refusal for what identity would
    refuse."""
    stored = await get(channel)
    settings = Settings()
    settings.CopyFrom(stored.settings)
    settings.ClearField("calendar")
    settings.ClearField("years")
    settings.MergeFrom(wanted)
    try:
        require_valid(settings)
    except InvalidField as error:
        raise Refusal(error.message, Exit.BAD_DATA, error.reason) from error
    return Planned(
        settings, stored.etag, differences(stored.settings, wanted), become(stored.settings, settings)
    )


async def store(channel: grpc.aio.Channel, planned: Planned) -> None:
    """Does what was planned; all other settings stay. Conflicts when somebody has changed them meanwhile."""
    request = pb.UpdateTenantSettingsRequest(settings=planned.settings, etag=planned.etag)
    await TenantSettingsServiceStub(channel).UpdateTenantSettings(request)
