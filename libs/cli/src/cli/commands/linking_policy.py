"""identity policy: the rules by which identifiers become persons, tried before they are applied."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.ids import MAX_ID
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.identity.v1 import policy_pb2

app = typer.Typer(no_args_is_help=True, help="The linking policy: show, simulate, replay.")
PolicyFile = Annotated[
    Path, typer.Argument(help="YAML or JSON, as `show` prints it.", exists=True, dir_okay=False)
]


@app.command()
@reporting
def show(
    version: Annotated[
        int | None, typer.Option(min=0, max=MAX_ID, help="0 is the built-in one; default: in force.")
    ] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Print a policy as YAML that simulate and replay read."""
    import yaml

    from cli.calls import linking_policy as calls

    policy = ask(SuiteFolder.chosen(folder), "identity", lambda channel: calls.get(channel, version)).policy
    document = json.loads(policy.document)
    if as_json:
        print_json({**as_dict(policy), "document": document})
        return
    said = "in force" if policy.in_force else "not in force"
    by = f", by {policy.actor}: {policy.reason}" if policy.actor else ", built in"
    console.print(f"# version {policy.version}, {said}{by}", markup=False)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    console.print(text, markup=False, soft_wrap=True, end="")


@app.command()
@reporting
def simulate(file: PolicyFile, folder: Folder = None, as_json: AsJson = False) -> None:
    """Tell what a policy would make of the stored evidence; nothing changes."""
    from cli.calls import linking_policy as calls

    document = calls.read_document(file)
    answer = ask(SuiteFolder.chosen(folder), "identity", lambda channel: calls.simulate(channel, document))
    if as_json:
        print_json(as_dict(answer))
    else:
        _draw("It would change:", answer.effect)


@app.command()
@reporting
def replay(
    file: PolicyFile,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    confirm: Annotated[
        int, typer.Option(min=0, max=MAX_ID, help="The simulated number of persons split.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do it and take it back.")] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put a policy in force and link all stored evidence by it."""
    from cli.calls import linking_policy as calls

    document = calls.read_document(file)
    answer = ask(
        SuiteFolder.chosen(folder),
        "identity",
        lambda channel: calls.replay(channel, document, reason, confirm, dry_run=dry_run),
    )
    if as_json:
        print_json(as_dict(answer))
        return
    said = "would be in force" if dry_run else "is in force"
    if not answer.effect.persons_before:
        console.print(f"Policy {answer.version} {said}; no person changes.")
        return
    _draw(f"Policy {answer.version} {said}:", answer.effect)


def _draw(title: str, effect: "policy_pb2.PolicyEffect") -> None:
    console.print(title)
    table(
        "",
        ["", "before", "after"],
        [
            ["persons", effect.persons_before, effect.persons_after],
            ["pairs kept apart", effect.conflicts_before, effect.conflicts_after],
        ],
    )
    console.print(
        f"{effect.persons_merged:,} persons merge, {effect.persons_split:,} split, "
        f"{effect.keys_moved:,} identifiers move."
    )
    before, after = list(effect.largest_before), list(effect.largest_after)
    rows = [
        [_cluster(before, index), _cluster(after, index)] for index in range(max(len(before), len(after)))
    ]
    table("", ["largest before", "largest after"], rows)


def _cluster(clusters: "list[policy_pb2.Cluster]", index: int) -> str:
    if index >= len(clusters):
        return ""
    each = clusters[index]
    return f"{'person ' + str(each.person_id) if each.person_id else 'a new one'}: {each.key_count:,}"
