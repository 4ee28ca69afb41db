"""key: a key of its own for each program and each person."""

from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.output import console, print_json
from cli.suite.folder import SuiteFolder


@reporting
def key(
    subject: Annotated[str, typer.Argument(help="Whose key: the name that histories and audits show.")],
    role: Annotated[list[str], typer.Option(help="What it may do, for example analyst; repeatable.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for one more program or person; commands act with it when HUAXIANG_KEY_FILE names its file."""
    from cli.suite.secrets import add_key

    path = add_key(SuiteFolder.chosen(folder), subject, role)
    if as_json:
        print_json({"subject": subject, "roles": role, "file": str(path)})
        return
    console.print(f"{subject} ({', '.join(role)}): {path}", markup=False)
