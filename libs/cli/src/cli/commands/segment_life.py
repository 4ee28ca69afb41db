"""segments deleted, restore, purge, impact: the recycle bin, and what a change would touch."""

from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

SERVICE = "segments"


@reporting
def deleted(key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """List the segments in the recycle bin."""
    from cli.calls import segment_life as calls

    found = ask(SuiteFolder.chosen(folder), SERVICE, calls.deleted, key)
    if as_json:
        print_json({"segments": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.segment.segment_id,
            each.delete_time.ToJsonString(),
            each.subject,
            each.reason,
            each.purge_time.ToJsonString(),
        ]
        for each in found
    ]
    table("", ["segment", "deleted", "who", "why", "gone for good"], rows, empty="the recycle bin is empty")


@reporting
def restore(
    segment_id: str,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take a segment out of the recycle bin, as it stood."""
    from cli.calls import segment_life as calls

    stored = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.restore(channel, segment_id, reason), key
    )
    if as_json:
        print_json(as_dict(stored))
    else:
        console.print(f"{segment_id} is back: {stored.canonical_rule}", markup=False)


@reporting
def purge(segment_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Remove a segment from the recycle bin for good."""
    from cli.calls import segment_life as calls

    ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.purge(channel, segment_id), key)
    if as_json:
        print_json({"purged": segment_id})
    else:
        console.print(f"{segment_id} is gone for good")


@reporting
def impact(
    segment_id: str,
    rule: Annotated[str, typer.Option(help="Another rule for it; its deletion when empty.")] = "",
    population: Annotated[str, typer.Option(help="Whom the other rule may hold for.")] = "known",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell what another rule for a segment, or its deletion, would touch."""
    from cli.calls import segment_life as calls
    from cli.calls.segments import population as number_of

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.impact(channel, segment_id, rule, number_of(population)),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    console.print(f"segments   {', '.join(found.segment_ids) or 'none'}", markup=False)
    console.print(f"campaigns  {', '.join(found.campaigns) or 'none'}", markup=False)
    if found.HasField("count"):
        console.print(f"people     {found.count:,}")
    if found.HasField("new_count"):
        console.print(f"then       {found.new_count:,}")
