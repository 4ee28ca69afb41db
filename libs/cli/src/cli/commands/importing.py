"""import: files through the front door."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import Exit, reporting
from cli.output import console, notes, print_json, progress, rate_of
from cli.suite import running
from cli.suite.folder import SuiteFolder

if TYPE_CHECKING:
    from cli.importing.sending import ImportResult


@reporting
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV (UTF-8 or GB18030), Parquet or Arrow file.")],
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
    bulk: Annotated[
        bool,
        typer.Option(
            "--bulk", help="Persons by the million: as columns, going on where an import broke off."
        ),
    ] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Import a file. Rows that are refused go to a rejects file with line and reason; repeats change nothing."""
    from cli.importing.bulk import BulkImport, import_id_of
    from cli.importing.columns import ColumnPlan
    from cli.importing.journal import Journal
    from cli.importing.mapping import load_mapping
    from cli.importing.rejects import Rejects
    from cli.importing.rows import count_rows, require_columns, require_file
    from cli.importing.sending import ImportResult, dry_run, send_file

    require_file(file)
    mapping = mapping or file.with_suffix(".yaml")
    mapped = load_mapping(mapping)
    require_columns(file, mapped.columns(), encoding)
    rejects_file = rejects or file.with_name(file.name + ".rejects.csv")
    plan = ColumnPlan(mapped) if bulk else None
    chosen = SuiteFolder.chosen(folder)
    if not only_check:
        running.require(chosen)
    started, result = time.monotonic(), ImportResult()
    import_id = import_id_of(file, mapping, encoding) if bulk and not only_check else ""
    journal = Journal(file.with_name(file.name + ".import.json"), import_id)
    going_on = bool(import_id) and journal.goes_on(rejects_file)
    with Rejects(rejects_file, keep=(file, mapping), going_on=going_on) as rejected, progress() as shown:
        if not going_on:
            journal.remove()
        task = shown.add_task(file.name, total=count_rows(file), rate="")

        def advance(rows: int) -> None:
            shown.advance(task, rows)
            shown.update(task, rate=rate_of(shown.tasks[task].completed, started, "rows"))

        if only_check:
            dry_run(file, mapped, rejected, advance, encoding, result)
        elif plan is not None:
            run = BulkImport(plan, import_id, journal, rejected, advance, result)
            with _told_how_far(file, result):
                running.ask(chosen, "identity", lambda channel: run.send(channel, file, encoding))
        else:
            with _told_how_far(file, result):
                running.ask(
                    chosen,
                    "identity",
                    lambda channel: send_file(channel, file, mapped, rejected, advance, encoding, result),
                )
    _say(
        file,
        result,
        _unknown_types(chosen, result),
        rejects_file,
        time.monotonic() - started,
        as_json=as_json,
        only_check=only_check,
    )
    if not result.clean:
        raise SystemExit(int(Exit.BAD_DATA))


@contextmanager
def _told_how_far(file: Path, result: "ImportResult") -> Iterator[None]:
    """Says what was taken before whatever ends an import early."""
    try:
        yield
    except BaseException:
        notes.print(
            f"{file.name}: {result.accepted + result.repeated:,} rows were taken before the import ended; "
            "importing the file again takes the rest",
            markup=False,
        )
        raise


def _unknown_types(folder: SuiteFolder, result: "ImportResult") -> list[str]:
    """A sentence for each type of event that the suite's rules do not know; none when no suite runs to ask."""
    from cli.calls.dictionary import event_types, unknown_types

    if not result.event_types or running.find(folder) is None:
        return []
    return unknown_types(result.event_types, running.ask(folder, "tagging", event_types))


def _say(
    file: Path,
    result: "ImportResult",
    warnings: list[str],
    rejects: Path,
    seconds: float,
    *,
    as_json: bool,
    only_check: bool,
) -> None:
    if as_json:
        written = str(rejects) if rejects.exists() else None
        about = {"file": str(file), "rejects": written, "seconds": round(seconds, 3), "warnings": warnings}
        print_json(about | asdict(result))
        return
    readable = f"{result.rows - result.broken:,} readable, nothing was sent"
    parts = [readable if only_check else f"{result.accepted:,} accepted"]
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
        console.print(f"  {result.left_out:,} parts of records were left out")
    for reason, count in sorted(result.reasons.items(), key=lambda pair: -pair[1]):
        console.print(f"  {count:>8,}  {reason.replace('_', ' ')}")
    for warning in warnings:
        console.print(f"  note: {warning}", markup=False)
    if rejects.exists():
        console.print(f"  lines and reasons: {rejects}")
