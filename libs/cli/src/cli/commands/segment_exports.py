"""segments exports: members with values of tags and identifiers out of the suite; many by two people."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, Refusal, reporting
from cli.export_files import export_file
from cli.ids import could_be_id
from cli.output import as_dict, console, minute_of, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask
from cli.text_files import read_text

if TYPE_CHECKING:
    import grpc
    from huaxiang.segments.v1 import export_service_pb2 as pb

SERVICE = "segments"
MOST_TRACED = 10_000
app = typer.Typer(
    no_args_is_help=True,
    help="Members with values of tags and identifiers; many are approved by somebody else.",
)
ExportId = Annotated[
    str, typer.Argument(metavar="EXPORT", help="The export's id (see: huaxiang segments exports list).")
]
Reason = Annotated[str, typer.Option(help="Why.")]


@app.command()
@reporting
def request(
    segment_id: str,
    reason: Reason,
    recipient: Annotated[str, typer.Option(help="Who gets it.")],
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A column. Repeat for more.")] = None,
    identifier: Annotated[
        list[str] | None,
        typer.Option("--identifier", help="phone, email, member_id ... as a column. Repeat for more."),
    ] = None,
    purpose: Annotated[str, typer.Option(help="What people consented to, with --identifier.")] = "",
    days: Annotated[int, typer.Option(min=1, max=30, help="For how many days it may be fetched.")] = 7,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Ask for an export; its members are frozen now."""
    from cli.calls import segment_exports as calls

    columns = calls.Columns(tag or (), identifier or (), purpose)
    made = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.request(channel, segment_id, columns, reason, recipient, days),
        key,
    )
    _say(made, as_json=as_json)


@app.command()
@reporting
def approve(
    export_id: ExportId,
    reason: Reason = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Let its requester fetch an export; for anybody else who may approve."""
    from cli.calls import segment_exports as calls

    chosen = SuiteFolder.chosen(folder)
    _say(
        ask(chosen, SERVICE, lambda channel: calls.approve(channel, export_id, reason), key), as_json=as_json
    )


@app.command()
@reporting
def reject(
    export_id: ExportId,
    reason: Reason = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """End an export, whether it was approved or not."""
    from cli.calls import segment_exports as calls

    chosen = SuiteFolder.chosen(folder)
    _say(ask(chosen, SERVICE, lambda channel: calls.reject(channel, export_id, reason), key), as_json=as_json)


@app.command("list")
@reporting
def list_exports(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The latest so many.")] = 20,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the latest exports."""
    from cli.calls import segment_exports as calls

    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.latest(channel, limit), key)
    _table(found, as_json=as_json)


@app.command()
@reporting
def show(export_id: ExportId, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show an export and what was done with it."""
    from cli.calls import segment_exports as calls

    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.show(channel, export_id), key)
    if as_json:
        print_json(as_dict(found))
        return
    _say(found, as_json=False)
    console.print(f"  {found.reason}; for {found.recipient}", markup=False)
    rows = [
        [minute_of(each.time), calls.action_name(each), each.subject, each.row_count or "", each.reason]
        for each in found.history
    ]
    table("", ["when (UTC)", "what", "who", "rows", "why"], rows)


@app.command()
@reporting
def fetch(
    export_id: ExportId,
    to: Annotated[Path, typer.Option(help="The file to write: .parquet, or CSV.")],
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write an approved export; its order tells where the file comes from, so leave it as it is."""
    from cli.calls import segment_exports as calls

    if not to.name or to.is_dir():
        raise Refusal(f"--to {to} is a folder; name the file to write", Exit.USAGE)

    async def written(channel: "grpc.aio.Channel", file: BinaryIO) -> calls.Fetched:
        export = await calls.show(channel, export_id)
        rows = export_file(to)(file)
        found = await calls.fetch(channel, export_id, lambda mark: rows.begin(export, mark), rows.add)
        rows.finish()
        return found

    with _replacing(to) as file:
        fetched = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: written(channel, file), key)
    if as_json:
        print_json({"export_id": export_id, "file": str(to), **asdict(fetched)})
        return
    console.print(f"{to}: {fetched.count:,} people", markup=False, soft_wrap=True)
    if fetched.no_consent or fetched.no_identifier or fetched.erased:
        told = f"{fetched.no_consent:,} without consent, {fetched.no_identifier:,} without an identifier"
        console.print(f"  left out: {told}, {fetched.erased:,} erased", markup=False)


@app.command()
@reporting
def trace(
    file: Annotated[Path, typer.Argument(help="A list with a person id first in each line.", dir_okay=False)],
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell which exports a list may come from."""
    from cli.calls import segment_exports as calls

    if not file.exists():
        raise Refusal(f"there is no file {file}", Exit.BAD_DATA)
    firsts = (line.split(",", 1)[0].strip() for line in read_text(file).splitlines())
    persons = list(map(int, filter(could_be_id, firsts)))
    looked_at = persons[:MOST_TRACED]
    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.trace(channel, looked_at), key)
    _table(found, as_json=as_json)
    if len(persons) > MOST_TRACED and not as_json:
        console.print(f"  looked at the first {MOST_TRACED:,} of {len(persons):,} ids", markup=False)


@contextmanager
def _replacing(to: Path) -> Iterator[BinaryIO]:
    """A file beside `to`, readable by its owner alone, that takes its place when all is written and else goes. Raises
    Refusal when there is one already."""
    beside = to.with_name(f"{to.name}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refusal(
            f"{beside} is there: another fetch writes it, or one that was killed left it; delete it then",
            Exit.CONFLICT,
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        beside.replace(to)
    finally:
        beside.unlink(missing_ok=True)


def _say(export: "pb.Export", *, as_json: bool) -> None:
    from cli.calls import segment_exports as calls

    if as_json:
        print_json(as_dict(export))
    else:
        state = calls.state_name(export)
        told = f"export {export.export_id}: {export.count:,} people of {export.segment_id}, {state}"
        console.print(f"{told}, until {minute_of(export.due_time)} UTC", markup=False, soft_wrap=True)


def _table(found: "list[pb.Export]", *, as_json: bool) -> None:
    from cli.calls import segment_exports as calls

    if as_json:
        print_json({"exports": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.export_id,
            each.segment_id,
            f"{each.count:,}",
            ", ".join((*each.tag_ids, *each.identifier_namespaces)),
            calls.state_name(each),
            each.subject,
            each.recipient,
            minute_of(each.due_time),
        ]
        for each in found
    ]
    columns = ["export", "segment", "people", "columns", "state", "who", "for", "until (UTC)"]
    table("", columns, rows, empty="no exports", whole=("export",))
