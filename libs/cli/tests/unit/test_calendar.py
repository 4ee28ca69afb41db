"""A tenant's own calendar: files in and out, and what a file would change."""

from pathlib import Path

import grpc
import pytest
from cli.calls import calendar
from cli.calls.calendar import Difference
from cli.exits import Exit, Refusal
from huaxiang.identity.v1 import tenant_settings_service_pb2 as pb
from huaxiang.identity.v1 import tenant_settings_service_pb2_grpc as rpc
from rules.calendars import Calendar, mainland_china, read_stated, shipped_text

OWN = """
years:
  2027:
    holidays: {spring-festival: [2027-02-05, 2027-02-11], founders-day: [2027-03-04]}
    worked: [2027-02-14]
periods:
  618-2026: ["2026-05-13T20:00", "2026-06-21T00:00"]
  周年庆: ["2026-03-04T20:00:00+08:00", "2026-03-09T00:00:00+08:00"]
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "calendar.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_shown_is_what_is_read(tmp_path: Path) -> None:
    settings = calendar.read_file(file(tmp_path, OWN))
    assert calendar.read_file(file(tmp_path, calendar.text(settings))) == settings
    assert [each.name for each in settings.calendar] == ["618-2026", "周年庆"]
    assert calendar.text(calendar.Settings()) == "{}\n"
    assert calendar.read_file(file(tmp_path, "{}")) == calendar.Settings()


def test_the_shipped_calendar_can_be_copied(tmp_path: Path) -> None:
    copied = calendar.text(calendar.settings_of(read_stated(shipped_text())))
    assert Calendar.of(read_stated(copied)) == mainland_china()


def test_differences_are_named_with_what_they_replace(tmp_path: Path) -> None:
    before = calendar.read_file(file(tmp_path, OWN))
    after = calendar.read_file(
        file(tmp_path, 'years: {2026: {}}\nperiods: {618-2026: ["2026-06-01", "2026-06-21"]}')
    )
    assert calendar.differences(before, after) == [
        Difference("2026", "created", shipped=True),
        Difference("2027", "deleted", shipped=False),
        Difference("618-2026", "changed", shipped=True),
        Difference("周年庆", "deleted", shipped=False),
    ]
    assert calendar.differences(before, before) == []


def test_what_is_stored_in_other_words_is_no_change(tmp_path: Path) -> None:
    stored = calendar.Settings(
        calendar=[
            {"name": "sale", "start": "2026-06-01T00:00:00Z", "end": "2026-06-02T00:00Z"},
            {"name": "fair", "start": "2026-06-01", "end": "20260602T00"},
        ],
        years=[{"year": 2027, "worked_days": ["20270214"]}],
    )
    shown = calendar.read_file(file(tmp_path, calendar.text(stored)))
    assert shown != stored
    assert calendar.differences(stored, shown) == []
    shown.calendar[0].start = "2026-06-01T00:00:00"
    shown.calendar[0].end = "2026-06-02T00:00:00"
    assert calendar.differences(stored, shown) == [Difference("sale", "changed", shipped=False)]


def test_ends_that_are_stored_unlike_are_shown_alike(tmp_path: Path) -> None:
    stored = calendar.Settings(
        time_zone="Asia/Shanghai",
        calendar=[{"name": "sale", "start": "2026-06-01T00:00:00Z", "end": "2026-06-02T00:00"}],
    )
    shown = calendar.read_file(file(tmp_path, calendar.text(stored)))
    assert shown.calendar[0].end == "2026-06-02T00:00:00+08:00"
    assert calendar.differences(stored, shown) == []


class Identity(rpc.TenantSettingsServiceServicer):
    async def GetTenantSettings(self, request, context):  # noqa: N802  # the rpc's name
        return pb.GetTenantSettingsResponse(settings={"time_zone": "Asia/Shanghai"}, etag="1")


async def test_a_plan_refuses_what_identity_would() -> None:
    server = grpc.aio.server()
    rpc.add_TenantSettingsServiceServicer_to_server(Identity(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    wanted = calendar.Settings(years=[{"year": each} for each in range(2030, 2041)])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(Refusal, match="has 11 years, the limit is 10") as refused:
            await calendar.put(channel, wanted, only_plan=True)
    assert (refused.value.code, refused.value.reason) == (Exit.BAD_DATA, "INVALID_FIELD")
    await server.stop(None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("periods: {x: [], x: []}", "'x' stands twice"),
        ("weekend: [5, 6]", "leave it out"),
        ("years: {2027: {worked: [2027-02-15]}}", "2027-02-15 is worked anyway"),
        ("holidays: {}", "the calendar has no 'holidays'"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Refusal, match=problem):
        calendar.read_file(file(tmp_path, text))
