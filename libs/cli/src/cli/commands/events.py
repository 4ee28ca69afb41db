"""events: what rules may say of events, what came in, and what is declared beside the suite's dictionary."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import Exit, Refusal, reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask
from cli.text_files import read_text

app = typer.Typer(no_args_is_help=True, help="Event types: listed, seen, and declared.")
Name = Annotated[str, typer.Argument(help="An event type.")]


@app.command("list")
@reporting
def list_types(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the event types that rules may name, with their properties."""
    from huaxiang.tagging.v1 import tag_pb2

    from cli.calls.dictionary import dictionary
    from cli.enum_names import name_of

    found = ask(SuiteFolder.chosen(folder), "tagging", dictionary)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        [
            each.name,
            each.text.zh or each.text.en,
            name_of(tag_pb2.TagGrade, each.grade),
            "declared" if each.declared else "",
            ", ".join(one.name for one in each.properties),
        ]
        for each in found.event_types
    ]
    table("", ["event type", "text", "grade", "", "properties"], rows)


@app.command()
@reporting
def seen(
    names: Annotated[list[str] | None, typer.Argument(help="Only these event types.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what needs a decision.")] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell what came in: properties, types of values, sources, and what is wrong."""
    from cli.calls import events as calls

    suite = SuiteFolder.chosen(folder)
    found = ask(suite, "tagging", lambda channel: calls.seen(channel, names or [], only_open=only_open))
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        [
            each.name,
            one.name,
            f"{value.count:,}",
            calls.type_word(value),
            value.source,
            ", ".join(one.examples),
        ]
        for each in found.event_types
        for one in each.properties
        for value in one.values
        if one.problem or not only_open
    ]
    table(
        "", ["event type", "property", "count", "type", "source", "examples"], rows, empty="nothing came in"
    )
    for each in found.event_types:
        for one in each.properties:
            if one.problem:
                console.print(one.problem, markup=False)
    if found.pending_count:
        console.print(f"{found.pending_count:,} events were not looked at yet")


@app.command()
@reporting
def suggest(name: Name, folder: Folder = None, as_json: AsJson = False) -> None:
    """Write a declaration of what came in, to be completed and declared."""
    import yaml

    from cli.calls import events as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.suggest(channel, name))
    if as_json:
        print_json({"event_type": calls.document(found.event_type), "remarks": list(found.remarks)})
        return
    for each in found.remarks:
        console.print(f"# {each}", markup=False, soft_wrap=True)
    said = yaml.safe_dump(calls.document(found.event_type), allow_unicode=True, sort_keys=False)
    console.print(said, markup=False, soft_wrap=True)


@app.command()
@reporting
def declare(
    file: Annotated[Path, typer.Argument(help="YAML: an event type, or a list of them.")],
    check: Annotated[bool, typer.Option(help="Only check.")] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Declare event types, or what they have beside the suite's dictionary."""
    import yaml

    from cli.calls import events as calls

    try:
        documents = yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        raise Refusal(f"{file}: is not YAML: {error}", Exit.BAD_DATA) from error
    listed = documents if isinstance(documents, list) else [documents]
    suite = SuiteFolder.chosen(folder)
    answers = ask(suite, "tagging", lambda channel: calls.declare(channel, listed, check=check))
    if as_json:
        print_json({"event_types": [as_dict(each) for each in answers]})
        return
    for each in answers:
        told = "unchanged" if not each.changed else "would be declared" if check else "declared"
        console.print(f"{each.event_type.name}: {told}", markup=False)


@app.command()
@reporting
def undeclare(name: Name, folder: Folder = None, as_json: AsJson = False) -> None:
    """Take a declaration back; events stay."""
    from cli.calls import events as calls

    ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.undeclare(channel, name))
    if as_json:
        print_json({"event_type": name})
    else:
        console.print(f"{name}: no longer declared", markup=False)
