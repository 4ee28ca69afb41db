"""reference: items, stores, staff, content and benefits that rules may join."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.output import as_dict, console, print_json, progress, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

app = typer.Typer(no_args_is_help=True, help="Items, stores, staff, content and benefits that rules join.")


@app.command()
@reporting
def put(
    name: Annotated[str, typer.Argument(help="items, stores, staff, content or benefits.")],
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    key: Annotated[str, typer.Option(help="The column of the key; the first by default.")] = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Store the rows of a file; a row with a known key replaces the stored one."""
    from cli.calls import reference as calls
    from cli.importing.rows import require_columns

    require_columns(file, [key] if key else [])
    with progress() as bars:
        task = bars.add_task(name, total=None, rate="")
        rows, changed = ask(
            SuiteFolder.chosen(folder),
            "tagging",
            lambda channel: calls.put(channel, name, file, key, lambda done: bars.advance(task, done)),
        )
    if as_json:
        print_json({"table": name, "rows": rows, "changed": changed})
    else:
        console.print(f"{name}: {rows:,} rows, {changed:,} new or changed")


@app.command("list")
@reporting
def list_tables(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the tables."""
    from cli.calls import reference as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", calls.tables)
    if as_json:
        print_json({"tables": [as_dict(each) for each in found]})
    else:
        rows = [[each.name, each.row_count, ", ".join(each.columns)] for each in found]
        table("", ["table", "rows", "columns"], rows)
