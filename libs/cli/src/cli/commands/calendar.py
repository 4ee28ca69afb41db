"""calendar: what DURING and is_workday mean to the tenant, as code."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, Refusal, reporting
from cli.output import console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from cli.calls import calendar
    from cli.calls.period_uses import PeriodUse

PERIODS_AT_ONCE = 5
"""So many periods stand in an error."""
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
    """Check a calendar and say what applying it would change, and which tags and segments name what goes or moves;
    change nothing."""
    _, planned, uses = _planned(file, folder, key)
    _say(planned, uses, "would change", as_json=as_json)


@app.command()
@reporting
def apply(
    file: CalendarFile,
    force: Annotated[
        bool, typer.Option("--force", help="Also when periods go that tags or segments name: these fail.")
    ] = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make the tenant's own calendar this one, whole. What rests on it is computed anew."""
    from cli.calls import calendar as calls

    suite, planned, uses = _planned(file, folder, key)
    if lost := [each for each in uses if each.becomes == calls.GOES and not force]:
        told = "; ".join(each.told() for each in lost[:PERIODS_AT_ONCE])
        more = f"; and {len(lost) - PERIODS_AT_ONCE} more" if len(lost) > PERIODS_AT_ONCE else ""
        raise Refusal(f"{told}{more}; change their rules first, or let them fail with --force", Exit.CONFLICT)
    if planned.differences:
        ask(suite, "identity", lambda channel: calls.store(channel, planned), key)
    _say(planned, uses, "changed", as_json=as_json)


def _planned(
    file: Path, folder: Path | None, key: Path | None
) -> "tuple[SuiteFolder, calendar.Planned, list[PeriodUse]]":
    """With the uses of periods that go or move, of those that are used."""
    from cli.calls import calendar as calls
    from cli.calls import period_uses

    wanted, suite = calls.read_file(file), SuiteFolder.chosen(folder)
    planned = ask(suite, "identity", lambda channel: calls.plan(channel, wanted), key)
    names = list(planned.periods)
    if not names:
        return suite, planned, []
    tags = ask(suite, "tagging", lambda channel: period_uses.of_tags(channel, names), key)
    segments = ask(suite, "segments", lambda channel: period_uses.of_segments(channel, names), key)
    told = zip(names, planned.periods.values(), tags, segments, strict=True)
    uses = [period_uses.PeriodUse(*each) for each in told]
    return suite, planned, [each for each in uses if each.tags or each.segments]


def _say(planned: "calendar.Planned", uses: "list[PeriodUse]", verb: str, *, as_json: bool) -> None:
    found = planned.differences
    if as_json:
        print_json({"differences": [asdict(each) for each in found], "uses": [asdict(each) for each in uses]})
        return
    rows: list[list[object]] = [
        [each.name, each.change, _beside(each.change) if each.shipped else ""] for each in found
    ]
    table("", ["period or year", "change", "the shipped one"], rows, empty="nothing changes")
    if uses:
        named: list[list[object]] = [
            [each.period, each.becomes, ", ".join(each.tags), ", ".join(each.segments)] for each in uses
        ]
        table("", ["period in use", "it", "tags that name it", "segments that name it"], named)
    if found:
        console.print(f"{len(found)} {verb}")


def _beside(change: str) -> str:
    return "holds again" if change == "deleted" else "is replaced"
