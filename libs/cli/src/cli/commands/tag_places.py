"""tags categories, category, naming: where tags stand and how they are named."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

category = typer.Typer(no_args_is_help=True, help="The tree of categories: put, move, delete.")
naming = typer.Typer(no_args_is_help=True, help="How the ids of new tags are written: show, set.")
Place = Annotated[str, typer.Argument(help="Parts separated by /.")]


@reporting
def categories(
    below: Annotated[str, typer.Option(help="Only at or below this one.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the tree of categories with the number of tags."""
    from cli.calls import governance as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.categories(channel, below), key)
    if as_json:
        print_json({"categories": [as_dict(each) for each in found]})
        return
    rows = [
        [each.path, f"{each.name.zh} {each.name.en}".strip(), each.tag_count, each.total_tag_count]
        for each in found
    ]
    table("", ["category", "name", "tags here", "and below"], rows, empty="no categories")


@category.command()
@reporting
def put(
    path: Place,
    zh: Annotated[str, typer.Option(help="Its Chinese name.")] = "",
    en: Annotated[str, typer.Option(help="Its English name.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make a category, or rename one."""
    from cli.calls import governance as calls

    made = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.put_category(channel, path, zh, en), key
    )
    if as_json:
        print_json(as_dict(made))
    else:
        console.print(f"{made.path}: {made.name.zh} {made.name.en}".rstrip(), markup=False)


@category.command()
@reporting
def move(
    path: Place, new_path: Place, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Move a category with all tags and drafts below it."""
    from cli.calls import governance as calls

    moved = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.move_category(channel, path, new_path),
        key,
    )
    if as_json:
        print_json({"tag_ids": moved})
    else:
        console.print(f"moved with it: {', '.join(moved) or 'no tags'}", markup=False)


@category.command()
@reporting
def delete(path: Place, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Delete an empty category."""
    from cli.calls import governance as calls

    ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.delete_category(channel, path), key)
    if as_json:
        print_json({"path": path})
    else:
        console.print(f"{path}: deleted", markup=False)


@naming.command()
@reporting
def show(key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Print the naming rules."""
    from cli.calls import governance as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", calls.naming_rules, key)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        [
            each.category or "everywhere",
            each.pattern,
            each.example,
            each.description.en or each.description.zh,
        ]
        for each in found.naming_rules.rules
    ]
    table("", ["category", "pattern", "example", "why"], rows, empty="no rules")
    console.print(f"reserved: {', '.join(found.naming_rules.reserved_words) or 'no words'}", markup=False)


@naming.command("set")
@reporting
def set_rules(
    file: Annotated[
        Path,
        typer.Argument(
            help="YAML: rules with pattern, category, layer ..., and reserved_words.", exists=True
        ),
    ],
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Replace the naming rules by those of a file."""
    from cli.calls import governance as calls

    rules = calls.read_naming_rules(file)
    answer = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.set_naming_rules(channel, rules), key
    )
    if as_json:
        print_json(as_dict(answer))
        return
    breaking = ", ".join(answer.breaking_tag_ids)
    console.print(
        f"{len(rules.rules)} rules; tags that break them and stay: {breaking or 'none'}", markup=False
    )
