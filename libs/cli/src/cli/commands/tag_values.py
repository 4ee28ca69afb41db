"""tags import-values: a file of values of an imported or manual tag."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import Exit, Refusal, reporting
from cli.output import console, print_json, progress, rate_of
from cli.suite import running
from cli.suite.folder import SuiteFolder

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cli.importing.tag_values import ValuesImported


@reporting
def import_values(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, Parquet or Arrow: person_id, value[, confidence (0 to 1), time, expires_at]."
        ),
    ],
    tag: Annotated[str, typer.Option(help="The tag that the values are of; an imported or manual one.")],
    source: Annotated[str, typer.Option(help="Which system says so.")] = "file",
    zone: Annotated[str, typer.Option(help="The time zone of times without one.")] = "Asia/Shanghai",
    encoding: Annotated[
        str | None, typer.Option(help="The CSV's encoding, when it is not recognised.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go; <file>.rejects.csv.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Import values of one tag. Rows that are refused go to a rejects file with line and reason."""
    from cli.calls.tags import one_tag
    from cli.importing.rejects import Rejects
    from cli.importing.rows import count_rows, require_columns
    from cli.importing.tag_values import REQUIRED, ValueFile, ValuesImported, send_values

    times = _zone(zone)
    require_columns(file, REQUIRED, encoding)
    chosen = SuiteFolder.chosen(folder)
    definition = running.ask(chosen, "tagging", lambda channel: one_tag(channel, tag)).definition
    given = ValueFile(file, definition, source, times, encoding)
    place = rejects or file.with_name(file.name + ".rejects.csv")
    started, result = time.monotonic(), ValuesImported()
    with Rejects(place, keep=(file,)) as rejected, progress() as shown:
        task = shown.add_task(file.name, total=count_rows(file), rate="")

        def advance(rows: int) -> None:
            shown.advance(task, rows)
            shown.update(task, rate=rate_of(shown.tasks[task].completed, started, "rows"))

        running.ask(chosen, "tagging", lambda channel: send_values(channel, given, rejected, advance, result))
    _say(file, result, place, time.monotonic() - started, as_json=as_json)
    if result.refused:
        raise SystemExit(int(Exit.BAD_DATA))


def _zone(name: str) -> "ZoneInfo":
    """Raises Refusal."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refusal(f"{name!r} is no time zone; such are Asia/Shanghai and UTC", Exit.USAGE) from None


def _say(file: Path, result: "ValuesImported", rejects: Path, seconds: float, *, as_json: bool) -> None:
    if as_json:
        written = str(rejects) if rejects.exists() else None
        print_json({"file": str(file), "rejects": written, "seconds": round(seconds, 3)} | asdict(result))
        return
    parts = [f"{result.stored:,} stored"]
    parts += [
        f"{count:,} {name}"
        for name, count in (("below later ones", result.superseded), ("refused", result.refused))
        if count
    ]
    console.print(f"{file.name}: {result.rows:,} rows, {', '.join(parts)} in {seconds:.1f} s")
    for reason, count in sorted(result.reasons.items(), key=lambda pair: -pair[1]):
        console.print(f"  {count:>8,}  {reason.replace('_', ' ')}")
    if rejects.exists():
        console.print(f"  lines and reasons: {rejects}")
