"""simulate: a made-up retailer, or real invoices with made-up people, as files to import."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson
from cli.exits import Exit, Refusal, reporting
from cli.output import console, print_json, progress


@reporting
def simulate(
    folder: Annotated[Path, typer.Argument(help="A new folder for the files.")],
    data: Annotated[
        Path | None, typer.Option(help="online_retail.parquet: real invoices, each customer made a person.")
    ] = None,
    persons: Annotated[int | None, typer.Option(help="How many people, 20,000 by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write exports of six source systems with mappings, reference tables and the truth."""
    from cli.demo.world import write_world

    if data is not None and persons is not None:
        raise Refusal("--persons does not go with --data: the invoices say how many there are", Exit.USAGE)
    with progress() as bars:
        task = bars.add_task("people", total=None, rate="")
        manifest = write_world(
            folder,
            data,
            persons,
            seed,
            lambda done, total: bars.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({"folder": str(folder), "persons": manifest.persons, "events": dict(manifest.events)})
        return
    console.print(f"{folder}: {manifest.persons:,} people, {manifest.event_count:,} events")
    for entry in manifest.sources:
        console.print(f"  huaxiang import {folder / entry.path}   # {entry.rows:,} rows")
