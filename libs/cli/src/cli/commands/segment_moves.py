"""segments snapshots, trend, diff, why: who was in a segment before, who came and went, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    import grpc
    from huaxiang.segments.v1 import member_history_service_pb2 as pb

SERVICE = "segments"
Since = Annotated[str, typer.Option("--from", help="A day (2026-03-31) or a snapshot's id.")]
Until = Annotated[str, typer.Option("--to", help="A day or a snapshot's id; now by default.")]
_TRUTHS = {True: "yes", False: "no"}


@reporting
def snapshots(segment_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """List the snapshots of a segment, newest first."""
    from cli.calls import segment_history as calls

    found = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.snapshots(channel, segment_id), key
    )
    if as_json:
        print_json({"snapshots": [as_dict(each) for each in found]})
        return
    rows = [
        [each.snapshot_id, each.create_time.ToJsonString(), f"{each.count:,}", each.version] for each in found
    ]
    table("", ["snapshot", "made", "people", "version"], rows, empty="no snapshots")


@reporting
def trend(
    segment_id: str,
    days: Annotated[int, typer.Option(help="So many of the last days.", min=1, max=90)] = 30,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show how many were in a segment, day by day."""
    from servicekit.values import date_of

    from cli.calls import segment_history as calls

    found = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.trend(channel, segment_id, days), key
    )
    if as_json:
        print_json({"days": [as_dict(each) for each in found]})
        return
    rows = [
        [
            date_of(each.day).isoformat(),
            f"{each.members.count:,}",
            f"{each.members.population_count:,}",
            each.members.version,
            _TRUTHS[each.has_members],
        ]
        for each in found
    ]
    table("", ["day", "people", "of", "version", "who is kept"], rows, empty="no day has begun yet")


@reporting
def diff(
    segment_id: str,
    old: Since,
    new: Until = "",
    listed: Annotated[str, typer.Option("--list", help="List the ids of who joined, or of who left.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell who joined a segment and who left it between two moments."""
    from cli.calls import segment_history as calls

    async def pages(channel: "grpc.aio.Channel") -> "list[pb.DiffMembersResponse]":
        return [page async for page in calls.diff(channel, segment_id, old, new, listed)]

    found = ask(SuiteFolder.chosen(folder), SERVICE, pages, key)
    persons = [person_id for page in found for person_id in page.person_ids]
    first = found[0]
    if as_json:
        print_json({**as_dict(first), "person_ids": persons, "next_page_token": ""})
        return
    console.print(
        f"{first.joined_count:,} joined, {first.left_count:,} left, {first.stayed_count:,} stayed: "
        f"{getattr(first, 'from').count:,} before, {first.to.count:,} after"
    )
    for person_id in persons:
        console.print(str(person_id))


@reporting
def when(
    segment_id: str, person_id: int, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Tell when a person joined and left, of the days whose members are kept."""
    from servicekit.values import date_of

    from cli.calls import segment_history as calls

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.membership_history(channel, segment_id, person_id),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    now = _TRUTHS[found.member] if found.HasField("member") else "not known: the segment is not live"
    console.print(f"{person_id}: in now: {now}", markup=False)
    rows = [
        [date_of(each.first_day).isoformat(), date_of(each.last_day).isoformat(), each.member]
        for each in found.stretches
    ]
    table("", ["from", "to", "in"], rows, empty="no day's members are kept yet")


@reporting
def why(
    segment_id: str,
    person_id: int,
    old: Annotated[
        str,
        typer.Option(
            "--from",
            help="A day (2026-03-31) or a snapshot's id; the last kept day on which it was otherwise by default.",
        ),
    ] = "",
    new: Until = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell which conditions flipped when a person joined or left, as far as it was kept."""
    from cli.calls import segment_history as calls

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.explain_move(channel, segment_id, person_id, old, new),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    console.print(
        f"{person_id}: in before: {_TRUTHS[found.from_member]}, in after: {_TRUTHS[found.to_member]}"
    )
    if found.redefined:
        console.print("  the definition was another one")
    rows = [
        [
            each.text,
            _TRUTHS[each.from_holds] if each.HasField("from_holds") else "-",
            _TRUTHS[each.to_holds] if each.HasField("to_holds") else "-",
            "flipped" if each.flipped else "",
        ]
        for each in found.leaves
    ]
    table("", ["condition", "before", "after", ""], rows, empty="no conditions")
    for each in found.unknown:
        console.print(f"  not known: {each}", markup=False)
