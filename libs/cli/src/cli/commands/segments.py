"""segments: audiences by rule."""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import (
    segment_exports,
    segment_folders,
    segment_history,
    segment_index,
    segment_life,
    segment_lists,
    segment_moves,
    segment_plans,
    segment_runs,
)
from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, reporting
from cli.output import as_dict, console, notes, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask, require

if TYPE_CHECKING:
    from huaxiang.segments.v1 import segment_pb2

app = typer.Typer(no_args_is_help=True, help="Audiences by rule: who is in, how many, why.")
app.command("folders")(segment_folders.folders)
app.add_typer(segment_folders.app, name="folder")
app.add_typer(segment_exports.app, name="exports")
app.command("versions")(segment_history.versions)
app.command("diff-versions")(segment_history.diff_versions)
app.command("deleted")(segment_life.deleted)
app.command("restore")(segment_life.restore)
app.command("purge")(segment_life.purge)
app.command("impact")(segment_life.impact)
app.command("create-list")(segment_lists.create_list)
app.command("create-once")(segment_lists.create_once)
app.command("upload")(segment_lists.upload)
app.command("recompute")(segment_runs.recompute)
app.command("runs")(segment_runs.runs)
app.command("cancel")(segment_runs.cancel)
app.command("snapshots")(segment_moves.snapshots)
app.command("trend")(segment_moves.trend)
app.command("diff")(segment_moves.diff)
app.command("when")(segment_moves.when)
app.command("why")(segment_moves.why)
app.command("plan")(segment_plans.plan)
app.command("index")(segment_index.index)
app.command("restore-version")(segment_history.restore_version)
Population = Annotated[str, typer.Option(help="known, member, or all (anonymous devices too).")]
Place = Annotated[str, typer.Option(help="The folder it stands in: parts separated by /.")]
Brand = Annotated[str | None, typer.Option(help="The brand it belongs to; the group's when empty.")]
SERVICE = "segments"


