"""TenantSettingsService over a real channel."""

import grpc
import pytest
from huaxiang.identity.v1 import tenant_settings_pb2, tenant_settings_service_pb2_grpc
from huaxiang.identity.v1 import tenant_settings_service_pb2 as settings
from kept_service import TenantsServer
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

Stub = tenant_settings_service_pb2_grpc.TenantSettingsServiceStub
Settings = tenant_settings_pb2.TenantSettings
PERIOD = tenant_settings_pb2.CalendarPeriod(
    name="double11-2026", start="2026-10-31T20:00:00", end="2026-11-12T00:00:00+08:00"
)
SPRING = tenant_settings_pb2.Holiday(name="spring-festival", first_day="2027-02-05", last_day="2027-02-11")
YEAR = tenant_settings_pb2.CalendarYear(year=2027, holidays=[SPRING], worked_days=["2027-02-14"])
LONG = {"name": "long", "first_day": "2027-01-01"}
DEFAULTS = Settings(time_zone="Asia/Shanghai", week_start=1, currency="CNY")


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


async def get(server: LocalServer, tenant: str = "t1") -> settings.GetTenantSettingsResponse:
    return await Stub(server.connect("admin", tenant)).GetTenantSettings(settings.GetTenantSettingsRequest())


async def update(
    server: LocalServer, wanted: Settings, etag: str = ""
) -> settings.UpdateTenantSettingsResponse:
    request = settings.UpdateTenantSettingsRequest(settings=wanted, etag=etag)
    return await Stub(server.connect("admin")).UpdateTenantSettings(request)


async def test_defaults_hold_until_settings_are_stored(server: LocalServer) -> None:
    before = await get(server)
    assert before.settings == DEFAULTS
    wanted = Settings(time_zone="Europe/Berlin", calendar=[PERIOD], years=[YEAR])
    stored = await update(server, wanted, before.etag)
    assert (stored.settings.calendar, stored.settings.years) == ([PERIOD], [YEAR])
    assert stored.etag != before.etag
    after = await get(server)
    assert after.settings == stored.settings
    assert (after.settings.time_zone, after.settings.currency) == ("Europe/Berlin", "CNY")
    assert (await get(server, "t2")).settings == DEFAULTS


async def test_equal_settings_change_nothing(server: LocalServer) -> None:
    first = await update(server, Settings(currency="EUR"))
    again = await update(server, Settings(currency="EUR"), first.etag)
    assert (again.etag, again.revision) == (first.etag, first.revision)


async def test_a_stale_etag_is_refused_and_nothing_changes(server: LocalServer) -> None:
    before = await get(server)
    await update(server, Settings(currency="EUR"), before.etag)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await update(server, Settings(currency="USD"), before.etag)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    assert reason_of(refused.value).reason == "ETAG_STALE"
    assert (await get(server)).settings.currency == "EUR"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Settings(time_zone="Mars/Base"), "settings.time_zone"),
        (Settings(time_zone="../etc/passwd"), "settings.time_zone"),
        (Settings(week_start=8), "settings.week_start"),
        (Settings(currency="yuan"), "settings.currency"),
        (Settings(event_retention_days=-1), "settings.event_retention_days"),
        (Settings(calendar=[PERIOD, PERIOD]), "settings.calendar[1].name"),
        (Settings(calendar=[{"name": "x", "start": "soon", "end": "later"}]), "settings.calendar[0].start"),
        (
            Settings(calendar=[{"name": "x", "start": "2026-11-02", "end": "2026-11-01"}]),
            "settings.calendar[0].end",
        ),
        (
            Settings(calendar=[{"name": "x", "start": "0001-01-01T00:00:00", "end": "2026-11-02"}]),
            "settings.calendar[0].start",
        ),
        (
            Settings(
                calendar=[{"name": f"p{n}", "start": "2026-11-01", "end": "2026-11-02"} for n in range(501)]
            ),
            "settings.calendar",
        ),
        (Settings(years=[YEAR, YEAR]), "settings.years[1].year"),
        (Settings(years=[{"year": 20270}]), "settings.years[0].year"),
        (
            Settings(years=[{"year": 2027, "holidays": [SPRING, SPRING]}]),
            "settings.years[0].holidays[1].name",
        ),
        (
            Settings(years=[{"year": 2024, "holidays": [SPRING]}]),
            "settings.years[0].holidays[0].first_day",
        ),
        (
            Settings(years=[{"year": 2028, "holidays": [SPRING]}]),
            "settings.years[0].holidays[0].first_day",
        ),
        (
            Settings(years=[{"year": 2027, "holidays": [{**LONG, "last_day": "2028-12-30"}]}]),
            "settings.years[0].holidays",
        ),
        (
            Settings(years=[{"year": 2027, "worked_days": ["2027-02-15"]}]),
            "settings.years[0].worked_days[0]",
        ),
        (
            Settings(years=[{"year": 2027, "holidays": [SPRING], "worked_days": ["2027-02-06"]}]),
            "settings.years[0].worked_days[0]",
        ),
    ],
)
async def test_bad_settings_name_the_field(server: LocalServer, wanted: Settings, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await update(server, wanted)
    said = reason_of(refused.value)
    assert (said.reason, said.metadata["field"]) == ("INVALID_FIELD", field)
