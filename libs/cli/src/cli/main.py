"""The huaxiang command, put together from its groups."""

import typer

from cli.commands import importing, suite
from cli.exits import HELP

app = typer.Typer(
    name="huaxiang",
    help="Huaxiang 画像: who is a customer, what is known of them, whom to reach, and what came of it.",
    epilog=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(suite.init)
app.command("up")(suite.up)
app.command("down")(suite.down)
app.command("status")(suite.status)
app.command("import")(importing.import_file)


def main() -> None:
    """The console script."""
    app()
