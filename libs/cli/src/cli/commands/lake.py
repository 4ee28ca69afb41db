"""lake: the events as plain Parquet for outside readers."""

from typing import TYPE_CHECKING

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    import grpc
    from huaxiang.tagging.v1 import lake_service_pb2 as pb

app = typer.Typer(no_args_is_help=True, help="The event lake: plain Parquet by tenant and day.")
FLUSH_WITHIN_S = 300.0
COMPACT_WITHIN_S = 600.0


@app.command()
@reporting
def flush(folder: Folder = None, as_json: AsJson = False) -> None:
    """Write the recent events to files."""

    async def asked(channel: "grpc.aio.Channel") -> "pb.FlushLakeResponse":
        from huaxiang.tagging.v1 import lake_service_pb2
        from huaxiang.tagging.v1.lake_service_pb2_grpc import LakeServiceStub

        request = lake_service_pb2.FlushLakeRequest()
        return await LakeServiceStub(channel).FlushLake(request, timeout=FLUSH_WITHIN_S)

    answer = ask(SuiteFolder.chosen(folder), "tagging", asked)
    if as_json:
        print_json(as_dict(answer))
    else:
        console.print(f"{answer.event_count:,} events written to {answer.file_count:,} files")


@app.command()
@reporting
def compact(folder: Folder = None, as_json: AsJson = False) -> None:
    """Make few large files of many small ones."""

    async def asked(channel: "grpc.aio.Channel") -> "pb.CompactLakeResponse":
        from huaxiang.tagging.v1 import lake_service_pb2
        from huaxiang.tagging.v1.lake_service_pb2_grpc import LakeServiceStub

        stub, total = LakeServiceStub(channel), lake_service_pb2.CompactLakeResponse(more=True)
        while total.more:
            done = await stub.CompactLake(lake_service_pb2.CompactLakeRequest(), timeout=COMPACT_WITHIN_S)
            total.files_before += done.files_before
            total.files_after += done.files_after
            total.bytes_before += done.bytes_before
            total.bytes_after += done.bytes_after
            total.more = done.more
        return total

    answer = ask(SuiteFolder.chosen(folder), "tagging", asked)
    if as_json:
        print_json(as_dict(answer))
    else:
        console.print(
            f"{answer.files_before:,} files ({answer.bytes_before:,} bytes) became "
            f"{answer.files_after:,} ({answer.bytes_after:,} bytes)"
        )


@app.command()
@reporting
def status(folder: Folder = None, as_json: AsJson = False) -> None:
    """Tell how much the lake holds, in all and by day."""

    async def asked(channel: "grpc.aio.Channel") -> "pb.GetLakeStatusResponse":
        from huaxiang.tagging.v1 import lake_service_pb2
        from huaxiang.tagging.v1.lake_service_pb2_grpc import LakeServiceStub

        return await LakeServiceStub(channel).GetLakeStatus(lake_service_pb2.GetLakeStatusRequest())

    answer = ask(SuiteFolder.chosen(folder), "tagging", asked)
    if as_json:
        days = [{**as_dict(each), "day": _day(each.day)} for each in answer.days]
        print_json({**as_dict(answer), "days": days})
        return
    table(
        "",
        ["day", "files", "events", "bytes"],
        [[_day(each.day), each.file_count, each.event_count, each.size_bytes] for each in answer.days],
        empty="no files yet; write them with: huaxiang lake flush",
    )
    console.print(
        f"{answer.event_count:,} events of {answer.day_count:,} days in {answer.file_count:,} files, "
        f"{answer.size_bytes:,} bytes; {answer.recent_event_count:,} recent events are not in files; "
        f"{answer.compactable_file_count:,} files are small"
    )


@app.command()
@reporting
def files(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the files that the manifest names."""

    async def asked(channel: "grpc.aio.Channel") -> "pb.GetLakeManifestResponse":
        from huaxiang.tagging.v1 import lake_service_pb2
        from huaxiang.tagging.v1.lake_service_pb2_grpc import LakeServiceStub

        return await LakeServiceStub(channel).GetLakeManifest(lake_service_pb2.GetLakeManifestRequest())

    suite = SuiteFolder.chosen(folder)
    answer = ask(suite, "tagging", asked)
    places = [str(suite.lake / each.path) for each in answer.files]
    if as_json:
        listed = [
            {**as_dict(each), "path": place, "day": _day(each.day)}
            for each, place in zip(answer.files, places, strict=True)
        ]
        print_json({**as_dict(answer), "files": listed})
        return
    table(
        "",
        ["file", "events", "bytes"],
        [
            [place, each.event_count, each.size_bytes]
            for each, place in zip(answer.files, places, strict=True)
        ],
        empty="no files yet; write them with: huaxiang lake flush",
    )
    console.print(f"{answer.recent_event_count:,} recent events are not in files")


def _day(days: int) -> str:
    from servicekit.values import date_of

    return date_of(days).isoformat()