@app.command()
@reporting
def create(
    segment_id: str,
    rule: Annotated[str, typer.Option(help="For example: rfm_class = 'key_value' AND city = '上海市'.")],
    name: Annotated[str, typer.Option(help="What people read.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    population: Population = "known",
    place: Place = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until its members are counted.")
    ] = True,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Store a segment; its members follow every change."""
    from huaxiang.segments.v1 import segment_pb2

    from cli.calls import segments as calls

    chosen = SuiteFolder.chosen(folder)
    wanted = segment_pb2.Segment(
        segment_id=segment_id,
        display_name=name or segment_id,
        description=description,
        rule=rule,
        population=calls.population(population),
        folder=place,
    )
    stored = ask(chosen, SERVICE, lambda channel: calls.create(channel, wanted), key)
    if wait:
        ask(chosen, SERVICE, lambda channel: calls.live(channel, segment_id, _say_state), key)
        _show(segment_id, chosen, key, as_json=as_json)
    elif as_json:
        print_json(as_dict(stored))
    else:
        console.print(f"{segment_id}: {calls.state_name(stored.state)} {stored.state_note}".rstrip())


@app.command()
@reporting
def update(
    segment_id: str,
    rule: Annotated[str | None, typer.Option(help="Another rule.")] = None,
    name: Annotated[str | None, typer.Option(help="What people read.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    place: Annotated[str | None, typer.Option(help="Another folder; none when empty.")] = None,
    owner: Annotated[str | None, typer.Option(help="Another owner.")] = None,
    brand: Brand = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Change what is said of a segment; what is not named stays."""
    from cli.calls import segments as calls

    named = {"rule": rule, "display_name": name, "description": description, "folder": place}
    named |= {"owner": owner, "brand": brand}
    said = {field: value for field, value in named.items() if value is not None}
    stored = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.update(channel, segment_id, said), key
    )
    if as_json:
        print_json(as_dict(stored))
    else:
        console.print(f"{segment_id}: {calls.state_name(stored.state)} {stored.state_note}".rstrip())


@app.command("list")
@reporting
def list_segments(
    place: Annotated[str, typer.Option(help="Only at or below this folder.")] = "",
    owner: Annotated[str, typer.Option(help="Only of this owner.")] = "",
    brand: Annotated[str | None, typer.Option(help="Only of this brand; of the group when empty.")] = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the segments with their counts."""
    from cli.calls import segments as calls
    from cli.calls.segment_folders import listed

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: listed(channel, place, owner=owner, brand=brand),
        key,
    )
    if as_json:
        print_json({"segments": [as_dict(each) for each in found]})
        return
    table(
        "",
        ["segment", "name", "folder", "state", "people", "rule"],
        [
            [
                each.segment.segment_id,
                each.segment.display_name,
                each.segment.folder,
                calls.state_name(each.segment.state),
                f"{each.count:,}" if each.HasField("count") else "-",
                each.segment.canonical_rule,
            ]
            for each in found
        ],
        empty="no segments of these"
        if place or owner or brand is not None
        else "no segments; make one with: huaxiang segments create",
    )


@app.command()
@reporting
def show(segment_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show one segment with its count and what the count rests on."""
    _show(segment_id, SuiteFolder.chosen(folder), key, as_json=as_json)


@app.command()
@reporting
def preview(
    rule: str,
    population: Population = "known",
    sample: Annotated[int, typer.Option(help="Show so many person ids.", min=0, max=100)] = 5,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Count whom a rule holds for; store nothing."""
    from cli.calls import segments as calls

    answer = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.preview(channel, rule, population, sample),
        key,
    )
    if as_json:
        print_json(as_dict(answer))
        return
    console.print(
        f"{answer.count:,} of {answer.freshness.population_count:,} "
        f"({answer.freshness.evaluate_us / 1000:.1f} ms): {answer.canonical_rule}",
        markup=False,
    )
    if answer.sample_person_ids:
        console.print("  for example persons " + ", ".join(map(str, answer.sample_person_ids)))
    for warning in answer.freshness.warnings:
        console.print(f"  note: {warning}", markup=False)


@app.command()
@reporting
def check(
    segment_id: str, who: list[str], key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Tell who of some persons (ids, or identifiers such as phone=13800000001) is in."""
    from cli.calls.segments import check_each

    found = asyncio.run(check_each(require(SuiteFolder.chosen(folder)), segment_id, who, key))
    rows = found.persons
    if as_json:
        print_json([asdict(each) for each in rows])
    else:
        shown = [
            [each.who, each.person_id or "-", "-" if each.member is None else each.member] for each in rows
        ]
        table("", ["who", "person", "in"], [[who, str(person), member] for who, person, member in shown])
        if found.as_of:
            notes.print(f"as of {found.as_of}")
        for each in rows:
            if each.problem:
                notes.print(f"{each.who}: {each.problem}", markup=False, soft_wrap=True)
    for warning in found.warnings:
        notes.print(f"note: {warning}", markup=False, soft_wrap=True)
    if any(each.problem for each in rows):
        raise SystemExit(int(Exit.BAD_DATA))


@app.command()
@reporting
def snapshot(segment_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Freeze a segment's members."""
    from cli.calls import segments as calls

    made = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.snapshot(channel, segment_id), key)
    if as_json:
        print_json(as_dict(made))
    else:
        console.print(f"snapshot {made.snapshot_id}: {made.count:,} people")


@app.command()
@reporting
def export(
    segment_id: str,
    snapshot_id: Annotated[
        str, typer.Option("--snapshot", help="The members that this snapshot of it froze.")
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(help="The file to write: .csv, .parquet or .roaring; CSV to stdout by default."),
    ] = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write the person ids of a segment's members, ascending."""
    from cli.calls import segments as calls
    from cli.member_files import csv_of, write_members

    exported = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.export(channel, segment_id, snapshot_id),
        key,
    )
    found = exported.person_ids
    if to is not None:
        write_members(to, found)
    if as_json:
        listed = {"file": str(to)} if to is not None else {"person_ids": found}
        print_json({"segment_id": segment_id, "count": len(found), "warnings": exported.warnings, **listed})
        return
    for warning in exported.warnings:
        notes.print(f"note: {warning}", markup=False, soft_wrap=True)
    if to is not None:
        console.print(f"{to}: {len(found):,} people", markup=False, soft_wrap=True)
    else:
        sys.stdout.write(csv_of(found))


@app.command()
@reporting
def delete(
    segment_id: str,
    reason: Annotated[str, typer.Option(help="Why; needed to force.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Also while others use it: they fail.")] = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put a segment into the recycle bin for 30 days; its snapshots stay."""
    from cli.calls import segments as calls

    ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.delete(channel, segment_id, reason, force=force),
        key,
    )
    if as_json:
        print_json({"deleted": segment_id})
    else:
        console.print(f"{segment_id} is in the recycle bin")


def _say_state(segment: "segment_pb2.Segment") -> None:
    if segment.state_note and notes.is_terminal:
        notes.print(f"{segment.segment_id}: {segment.state_note}", markup=False)


def _show(segment_id: str, folder: SuiteFolder, key: Path | None, *, as_json: bool) -> None:
    from cli.calls import segments as calls

    found = ask(folder, SERVICE, lambda channel: calls.get(channel, segment_id), key)
    if as_json:
        print_json(as_dict(found))
        return
    segment = found.segment
    console.print(f"{segment.segment_id} {segment.display_name}", style="bold", markup=False)
    if segment.folder:
        console.print(f"  folder  {segment.folder}", markup=False)
    console.print(f"  owner   {segment.owner or 'nobody'}", markup=False)
    console.print(f"  rule    {segment.canonical_rule}", markup=False)
    console.print(f"  state   {calls.state_name(segment.state)} {segment.state_note}".rstrip(), markup=False)
    if found.HasField("count"):
        console.print(f"  people  {found.count:,} of {found.freshness.population_count:,}")
    console.print(f"  as of   {found.freshness.as_of.ToJsonString()}")
    for warning in found.freshness.warnings:
        console.print(f"  note    {warning}", markup=False)
