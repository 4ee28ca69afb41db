"""demo: one real run, from exports to delivered messages."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson
from cli.exits import Exit, Refusal, reporting
from cli.suite.programs import MAX_BASE_PORT, MIN_BASE_PORT

DEFAULT_DEMO_FOLDER = Path("var/demo")


@reporting
def demo(
    data: Annotated[
        Path | None, typer.Option(help="online_retail.parquet: real invoices with made-up people.")
    ] = None,
    persons: Annotated[int | None, typer.Option(help="How many simulated people, 20,000 by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed tells the same story.")] = None,
    folder: Annotated[
        Path, typer.Option(help="Where everything lies; made anew each time.")
    ] = DEFAULT_DEMO_FOLDER,
    base_port: Annotated[
        int | None,
        typer.Option(
            help="All ports follow from it; a free one by default.", min=MIN_BASE_PORT, max=MAX_BASE_PORT
        ),
    ] = None,
    keep_up: Annotated[
        bool, typer.Option("--keep-up", help="Leave the suite running to look around.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the whole suite at work: persons, tags, audiences, deliveries, checked against the truth."""
    from cli.demo.run import run_demo

    if data is not None and persons is not None:
        raise Refusal("--persons does not go with --data: the invoices say how many there are", Exit.USAGE)
    run_demo(folder.absolute(), data, persons, seed, base_port, keep_up=keep_up, as_json=as_json)
