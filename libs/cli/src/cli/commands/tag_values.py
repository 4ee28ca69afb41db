"""tags import-values: a file of values of an imported or manual tag."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import Exit, Refusal, reporting
from cli.output import console, notes, print_json, progress, rate_of
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
            help="CSV, Parquet or Arrow: person_id or an identifier such as member_id or phone, "
            "value[, confidence (0 to 1), time, expires_at]."
        ),
    ],
    tag: Annotated[str, typer.Option(help="The tag that the values are of; an imported or manual one.")],
    by: Annotated[
        str,
        typer.Option(
            help="The column that says whose values they are, named as an identifier's namespace (member_id, phone, "
            "card_no ...); found by itself when no other column is left."
        ),
    ] = "",
    source: Annotated[str, typer.Option(help="Which system says so.")] = "file",
    zone: Annotated[str, typer.Option(help="The time zone of times without one.")] = "Asia/Shanghai",
    encoding: Annotated[
        str | None, typer.Option(help="The CSV's encoding, when it is not recognised.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go; <file>.rejects.csv.")] = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Import values of one tag. Rows that are refused go to a rejects file with line and reason."""
    from cli.calls.tags import one_tag
    from cli.importing.rejects import Rejects
    from cli.importing.rows import count_rows, read_header, require_columns
    from cli.importing.tag_values import VALUE, ValueFile, ValuesImported, column_of_persons, send_values

    times = _zone(zone)
    require_columns(file, [VALUE, *([by] if by else [])], encoding)
    who = column_of_persons(read_header(file, encoding), by)
    require_columns(file, [who], encoding)
    suite = running.require(SuiteFolder.chosen(folder))
    definition = running.ask(suite.folder, "tagging", lambda channel: one_tag(channel, tag), key).definition
    given = ValueFile(file, definition, source, times, encoding, who)
    place = rejects or file.with_name(file.name + ".rejects.csv")
    started, result = time.monotonic(), ValuesImported()
    with Rejects(place, keep=(file,), put_aside=_kept) as rejected, progress() as shown:
        task = shown.add_task(file.name, total=count_rows(file), rate="")

        def advance(rows: int) -> None:
            shown.advance(task, rows)
            shown.update(task, rate=rate_of(shown.tasks[task].completed, started, "rows"))

        async def send() -> None:
            async with (
                suite.channel("tagging", key_file=key) as tagging,
                suite.channel("identity", key_file=key) as identity,
            ):
                await send_values(tagging, identity, given, rejected, advance, result)

        with _told_how_far(file, result):
            asyncio.run(send())
    _say(file, result, place, time.monotonic() - started, as_json=as_json)
    if result.refused:
        raise SystemExit(int(Exit.BAD_DATA))


def _kept(aside: Path) -> None:
    notes.print(f"the rejects of an earlier import are kept as {aside}", markup=False, soft_wrap=True)


@contextmanager
def _told_how_far(file: Path, result: "ValuesImported") -> Iterator[None]:
    """Says what is stored before whatever ends an import early."""
    try:
        yield
    except BaseException as error:
        if result.rows or isinstance(error, KeyboardInterrupt):
            notes.print(
                f"{file.name}: {result.stored:,} values are stored and stay, of the first {result.rows:,} rows and "
                "perhaps some after them; importing the file again states these once more and stores the rest",
                markup=False,
                soft_wrap=True,
            )
        raise


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
