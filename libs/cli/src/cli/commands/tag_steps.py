"""tags draft, submit, review, activate, deprecate, retire ...: the steps of a tag's life."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, Refusal, reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import tag_life_pb2

Tag = Annotated[str, typer.Argument(help="The tag's id.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]
Force = Annotated[
    bool, typer.Option("--force", help="Also while others use it; needs a reason and the admin's right.")
]
Replacement = Annotated[str, typer.Option(help="The active tag to use instead.")]


COMMANDS = (
    *("draft", "submit", "review", "withdraw", "discard", "activate"),
    *("deprecate", "reinstate", "retire", "delete", "restore"),
)
"""Of the group `tags`, by the names of their functions."""


@reporting
def draft(
    files: Annotated[list[Path], typer.Argument(help="YAML files or folders with definitions.")],
    reason: Reason = "",
    request: Annotated[str, typer.Option(help="The accepted request that it answers.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, store nothing.")] = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write definitions as drafts; what is in force stays."""
    from cli.calls import governance as calls
    from cli.calls import tags

    wanted = tags.definitions(files)
    if request and len(wanted) != 1:
        raise Refusal(f"{len(wanted)} definitions cannot answer one request", Exit.USAGE)
    found = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.put_all(
            channel, wanted, reason=reason, tag_request_id=request, validate_only=dry_run
        ),
        key,
    )
    if as_json:
        print_json({"drafts": [as_dict(each) for each in found]})
        return
    for each in found:
        console.print(f"{each.life.tag_id}: {'would be ' if dry_run else ''}draft", markup=False)
        for warning in [*each.warnings, *calls.hinders_submit(each.life)]:
            console.print(f"  note: {warning}", markup=False)


@reporting
def submit(
    tag: Tag, reason: Reason = "", key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Hand a draft to the reviewers."""
    _step("SubmitDraft", tag, key, folder, as_json, reason=reason)


@reporting
def review(
    tag: Tag,
    approve: Annotated[bool, typer.Option("--approve", help="It is right.")] = False,
    send_back: Annotated[bool, typer.Option("--return", help="It needs work; say what by --reason.")] = False,
    reason: Reason = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show a draft in review with what it changes and touches; approve it or return it."""
    from cli.calls import governance as calls

    if approve and send_back:
        raise Refusal("either --approve or --return", Exit.USAGE)
    chosen = SuiteFolder.chosen(folder)
    life = ask(chosen, "tagging", lambda channel: calls.life(channel, tag), key)
    if approve or send_back:
        rpc = "ApproveDraft" if approve else "ReturnDraft"
        _step(rpc, tag, key, folder, as_json, reason=reason, etag=life.etag)
        return
    impact = ask(chosen, "tagging", lambda channel: calls.impact(channel, tag, removed=False), key)
    if as_json:
        print_json({"life": as_dict(life), "impact": as_dict(impact)})
        return
    _say(life)
    rows = [[each.field, each.old, each.new] for each in impact.fields]
    table("", ["field", "in force", "draft"], rows, empty="nothing changes")
    say_users(impact)


@reporting
def withdraw(
    tag: Tag, reason: Reason = "", key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Take a draft out of review, or an approved one back, to change it."""
    _step("WithdrawDraft", tag, key, folder, as_json, reason=reason)


@reporting
def discard(
    tag: Tag, reason: Reason = "", key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Throw a draft away; what is in force stays."""
    _step("DiscardDraft", tag, key, folder, as_json, reason=reason)


@reporting
def activate(
    tag: Tag,
    reason: Reason = "",
    force: Force = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put an approved draft into force."""
    _step("ActivateDraft", tag, key, folder, as_json, reason=reason, force=force)


@reporting
def deprecate(
    tag: Tag,
    reason: Reason,
    replacement: Replacement = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Mark a tag as on its way out; rules that name it are warned."""
    _step("DeprecateTag", tag, key, folder, as_json, reason=reason, replacement_tag_id=replacement)


@reporting
def reinstate(
    tag: Tag, reason: Reason = "", key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Take a deprecated tag back into full use."""
    _step("ReinstateTag", tag, key, folder, as_json, reason=reason)


@reporting
def retire(
    tag: Tag,
    reason: Reason,
    replacement: Replacement = "",
    force: Force = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take a deprecated tag out of force; rules that name it are refused."""
    said = {"reason": reason, "replacement_tag_id": replacement, "force": force}
    _step("RetireTag", tag, key, folder, as_json, **said)


@reporting
def delete(
    tag: Tag,
    reason: Reason,
    force: Force = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put a draft or a retired tag into the recycle bin for 30 days."""
    _step("DeleteTag", tag, key, folder, as_json, reason=reason, force=force)


@reporting
def restore(
    tag: Tag,
    version: Annotated[int, typer.Option(help="Write this version as a new draft instead.")] = 0,
    reason: Reason = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take a tag out of the recycle bin, or write an earlier version as a draft."""
    if version:
        _step("RestoreTagVersion", tag, key, folder, as_json, reason=reason, version=version)
    else:
        _step("RestoreTag", tag, key, folder, as_json, reason=reason)


def say_users(impact: Any) -> None:
    """Who is touched, and what would not hold any more."""
    rows = [
        [kind, ", ".join(names)]
        for kind, names in (
            ("tags", impact.tag_ids),
            ("segments", impact.segments),
            ("campaigns", impact.campaigns),
            ("values that go", impact.lost_values),
        )
        if names
    ]
    table("", ["touches", ""], rows, empty="nobody uses it")
    for tag_id, problem in sorted(impact.broken.items()):
        console.print(f"  would break {tag_id}: {problem}", markup=False)
    for warning in impact.warnings:
        console.print(f"  warning: {warning}", markup=False)


def _step(rpc: str, tag: str, key: Path | None, folder: Path | None, as_json: bool, **said: Any) -> None:
    from cli.calls import governance as calls

    life = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.step(channel, rpc, tag, **said), key
    )
    if as_json:
        print_json(as_dict(life))
        return
    _say(life)


def _say(life: "tag_life_pb2.TagLife") -> None:
    from cli.calls import governance as calls

    said = f"{life.tag_id}: {calls.state_name(life.state)}"
    if life.version:
        said += f", version {life.version}"
    if life.HasField("draft") and life.state != life.draft.state:
        said += f", draft {calls.state_name(life.draft.state)}"
    if life.owner:
        said += f", owner {life.owner}"
    if life.replacement_tag_id:
        said += f", use {life.replacement_tag_id} instead"
    console.print(said, markup=False)
