"""import: files through the front door."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from cli.commands.suite import AsJson, Folder
from cli.exits import Exit, Refusal, reporting
from cli.importing.mapping import FileMapping, load_mapping
from cli.importing.rows import count_rows, read_header
from cli.importing.sending import ImportResult, Rejects, dry_run, send_file
from cli.output import console, print_json, progress
from cli.suite import running
from cli.suite.folder import SuiteFolder


@reporting
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV (UTF-8 or GB18030) or Parquet file.")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="YAML; by default beside the file with its name.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="The CSV's encoding, when it is not recognised.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go; <file>.rejects.csv.")] = None,
    only_check: Annotated[
        bool, typer.Option("--dry-run", help="Read and map every row, send nothing.")
    ] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Import a file. Rows that are refused go to a rejects file with line and reason; repeats change nothing."""
    mapped = load_mapping(mapping or file.with_suffix(".yaml"))
    require_columns(file, mapped, encoding)
    rejects_file = rejects or file.with_name(file.name + ".rejects.csv")
    started = time.monotonic()
    with Rejects(rejects_file) as rejected, progress() as shown:
        task = shown.add_task(file.name, total=count_rows(file), rate="")

        def advance(rows: int) -> None:
            _advance(shown, task, rows, started)

        if only_check:
            result = dry_run(file, mapped, rejected, advance, encoding)
        else:
            suite = running.require(SuiteFolder.chosen(folder))
            result = asyncio.run(_send(suite, file, mapped, rejected, advance, encoding))
    _say(file, result, rejects_file, time.monotonic() - started, as_json=as_json)
    if not result.clean:
        raise SystemExit(int(Exit.BAD_DATA))


def require_columns(file: Path, mapping: FileMapping, encoding: str | None) -> None:
    """Raises Refusal naming the columns that the mapping names and the file lacks."""
    header = read_header(file, encoding)
    missing = sorted(mapping.columns() - set(header))
    if missing:
        raise Refusal(
            f"{file.name} has no column {', '.join(missing)}; it has {', '.join(header)}", Exit.BAD_DATA
        )


async def _send(
    suite: running.RunningSuite,
    file: Path,
    mapping: FileMapping,
    rejects: Rejects,
    advance: Callable[[int], None],
    encoding: str | None,
) -> ImportResult:
    async with suite.channel("identity") as channel:
        return await send_file(channel, file, mapping, rejects, advance, encoding)


def _advance(shown: Progress, task: TaskID, rows: int, started: float) -> None:
    shown.advance(task, rows)
    done = shown.tasks[task].completed
    rate = done / max(time.monotonic() - started, 1e-6)
    shown.update(task, rate=f"{rate:,.0f} rows/s")


def _say(file: Path, result: ImportResult, rejects: Path, seconds: float, *, as_json: bool) -> None:
    if as_json:
        written = str(rejects) if rejects.exists() else None
        print_json({"file": str(file), **asdict(result), "rejects": written, "seconds": round(seconds, 3)})
        return
    parts = [f"{result.accepted:,} accepted"]
    parts += [
        f"{count:,} {name}"
        for name, count in (
            ("known already", result.repeated),
            ("known with other content", result.differs),
            ("refused", result.refused),
            ("not readable", result.broken),
        )
        if count
    ]
    console.print(f"{file.name}: {result.rows:,} rows, {', '.join(parts)} in {seconds:.1f} s")
    if result.left_out:
        console.print(f"  {result.left_out:,} parts of accepted records were left out")
    for reason, count in sorted(result.reasons.items(), key=lambda pair: -pair[1]):
        console.print(f"  {count:>8,}  {reason.replace('_', ' ')}")
    if rejects.exists():
        console.print(f"  lines and reasons: {rejects}")
