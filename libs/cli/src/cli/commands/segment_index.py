"""segments index: what the index holds, for whoever operates it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, minute_of, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.segments.v1 import index_service_pb2 as pb

SERVICE = "segments"


@reporting
def index(
    troubled: Annotated[
        bool,
        typer.Option("--troubled", help="Only what is empty, being computed, failed or being told anew."),
    ] = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show what the index holds of each tag and feature: sizes, files, and what is due."""
    from cli.calls import segment_index as calls

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.index_columns(channel, troubled_only=troubled),
        key,
    )
    if as_json:
        print_json(as_dict(found))
    else:
        _show(found)


def _show(found: "pb.ListIndexColumnsResponse") -> None:
    from cli.calls.segment_index import state_name

    names = ["column", "state", "people", "blocks", "KiB", "containers", "changed", "beside", "merged (UTC)"]
    rows = [
        [
            each.form or each.column,
            f"{state_name(each)} {each.state_note}".rstrip(),
            f"{each.known_count:,}" if each.HasField("known_count") else "-",
            f"{each.block_count:,}" if each.HasField("block_count") else "-",
            f"{each.bytes / 1024:,.0f}",
            _containers(each),
            each.changed_count,
            each.stored_beside_count,
            _merged(each),
        ]
        for each in found.columns
    ]
    table("", names, rows, empty="no such columns")
    sums = found.totals
    console.print(
        f"{sums.column_count:,} columns of {sums.person_count:,} people: {_mib(sums.bytes)} held, "
        f"{_mib(sums.file_bytes)} in {sums.file_count:,} files; {sums.troubled_count:,} without "
        f"values or not ready, {sums.damaged_count:,} damaged"
    )
    if sums.mapped_bytes_most:
        console.print(f"  of all tenants {_mib(sums.mapped_bytes)} of {_mib(sums.mapped_bytes_most)} mapped")
    console.print(f"  as of {sums.as_of.ToJsonString()}")


def _containers(column: "pb.IndexColumn") -> str:
    if not column.HasField("containers"):
        return "not mapped" if column.HasField("file") else "plain"
    counts = [
        (name, getattr(column.containers, f"{name}_count"))
        for name in ("full", "dense", "sparse", "run", "slice", "few")
    ]
    return ", ".join(f"{count:,} {name}" for name, count in counts if count)


def _merged(column: "pb.IndexColumn") -> str:
    if not column.HasField("file"):
        return "-"
    found = minute_of(column.file.merge_time) if column.file.HasField("merge_time") else "file is missing"
    return f"{found}, erasure due" if column.erasure_due else found


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"
