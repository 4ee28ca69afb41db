"""templates: how portraits are arranged, as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import portrait_template_pb2

app = typer.Typer(
    no_args_is_help=True, help="Portrait templates as code: which tags, in which order, for whom."
)


@app.command()
@reporting
def put(
    files: Annotated[list[Path], typer.Argument(help="YAML files, each a list of templates.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make or replace templates, one after the other."""
    from cli.calls import templates as calls

    wanted = calls.from_files(files)
    kept = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.put_all(channel, wanted))
    if as_json:
        print_json({"templates": [as_dict(each) for each in kept]})
        return
    for each in kept:
        console.print(f"template {each.template_id}: {_tag_count(each)} tags, etag {each.etag}")


@app.command("list")
@reporting
def list_templates(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the templates."""
    from cli.calls import templates as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", calls.every_template)
    if as_json:
        print_json({"templates": [as_dict(each) for each in found]})
        return
    table(
        "",
        ["template", "name", "tags", "for", "people of its class"],
        [
            [
                each.template_id,
                f"{each.name.zh} {each.name.en}".strip(),
                _tag_count(each),
                ", ".join(each.roles) or "everybody",
                each.class_profile.member_count if each.HasField("class_profile") else "",
            ]
            for each in found
        ],
        empty="no templates; make one with: huaxiang templates put <file>",
    )


@app.command()
@reporting
def show(template_id: str, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show one template as it is stored, in the form that `put` reads."""
    from cli.calls import templates as calls

    found = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.one(channel, template_id))
    if as_json:
        print_json(as_dict(found))
        return
    console.print(calls.as_yaml(found).rstrip(), markup=False)


@app.command()
@reporting
def delete(template_id: str, folder: Folder = None, as_json: AsJson = False) -> None:
    """Delete a template; one that is not there is no error."""
    from cli.calls import templates as calls

    deleted = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.delete(channel, template_id))
    if as_json:
        print_json({"template_id": template_id, "deleted": deleted})
        return
    console.print(f"template {template_id} is deleted" if deleted else f"there is no template {template_id}")


def _tag_count(template: "portrait_template_pb2.PortraitTemplate") -> int:
    return sum(len(group.tag_ids) for group in template.groups)
