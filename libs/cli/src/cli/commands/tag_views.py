"""tags lives, history, versions, diff, impact, lineage: where tags stand and what hangs on them."""

from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.commands.tag_steps import Tag, say_users
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

COMMANDS = ("lives", "history", "versions", "diff", "impact", "lineage")
"""Of the group `tags`, by the names of their functions."""


@reporting
def lives(
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only draft, in-review, approved, retired, deleted ...; repeatable."),
    ] = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List tags with where they stand, drafts and the recycle bin included."""
    from cli.calls import governance as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.lives(channel, state or []), key)
    if as_json:
        print_json({"lives": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.tag_id,
            calls.state_name(each.state),
            calls.state_name(each.draft.state) if each.HasField("draft") else "",
            each.version,
            each.owner,
            each.replacement_tag_id,
        ]
        for each in found
    ]
    table("", ["tag", "state", "draft", "version", "owner", "replacement"], rows, empty="no tags")


@reporting
def history(
    tag: Annotated[str, typer.Argument(help="The tag's id; all of the tenant when absent.")] = "",
    request: Annotated[str, typer.Option(help="Only of this request.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List every step of a tag: who, when, why, from where to where."""
    from cli.calls import governance as calls

    found = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.history(channel, tag, request), key
    )
    if as_json:
        print_json({"entries": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.time.ToDatetime().strftime("%Y-%m-%d %H:%M"),
            each.tag_id,
            calls.step_name(each.step) + (" (forced)" if each.forced else ""),
            each.subject,
            f"{each.from_state} -> {each.to_state}",
            each.reason,
        ]
        for each in found
    ]
    table("", ["time (UTC)", "tag", "step", "by", "state", "why"], rows, empty="no steps")


@reporting
def versions(tag: Tag, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """List the versions of a tag, the newest first."""
    from cli.calls import governance as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.versions(channel, tag), key)
    if as_json:
        print_json({"versions": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.version,
            each.start_time.ToDatetime().strftime("%Y-%m-%d %H:%M"),
            each.subject,
            each.reviewer or "applied without a review",
        ]
        for each in found
    ]
    table("", ["version", "since (UTC)", "by", "approved by"], rows, empty="never in force")


@reporting
def diff(
    tag: Tag,
    old: Annotated[int, typer.Option("--from", help="A version; the latest when 0.")] = 0,
    new: Annotated[int, typer.Option("--to", help="A version; the draft when 0.")] = 0,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell the fields in which two versions differ, or the latest and the draft."""
    from cli.calls import governance as calls
    from cli.calls.standing import or_without_draft

    hint = f"two versions are compared with: huaxiang tags diff {tag} --from 1 --to 2"
    found = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: or_without_draft(channel, tag, calls.diff(channel, tag, old, new), hint),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    rows = [[each.field, each.old, each.new] for each in found.fields]
    table("", ["field", "old", "new"], rows, empty="no difference")


@reporting
def impact(
    tag: Tag,
    removed: Annotated[bool, typer.Option("--removed", help="As if it went, not as its draft says.")] = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell which tags, segments and campaigns a draft would touch, or the tag's going."""
    from cli.calls import governance as calls
    from cli.calls.standing import or_without_draft

    hint = f"what its going would touch tells: huaxiang tags impact {tag} --removed"
    found = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: or_without_draft(channel, tag, calls.impact(channel, tag, removed=removed), hint),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    say_users(found)


@reporting
def lineage(
    tag: Tag,
    direction: Annotated[str, typer.Option(help="upstream, downstream or both.")] = "both",
    depth: Annotated[int, typer.Option(help="Steps from the tag, at most 20.")] = 5,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell where a tag comes from and where it goes."""
    from cli.calls import governance as calls

    found = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.lineage(channel, tag, direction, depth),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    flows: dict[tuple[int, str], list[str]] = {}
    for edge in found.edges:
        source = getattr(edge, "from")
        flows.setdefault((edge.to.kind, edge.to.name), []).append(source.name)
    rows = [
        [
            each.distance,
            calls.kind_name(each.kind),
            each.name,
            ", ".join(flows.get((each.kind, each.name), [])),
        ]
        for each in sorted(found.nodes, key=lambda each: (each.distance, each.kind, each.name))
    ]
    table("", ["distance", "kind", "name", "from"], rows)
    if found.cut:
        console.print("there is more beyond this depth")
