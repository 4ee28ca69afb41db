"""simulate: a made-up retailer, or real invoices with made-up people, as files to import."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson
from cli.exits import Exit, Refusal, reporting
from cli.invocation import to_paste
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
        document = {"folder": str(folder), "persons": manifest.persons, "events": dict(manifest.events)}
        print_json({**document, "as_of": manifest.as_of.isoformat()})
        return
    console.print(f"{folder}: {manifest.persons:,} people, {manifest.event_count:,} events")
    console.print("its story ends at this moment; days are counted from it:")
    moment = manifest.as_of.isoformat(timespec="seconds")
    lines: list[tuple[tuple[object, ...], str]] = [(("up", "--detach", "--now", moment), "")]
    lines += [(("import", folder / each.path), f"   # {each.rows:,} rows") for each in manifest.sources]
    lines += [(("reference", "put", each.name, folder / each.path), "") for each in manifest.reference]
    for words, remark in lines:
        console.print(f"  {to_paste(*words)}{remark}", markup=False, soft_wrap=True)
