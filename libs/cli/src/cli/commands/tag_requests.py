"""tags request, requests, accept, decline, take-back: wishes for tags."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import tag_request_service_pb2

RequestId = Annotated[str, typer.Argument(help="The request's id, as `huaxiang tags requests` lists it.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]


COMMANDS = ("request", "requests", "accept", "decline", "take_back")
"""Of the group `tags`, by the names of their functions."""


@reporting
def request(
    name: Annotated[str, typer.Argument(help="What the tag should say, in Chinese.")],
    why: Annotated[str, typer.Option(help="Why it is needed.")],
    use: Annotated[str, typer.Option(help="What it will be used for.")],
    due: Annotated[str, typer.Option(help="By which day, YYYY-MM-DD.")] = "",
    tag: Annotated[str, typer.Option(help="Change this tag; a new one when absent.")] = "",
    english: Annotated[str, typer.Option(help="What it should say, in English.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a new tag, or for a change of one."""
    from cli.calls import governance as calls

    made = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.ask(channel, name, why=why, use=use, due=due, tag_id=tag, english=english),
        key,
    )
    _say(made, as_json=as_json)


@reporting
def requests(
    state: Annotated[list[str] | None, typer.Option(help="Only open, accepted ...; repeatable.")] = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List requests for tags, the newest first."""
    from cli.calls import governance as calls

    found = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.requests(channel, state or []), key
    )
    if as_json:
        print_json({"tag_requests": [as_dict(each) for each in found]})
        return
    table(
        "",
        ["request", "state", "wanted", "by", "due", "tag", "for"],
        [
            [
                each.tag_request_id,
                calls.request_state_name(each.state),
                each.name.zh or each.name.en,
                each.requester,
                each.due,
                each.tag_id,
                each.wanted_use,
            ]
            for each in found
        ],
        empty="no requests; ask for a tag with: huaxiang tags request",
    )


@reporting
def accept(
    request_id: RequestId,
    tag: Annotated[str, typer.Option(help="The id of the tag that will answer it.")] = "",
    owner: Annotated[str, typer.Option(help="Who will write and own it; you when absent.")] = "",
    reason: Reason = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Accept somebody else's request."""
    from cli.calls import governance as calls

    made = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.decide(channel, "Accept", request_id, tag_id=tag, owner=owner, reason=reason),
        key,
    )
    _say(made, as_json=as_json)


@reporting
def decline(
    request_id: RequestId, reason: Reason, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Decline somebody else's request."""
    from cli.calls import governance as calls

    made = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.decide(channel, "Decline", request_id, reason=reason),
        key,
    )
    _say(made, as_json=as_json)


@reporting
def take_back(
    request_id: RequestId,
    reason: Reason = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take your own request back."""
    from cli.calls import governance as calls

    made = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.decide(channel, "Withdraw", request_id, reason=reason),
        key,
    )
    _say(made, as_json=as_json)


def _say(made: "tag_request_service_pb2.TagRequest", *, as_json: bool) -> None:
    from cli.calls import governance as calls

    if as_json:
        print_json(as_dict(made))
        return
    tag = f", tag {made.tag_id} of {made.owner}" if made.owner else ""
    console.print(f"request {made.tag_request_id}: {calls.request_state_name(made.state)}{tag}", markup=False)
