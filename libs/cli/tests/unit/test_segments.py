"""Segments asked for by hand: one name that nobody knows spoils no answer, and is told."""

import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from cli.calls import segments
from cli.calls.segment_folders import listed
from cli.calls.segment_history import members_at
from cli.calls.segments import Checked, Exported, check_each
from cli.commands import segments as commands
from cli.exits import Exit, Refusal, explanation
from cli.suite.folder import SuiteFolder
from cli.suite.running import RunningSuite
from cli.suite.secrets import create_secrets
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import person_service_pb2 as person_pb
from huaxiang.identity.v1 import person_service_pb2_grpc
from huaxiang.segments.v1 import (
    folder_service_pb2,
    folder_service_pb2_grpc,
    membership_service_pb2,
    membership_service_pb2_grpc,
    segment_pb2,
    segment_service_pb2,
    segment_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
)
from typer.testing import CliRunner

MEMBER, OTHER = 7, 8
NOON = 1_774_929_600


class People(person_service_pb2_grpc.PersonServiceServicer):
    async def ResolveIdentifiers(self, request, context):  # noqa: N802  # the rpc's name
        """Knows one phone, and no namespace but phone."""
        (asked,) = request.identifiers
        if asked.namespace != "phone":
            found = person_pb.ResolvedIdentifier(problem="is not a declared namespace")
        else:
            found = person_pb.ResolvedIdentifier(person_id=OTHER if asked.value == "13800000001" else 0)
        return person_pb.ResolveIdentifiersResponse(results=[found])


class Members(membership_service_pb2_grpc.MembershipServiceServicer):
    async def CheckMembership(self, request, context):  # noqa: N802  # the rpc's name
        assert request.person_ids
        return membership_service_pb2.CheckMembershipResponse(
            persons=[
                membership_service_pb2.PersonMembership(person_id=each, members=[each == MEMBER])
                for each in request.person_ids
            ],
            freshness=segment_pb2.Freshness(warnings=["of yesterday"], as_of=Timestamp(seconds=NOON)),
        )


class Folders(folder_service_pb2_grpc.FolderServiceServicer):
    async def ListFolders(self, request, context):  # noqa: N802  # the rpc's name
        there = request.below == "empty"
        return folder_service_pb2.ListFoldersResponse(folders=[{"path": "empty"}] if there else [])


class Segments(segment_service_pb2_grpc.SegmentServiceServicer):
    async def GetSegment(self, request, context):  # noqa: N802  # the rpc's name
        await context.abort(grpc.StatusCode.NOT_FOUND, f"segment {request.segment_id} does not exist")

    async def ListSegments(self, request, context):  # noqa: N802  # the rpc's name
        return segment_service_pb2.ListSegmentsResponse()

    async def DeleteSegment(self, request, context):  # noqa: N802  # the rpc's name
        return segment_service_pb2.DeleteSegmentResponse()


class Lists(snapshot_service_pb2_grpc.SnapshotServiceServicer):
    async def ExportMembers(self, request, context):  # noqa: N802  # the rpc's name
        yield snapshot_service_pb2.ExportMembersResponse(
            person_ids=struct.pack("<2I", 1, 2), warnings=["of yesterday"]
        )
        yield snapshot_service_pb2.ExportMembersResponse(person_ids=struct.pack("<I", 3))


@pytest.fixture
async def suite(tmp_path: Path) -> AsyncIterator[RunningSuite]:
    server = grpc.aio.server()
    person_service_pb2_grpc.add_PersonServiceServicer_to_server(People(), server)
    membership_service_pb2_grpc.add_MembershipServiceServicer_to_server(Members(), server)
    segment_service_pb2_grpc.add_SegmentServiceServicer_to_server(Segments(), server)
    folder_service_pb2_grpc.add_FolderServiceServicer_to_server(Folders(), server)
    snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server(Lists(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    yield RunningSuite(folder, 1, {name: {"port": port} for name in ("identity", "segments")})
    await server.stop(None)


async def test_who_is_nobody_is_told_beside_the_others_in_the_order_asked(suite: RunningSuite) -> None:
    who = ["nobody=1", str(MEMBER), "phone=1", "phone=13800000001", "gibberish"]
    found = await check_each(suite, "s", who)
    unknown, member, stranger, other, gibberish = found.persons
    assert member == Checked(str(MEMBER), MEMBER, True)
    assert other == Checked("phone=13800000001", OTHER, False)
    assert unknown.problem == "nobody: is not a declared namespace"
    assert "nobody is known" in stranger.problem
    assert "neither a person id" in gibberish.problem
    assert (found.warnings, found.as_of) == (["of yesterday"], "2026-03-31T04:00:00Z")


async def test_nobody_at_all_asks_no_service(suite: RunningSuite) -> None:
    found = await check_each(suite, "s", ["nobody=1"])
    assert [each.member for each in found.persons] == [None]
    assert found.as_of == ""


async def test_deleting_what_is_not_there_is_told_as_bad_input(suite: RunningSuite) -> None:
    async with suite.channel("segments") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await segments.delete(channel, "nosuch")
    explained = explanation(refused.value)
    assert explained is not None
    assert explained[1] is Exit.BAD_DATA


async def test_a_folder_that_is_not_there_is_told_and_an_empty_one_is_empty(suite: RunningSuite) -> None:
    async with suite.channel("segments") as channel:
        assert await listed(channel, "empty", owner="", brand=None) == []
        with pytest.raises(Refusal, match="there is no folder nosuch"):
            await listed(channel, "nosuch", owner="", brand=None)


async def test_what_is_said_of_members_goes_along_with_them(suite: RunningSuite) -> None:
    async with suite.channel("segments") as channel:
        assert await segments.export(channel, "s") == Exported([1, 2, 3], ["of yesterday"])


def test_what_is_said_of_members_is_told_beside_their_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "ask", lambda *given: Exported([1, 2], ["of yesterday"]))
    told = CliRunner().invoke(commands.app, ["export", "s"])
    assert (told.stdout.split(), told.stderr) == (["person_id", "1", "2"], "note: of yesterday\n")
    answer = json.loads(CliRunner().invoke(commands.app, ["export", "s", "--json"]).stdout)
    assert (answer["warnings"], answer["person_ids"]) == (["of yesterday"], [1, 2])


def test_members_are_those_of_a_day_or_of_a_snapshot() -> None:
    assert members_at("1970-01-03").day == 2
    assert members_at("0" * 31 + "a").snapshot_id.endswith("a")
    assert members_at("").WhichOneof("kept") is None
    with pytest.raises(Refusal, match="neither a day such as 2026-03-31 nor a snapshot's id"):
        members_at("nonsense")
