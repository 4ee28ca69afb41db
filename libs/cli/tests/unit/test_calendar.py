"""A tenant's own calendar: files in and out, what a file would change, and whom that touches."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from cli.calls import calendar
from cli.calls.calendar import Difference
from cli.calls.period_uses import PeriodUse
from cli.commands import calendar as commands
from cli.exits import Exit, Refusal
from huaxiang.identity.v1 import tenant_settings_service_pb2 as settings_pb
from huaxiang.identity.v1 import tenant_settings_service_pb2_grpc as settings_rpc
from huaxiang.segments.v1 import segment_use_service_pb2 as segment_pb
from huaxiang.segments.v1 import segment_use_service_pb2_grpc as segment_rpc
from huaxiang.tagging.v1 import tag_use_service_pb2 as tag_pb
from huaxiang.tagging.v1 import tag_use_service_pb2_grpc as tag_rpc
from rules.calendars import Calendar, mainland_china, read_stated, shipped_text
from typer.testing import CliRunner

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


class Suite(
    settings_rpc.TenantSettingsServiceServicer,
    tag_rpc.TagUseServiceServicer,
    segment_rpc.SegmentUseServiceServicer,
):
    """Of a tenant whose tag and segments name its sale, and one the shipped 618 of 2026."""

    def __init__(self) -> None:
        self.settings = calendar.Settings(
            time_zone="Asia/Shanghai",
            calendar=[
                {"name": "sale", "start": "2026-06-01T00:00:00", "end": "2026-06-02T00:00:00"},
                {"name": "fair", "start": "2026-06-01T00:00:00", "end": "2026-06-02T00:00:00"},
            ],
        )

    def GetTenantSettings(self, request, context):  # noqa: N802  # the rpc's name
        return settings_pb.GetTenantSettingsResponse(settings=self.settings, etag="1")

    def UpdateTenantSettings(self, request, context):  # noqa: N802  # the rpc's name
        assert request.etag == "1"
        self.settings = request.settings
        return settings_pb.UpdateTenantSettingsResponse()

    def ListPeriodUses(self, request, context):  # noqa: N802  # the rpc's name
        of_tags, of_segments = {"sale": ["buyers"]}, {"sale": ["a", "b"], "618-2026": ["early"]}
        if isinstance(request, tag_pb.ListPeriodUsesRequest):
            return tag_pb.ListPeriodUsesResponse(
                uses=[{"period": each, "tag_ids": of_tags.get(each, [])} for each in request.periods]
            )
        return segment_pb.ListPeriodUsesResponse(
            uses=[{"period": each, "segment_ids": of_segments.get(each, [])} for each in request.periods]
        )


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    server, suite = grpc.server(ThreadPoolExecutor(1)), Suite()
    settings_rpc.add_TenantSettingsServiceServicer_to_server(suite, server)
    tag_rpc.add_TagUseServiceServicer_to_server(suite, server)
    segment_rpc.add_SegmentUseServiceServicer_to_server(suite, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def ask(folder: object, service: str, work: Any, key: object = None) -> Any:
        async def asked() -> Any:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                return await work(channel)

        return asyncio.run(asked())

    monkeypatch.setattr(commands, "ask", ask)
    yield suite
    server.stop(None).wait()


def run(*arguments: object) -> Any:
    return CliRunner().invoke(commands.app, [str(each) for each in arguments])


def test_a_plan_refuses_what_identity_would(suite: Suite, tmp_path: Path) -> None:
    years = "".join(f"{year}: {{}}, " for year in range(2030, 2041))
    told = run("plan", file(tmp_path, f"years: {{{years}}}"), "--json")
    error = json.loads(told.stdout)["error"]
    assert (error["exit_code"], error["reason"]) == (Exit.BAD_DATA, "INVALID_FIELD")
    assert "has 11 years, the limit is 10" in error["message"]


def test_a_period_in_use_is_named_and_goes_by_force_alone(suite: Suite, tmp_path: Path) -> None:
    without = file(tmp_path, 'periods: {618-2026: ["2026-06-01T00:00", "2026-06-21T00:00"]}')
    told = run("plan", without, "--json")
    assert json.loads(told.stdout)["uses"] == [
        {"period": "618-2026", "becomes": "moves", "tags": [], "segments": ["early"]},
        {"period": "sale", "becomes": "goes", "tags": ["buyers"], "segments": ["a", "b"]},
    ]
    assert "buyers" in run("plan", without).stdout
    refused = run("apply", without)
    assert refused.exit_code == Exit.CONFLICT
    assert "'sale' is in use: tags buyers; segments a, b; change their rules first" in refused.stderr
    assert len(suite.settings.calendar) == 2, "refused, nothing has changed"
    assert run("apply", without, "--force").exit_code == Exit.OK
    assert [each.name for each in suite.settings.calendar] == ["618-2026"]


def test_what_moves_or_is_shipped_too_does_not_go(suite: Suite, tmp_path: Path) -> None:
    """The same moments in other words stay; what nobody names goes."""
    moved = file(tmp_path, 'periods: {sale: ["2026-06-01", "2026-06-03"]}')
    assert run("apply", moved).exit_code == Exit.OK
    suite.settings.calendar.add(name="618-2026", start="2026-06-01T00:00:00", end="2026-06-21T00:00:00")
    same = file(tmp_path, 'periods: {sale: ["2026-05-31T16:00Z", "2026-06-02T16:00Z"]}')
    found = json.loads(run("apply", same, "--json").stdout)
    assert found["uses"] == [{"period": "618-2026", "becomes": "moves", "tags": [], "segments": ["early"]}]


def test_an_error_names_some_of_many_users() -> None:
    told = PeriodUse("sale", "goes", tuple(f"t{each}" for each in range(12)), ()).told()
    assert told.endswith("t8, t9 and 2 more")


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
