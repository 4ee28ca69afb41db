"""settings: what the tenant fixes for all services."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, Refusal, reporting
from cli.output import as_dict, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from cli.calls.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The tenant's time zone, week start and currency.")


@app.command()
@reporting
def show(key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the settings in force."""
    from cli.calls import settings as calls

    _say(ask(SuiteFolder.chosen(folder), "identity", calls.get, key), as_json=as_json)


@app.command("set")
@reporting
def change(
    time_zone: Annotated[str, typer.Option(help="An IANA name, for example Asia/Shanghai.")] = "",
    week_start: Annotated[int, typer.Option(help="1 is Monday, 7 is Sunday.", min=0, max=7)] = 0,
    currency: Annotated[str, typer.Option(help="ISO 4217, for example CNY.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Change some settings; the others stay."""
    from cli.calls import settings as calls

    wanted = calls.Settings(time_zone=time_zone, week_start=week_start, currency=currency)
    if wanted == calls.Settings():
        raise Refusal("name what to change: --time-zone, --week-start or --currency", Exit.USAGE)
    suite = SuiteFolder.chosen(folder)
    _say(ask(suite, "identity", lambda channel: calls.change(channel, wanted), key), as_json=as_json)


def _say(settings: "Settings", *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(settings))
        return
    rows: list[list[object]] = [
        ["time zone", settings.time_zone],
        ["week starts on day", settings.week_start],
        ["currency", settings.currency],
        ["named periods", ", ".join(each.name for each in settings.calendar) or "none of its own"],
        ["workdays of", ", ".join(str(each.year) for each in settings.years) or "no year of its own"],
        ["events are kept", f"{settings.event_retention_days or 'all'} days"],
        ["sensitive purposes", ", ".join(settings.sensitive_purposes) or "none of its own"],
    ]
    table("", ["setting", "value"], rows)
