"""segments versions, diff-versions, restore-version: what was said of a segment."""

from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

SERVICE = "segments"


@reporting
def versions(segment_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """List what was said of a segment, by whom and why, newest first."""
    from cli.calls import segment_history as calls

    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.versions(channel, segment_id), key)
    if as_json:
        print_json({"versions": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.version,
            each.start_time.ToJsonString(),
            each.subject or "-",
            each.reason,
            each.segment.canonical_rule,
        ]
        for each in found
    ]
    table("", ["version", "since", "who", "why", "rule"], rows, empty="no versions")


@reporting
def diff_versions(
    segment_id: str,
    old: Annotated[int, typer.Option("--from", help="The old side; the one before by default.", min=0)] = 0,
    new: Annotated[int, typer.Option("--to", help="The new side; the one in force by default.", min=0)] = 0,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show in what two versions of a segment differ."""
    from cli.calls import segment_history as calls

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.differences(channel, segment_id, old, new),
        key,
    )
    if as_json:
        print_json({"fields": [as_dict(each) for each in found]})
        return
    rows = [[each.field, each.old, each.new] for each in found]
    table("", ["field", "old", "new"], rows, empty="the two are equal")


@reporting
def restore_version(
    segment_id: str,
    version: int,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say of a segment again what an earlier version said."""
    from cli.calls import segment_history as calls

    stored = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.restore_version(channel, segment_id, version, reason),
        key,
    )
    if as_json:
        print_json(as_dict(stored))
    else:
        console.print(f"{segment_id}: version {stored.version}, {stored.canonical_rule}", markup=False)
