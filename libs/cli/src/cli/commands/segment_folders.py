"""segments folders, folder: where segments stand."""

from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

app = typer.Typer(no_args_is_help=True, help="The tree of folders: put, move, delete.")
Place = Annotated[str, typer.Argument(help="Parts separated by /.")]
SERVICE = "segments"


@reporting
def folders(
    below: Annotated[str, typer.Option(help="Only at or below this one.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the tree of folders with the number of segments."""
    from cli.calls import segment_folders as calls

    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.folders(channel, below), key)
    if as_json:
        print_json({"folders": [as_dict(each) for each in found]})
        return
    rows = [[each.path, each.display_name, each.segment_count, each.total_segment_count] for each in found]
    table("", ["folder", "name", "segments here", "and below"], rows, empty="no folders")


@app.command()
@reporting
def put(
    path: Place,
    name: Annotated[str, typer.Option(help="What people read.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make a folder, or rename one."""
    from cli.calls import segment_folders as calls

    made = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.put(channel, path, name), key)
    if as_json:
        print_json(as_dict(made))
    else:
        console.print(f"{made.path}: {made.display_name}", markup=False)


@app.command()
@reporting
def move(
    path: Place, new_path: Place, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Move a folder with all segments below it."""
    from cli.calls import segment_folders as calls

    moved = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.move(channel, path, new_path), key)
    if as_json:
        print_json({"segment_ids": moved})
    else:
        console.print(f"moved with it: {', '.join(moved) or 'no segments'}", markup=False)


@app.command()
@reporting
def delete(path: Place, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Delete an empty folder."""
    from cli.calls import segment_folders as calls

    ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.delete(channel, path), key)
    if as_json:
        print_json({"path": path})
    else:
        console.print(f"{path}: deleted", markup=False)
