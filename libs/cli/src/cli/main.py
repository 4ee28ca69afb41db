"""The huaxiang command, put together from its groups."""

import sys

import typer

from cli.commands import (
    behaviour,
    calendar,
    demo,
    events,
    identity,
    importing,
    insight,
    keys,
    lake,
    portrait,
    privacy,
    reference,
    segments,
    settings,
    simulate,
    suite,
    tag_runs,
    tag_values,
    tags,
    templates,
)
from cli.exits import HELP, Exit, leave
from cli.output import say_what_can_be_said

app = typer.Typer(
    name="huaxiang",
    help="Huaxiang 画像: who is a customer, what is known of them, whom to reach, and what came of it.",
    epilog=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("init")(suite.init)
app.command("key")(keys.key)
app.command("compile")(suite.compile_kernels)
app.command("up")(suite.up)
app.command("down")(suite.down)
app.command("status")(suite.status)
app.command("simulate")(simulate.simulate)
app.command("import")(importing.import_file)
app.add_typer(settings.app, name="settings")
app.add_typer(calendar.app, name="calendar")
app.add_typer(reference.app, name="reference")
app.add_typer(events.app, name="events")
tags.app.command("runs")(tag_runs.runs)
tags.app.command("import-values")(tag_values.import_values)
app.add_typer(tags.app, name="tags")
for each in (insight.insight, insight.compare, insight.overlap, insight.transitions, insight.lookalike):
    segments.app.command()(each)
segments.app.command()(behaviour.funnel)
segments.app.command()(behaviour.retention)
segments.app.command()(behaviour.paths)
app.add_typer(segments.app, name="segments")
app.command("portrait")(portrait.portrait)
app.add_typer(portrait.explain, name="explain")
app.add_typer(templates.app, name="templates")
app.add_typer(identity.app, name="identity")
app.add_typer(lake.app, name="lake")
app.add_typer(privacy.app, name="privacy")
app.command("sandbox")(suite.sandbox)


def main() -> None:
    """The console script."""
    say_what_can_be_said()
    as_json = "--json" in sys.argv
    try:
        sys.exit(app(standalone_mode=not as_json))
    except typer.TyperException as misused:
        leave(misused.format_message(), Exit.USAGE, as_json=True)
