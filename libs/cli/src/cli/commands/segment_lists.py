"""segments create-list, upload, create-once: members from lists, and members computed once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, Refusal, reporting
from cli.output import as_dict, console, print_json
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask
from cli.text_files import read_text

if TYPE_CHECKING:
    from huaxiang.segments.v1 import segment_pb2

SERVICE = "segments"
HEADER = "person_id"


@reporting
def create_list(
    segment_id: str,
    name: Annotated[str, typer.Option(help="What people read.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    place: Annotated[str, typer.Option(help="The folder it stands in.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Store a static segment: its members come from lists (see: upload)."""
    from huaxiang.segments.v1 import segment_pb2

    wanted = segment_pb2.Segment(
        segment_id=segment_id,
        display_name=name or segment_id,
        description=description,
        population=segment_pb2.POPULATION_ALL,
        folder=place,
        kind=segment_pb2.SEGMENT_KIND_STATIC,
    )
    _create(wanted, SuiteFolder.chosen(folder), key, as_json=as_json)


@reporting
def create_once(
    segment_id: str,
    rule: Annotated[str, typer.Option(help="Whom it is computed of.")],
    name: Annotated[str, typer.Option(help="What people read.")] = "",
    population: Annotated[str, typer.Option(help="known, member, or all.")] = "known",
    place: Annotated[str, typer.Option(help="The folder it stands in.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Store a one-off segment: its members are computed once (see: recompute)."""
    from huaxiang.segments.v1 import segment_pb2

    from cli.calls.segments import population as number_of

    wanted = segment_pb2.Segment(
        segment_id=segment_id,
        display_name=name or segment_id,
        rule=rule,
        population=number_of(population),
        folder=place,
        kind=segment_pb2.SEGMENT_KIND_ONE_OFF,
    )
    _create(wanted, SuiteFolder.chosen(folder), key, as_json=as_json)


def _create(wanted: "segment_pb2.Segment", folder: SuiteFolder, key: Path | None, *, as_json: bool) -> None:
    from cli.calls import segments as calls

    stored = ask(folder, SERVICE, lambda channel: calls.create(channel, wanted), key)
    if as_json:
        print_json(as_dict(stored))
    else:
        state = calls.state_name(stored.state)
        console.print(f"{wanted.segment_id}: {state} {stored.state_note}".rstrip(), markup=False)


def _entries(file: Path) -> list[str]:
    """Its lines without its header. Raises Refusal for an empty file, which is rarely meant to leave nobody in."""
    lines = [line for line in map(str.strip, read_text(file).splitlines()) if line]
    if not lines:
        raise Refusal(f"{file} is empty; a list of nobody has the line {HEADER}", Exit.USAGE)
    return [line for line in lines if line != HEADER]


@reporting
def upload(
    segment_id: str,
    file: Annotated[
        Path, typer.Argument(help="One person id, or namespace=value, a line.", exists=True, dir_okay=False)
    ],
    mode: Annotated[str, typer.Option(help="replace, add or remove.")] = "replace",
    source: Annotated[str, typer.Option(help="The source whose ids these are.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Upload the members of a static segment; tell of what was matched."""
    from cli.calls import segment_lists as calls

    entries = _entries(file)
    done = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.upload(channel, segment_id, entries, mode, source),
        key,
    )
    if as_json:
        print_json(as_dict(done))
        return
    report = done.report
    console.print(
        f"{segment_id}: {done.count:,} people; of {report.total:,} entries {report.matched:,} matched, "
        f"{report.unmatched:,} nobody, {report.duplicate:,} twice, {report.rubbish:,} rubbish"
    )
    for each in report.examples:
        console.print(f"  entry {each.position + 1}: {each.problem}", markup=False)
