"""reference: items, stores, staff, content and benefits that rules may join."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import Exit, Refusal, reporting
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
    since: Annotated[
        str,
        typer.Option(
            help="From when the rows are in force, as 2026-05-01; always, unless a column in_force_from says it."
        ),
    ] = "",
    zone: Annotated[str, typer.Option(help="Of moments without a time zone.")] = "Asia/Shanghai",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Store the rows of a file; one with a known key and start replaces the stored one. Columns in_force_from and ended
    tell a history: events read the row that was in force when they happened."""
    from cli.calls import reference as calls
    from cli.importing.rows import require_columns
    from cli.importing.values import BadCell

    try:
        meant = calls.Since(since, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise Refusal(f"there is no time zone {zone!r}", Exit.USAGE) from None
    try:
        meant.check()
    except BadCell as error:
        raise Refusal(f"--since {since!r} {error}", Exit.USAGE) from None
    require_columns(file, [key] if key else [])
    with progress() as bars:
        task = bars.add_task(name, total=None, rate="")
        rows, changed = ask(
            SuiteFolder.chosen(folder),
            "tagging",
            lambda channel: calls.put(channel, name, file, key, lambda done: bars.advance(task, done), meant),
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
        rows = [[each.name, each.row_count, each.version_count, ", ".join(each.columns)] for each in found]
        table("", ["table", "rows", "versions", "columns"], rows)


@app.command()
@reporting
def rows(
    name: Annotated[str, typer.Argument(help="items, stores, staff, content or benefits.")],
    keys: Annotated[list[str] | None, typer.Argument(help="Only these keys.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List rows with their history."""
    from cli.calls import reference as calls
    from cli.calls.values import shown

    suite = SuiteFolder.chosen(folder)
    found = ask(suite, "tagging", lambda channel: calls.versions(channel, name, keys or []))
    if as_json:
        print_json({"rows": [as_dict(each) for each in found]})
        return
    told = []
    for each in found:
        start = each.in_force_from.ToJsonString() if each.HasField("in_force_from") else "always"
        said = ", ".join(f"{column} {shown(value)}" for column, value in sorted(each.columns.items()))
        told.append([each.key, start, "ended" if each.ended else said])
    table("", ["key", "in force from", "columns"], told)
