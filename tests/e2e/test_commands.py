"""Commands that read and change what a running suite holds."""

from datetime import UTC, datetime
from pathlib import Path

from cli.exits import Exit
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from said import ingest, record
from suite_process import SuiteProcess

NOW = datetime(2026, 6, 30, 3, tzinfo=UTC)


def test_settings_change_one_by_one(suite: SuiteProcess) -> None:
    assert suite.command("settings", "show")["time_zone"] == "Asia/Shanghai"
    assert suite.command("settings", "set", "--week-start", "7")["week_start"] == 7
    changed = suite.command("settings", "set", "--time-zone", "Europe/London", "--currency", "GBP")
    assert (changed["time_zone"], changed["currency"], changed["week_start"]) == ("Europe/London", "GBP", 7)
    assert suite.command("settings", "show") == changed
    assert suite.run("settings", "set", "--time-zone", "Mars/Base").returncode == Exit.BAD_DATA
    assert suite.run("settings", "set").returncode == Exit.USAGE
    assert suite.command("settings", "show") == changed


async def test_members_are_exported_as_they_are_and_as_they_were(suite: SuiteProcess, tmp_path: Path) -> None:
    async def buy(numbers: range) -> list[int]:
        records = [
            record("pos", f"o{n}", NOW, {"member_id": f"M{n}"}, "order_paid", {"amount": 1}) for n in numbers
        ]
        async with suite.channel("identity") as channel:
            answer = await ingest(IngestServiceStub(channel), records)
        return sorted(each.person_id for each in answer.results)

    first = await buy(range(7))
    suite.command("segments", "create", "buyers", "--rule", "COUNT(order_paid) >= 1")
    frozen = suite.command("segments", "snapshot", "buyers")["snapshot_id"]
    assert suite.command("segments", "export", "buyers")["person_ids"] == first

    more = sorted(first + await buy(range(7, 10)))
    suite.command("segments", "snapshot", "buyers")
    file = tmp_path / "buyers.csv"
    for _ in range(100):
        assert suite.run("segments", "export", "buyers", "--to", str(file)).returncode == Exit.OK
        if len(file.read_text().split()) > len(more):
            break
    assert file.read_text().split() == ["person_id", *map(str, more)]
    (everybody,) = suite.command("segments", "funnel", "order_paid", "order_paid", "--audience", "buyers")[
        "groups"
    ]
    once, twice = (each["persons"] for each in everybody["steps"])
    assert (int(once), int(twice)) == (len(more), 0)
    said = suite.run("segments", "export", "buyers", "--snapshot", frozen)
    assert said.stdout.split() == ["person_id", *map(str, first)]
    other = suite.run("segments", "export", "others", "--snapshot", frozen)
    assert other.returncode == Exit.BAD_DATA
    assert "segment buyers" in other.stderr
    assert suite.run("segments", "export", "nosuch").returncode != Exit.OK
