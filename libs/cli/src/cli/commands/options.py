"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from cli.suite.programs import MAX_BASE_PORT, MIN_BASE_PORT

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="The suite's folder; HUAXIANG_FOLDER or var/huaxiang by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
BasePort = Annotated[
    int,
    typer.Option(
        "--base-port",
        help="All ports follow from it: 7100 gives 7101 to 7104, the sandbox 7400.",
        min=MIN_BASE_PORT,
        max=MAX_BASE_PORT,
    ),
]
Who = Annotated[
    str | None,
    typer.Argument(help="A person id, or an identifier: phone=13800000001, member_id=M1, taobao_id=shop:7."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="HUAXIANG_KEY_FILE",
        help="A file with the key to act with; the admin's by default (see: huaxiang key).",
        exists=True,
        dir_okay=False,
    ),
]
