"""calendar: what DURING and is_workday mean to the tenant, as code."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

app = typer.Typer(
    no_args_is_help=True,
    help="The tenant's own periods (promotions, festivals) and workdays, beside the shipped calendar.",
)
CalendarFile = Annotated[
    Path,
    typer.Argument(help="YAML with years and periods, as `show` prints it.", exists=True, dir_okay=False),
]


@app.command()
@reporting
def show(
    shipped: Annotated[bool, typer.Option("--shipped", help="The shipped calendar, to copy from.")] = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Print the tenant's own calendar as YAML that plan and apply read."""
    from cli.calls import calendar as calls

    if shipped:
        from rules.calendars import read_stated, shipped_text

        settings = calls.settings_of(read_stated(shipped_text()))
    else:
        settings = ask(SuiteFolder.chosen(folder), "identity", calls.get, key).settings
    if as_json:
        print_json(calls.document(settings))
        return
    console.print(calls.text(settings), markup=False, soft_wrap=True, end="")


@app.command()
@reporting
def plan(file: CalendarFile, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Check a calendar and say what applying it would change; change nothing."""
    _put(file, folder, key, only_plan=True, as_json=as_json)


@app.command()
@reporting
def apply(file: CalendarFile, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Make the tenant's own calendar this one, whole. What rests on it is computed anew."""
    _put(file, folder, key, only_plan=False, as_json=as_json)


def _put(file: Path, folder: Path | None, key: Path | None, *, only_plan: bool, as_json: bool) -> None:
    from cli.calls import calendar as calls

    wanted = calls.read_file(file)
    suite = SuiteFolder.chosen(folder)
    found = ask(suite, "identity", lambda channel: calls.put(channel, wanted, only_plan=only_plan), key)
    if as_json:
        print_json({"differences": [asdict(each) for each in found]})
        return
    rows: list[list[object]] = [
        [each.name, each.change, _beside(each.change) if each.shipped else ""] for each in found
    ]
    table("", ["period or year", "change", "the shipped one"], rows, empty="nothing changes")
    if found:
        console.print(f"{len(found)} {'would change' if only_plan else 'changed'}")


def _beside(change: str) -> str:
    return "holds again" if change == "deleted" else "is replaced"
