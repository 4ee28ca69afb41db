"""tags: the catalogue as code."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import tag_places, tag_quality, tag_requests, tag_runs, tag_steps, tag_views
from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import tag_service_pb2

app = typer.Typer(
    no_args_is_help=True,
    help="Tag definitions as code or by review, their lives, their values for everybody.",
)
for module in (tag_requests, tag_steps, tag_views, tag_quality):
    for name in module.COMMANDS:
        app.command(name.replace("_", "-"))(getattr(module, name))
app.command("run")(tag_runs.run)
app.command("cancel")(tag_runs.cancel)
app.command("categories")(tag_places.categories)
app.add_typer(tag_places.category, name="category")
app.add_typer(tag_places.naming, name="naming")
Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="YAML files or folders; without any, and without --pack, the retail pack."),
]
Packs = Annotated[
    list[str] | None,
    typer.Option("--pack", help="A pack that comes with the suite (see: huaxiang tags packs); repeatable."),
]
DeleteMissing = Annotated[
    bool, typer.Option("--delete-missing", help="Also delete the stored tags that the files do not hold.")
]
Reason = Annotated[str, typer.Option(help="Why, for the history of every tag that changes.")]
Force = Annotated[
    bool, typer.Option("--force", help="Also when segments or campaigns use what goes; needs a reason.")
]
UNCHANGED = "unchanged"


@app.command()
@reporting
def plan(
    paths: Paths = None,
    pack: Packs = None,
    delete_missing: DeleteMissing = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Check definitions and say what applying them would change; change nothing."""
    _apply(
        paths, pack, delete_missing=delete_missing, only_plan=True, key=key, folder=folder, as_json=as_json
    )


@app.command()
@reporting
def apply(
    paths: Paths = None,
    pack: Packs = None,
    delete_missing: DeleteMissing = False,
    reason: Reason = "",
    force: Force = False,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make the catalogue hold these definitions, all or nothing, without a review."""
    _apply(
        paths,
        pack,
        delete_missing=delete_missing,
        only_plan=False,
        key=key,
        folder=folder,
        as_json=as_json,
        reason=reason,
        force=force,
    )


@app.command()
@reporting
def packs(as_json: AsJson = False) -> None:
    """List the packs of tags that come with the suite."""
    from tagging.catalogue.packs import pack_definitions
    from tagging.catalogue.packs import packs as listed

    found = [(each, pack_definitions(each.name)) for each in listed()]
    if as_json:
        told = [
            {
                "pack": each.name,
                "name": asdict(each.title),
                "description": asdict(each.description),
                "tag_ids": [tag.tag_id for tag in tags],
            }
            for each, tags in found
        ]
        print_json({"packs": told})
        return
    rows = [
        [each.name, f"{each.title.zh} {each.title.en}", len(tags), each.description.en]
        for each, tags in found
    ]
    table("", ["pack", "name", "tags", "what for"], rows)


@app.command("list")
@reporting
def list_tags(
    category: Annotated[str, typer.Option(help="Only tags at or below this category.")] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the tags of the catalogue."""
    from cli.calls import tags as calls

    found = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.every_tag(channel, category), key
    )
    if as_json:
        print_json({"tags": [as_dict(each) for each in found]})
        return
    table(
        "",
        ["tag", "name", "category", "type", "computed by", "people"],
        [
            [
                each.definition.tag_id,
                f"{each.definition.name.zh} {each.definition.name.en}",
                each.definition.category,
                calls.base_name(each.definition.value_type),
                calls.computed_by(each.definition),
                each.coverage,
            ]
            for each in found
        ],
        empty=f"no tags at or below {category}"
        if category
        else "no tags; store the retail pack with: huaxiang tags apply",
    )


@app.command()
@reporting
def show(tag_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show one tag as it is stored."""
    from cli.calls import tags as calls
    from cli.calls.governance import state_name
    from cli.calls.standing import or_standing

    tag = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: or_standing(channel, [tag_id], calls.one_tag(channel, tag_id)),
        key,
    )
    if as_json:
        print_json(as_dict(tag))
        return
    import yaml
    from tagging.catalogue.files import write_definitions
    from tagging.catalogue.messages import from_message

    console.print(write_definitions([from_message(tag.definition)]).rstrip(), markup=False)
    found = {"version": tag.version, "people": tag.coverage, "state": state_name(tag.state)}
    if tag.replacement_tag_id:
        found["use_instead"] = tag.replacement_tag_id
    console.print(yaml.safe_dump(found, sort_keys=False).rstrip(), markup=False)


def _apply(
    paths: list[Path] | None,
    packs: list[str] | None,
    *,
    delete_missing: bool,
    only_plan: bool,
    key: Path | None,
    folder: Path | None,
    as_json: bool,
    reason: str = "",
    force: bool = False,
) -> None:
    from cli.calls import tags as calls

    wanted = calls.definitions(paths or [], packs or [])
    answer = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.apply(
            channel,
            wanted,
            delete_missing=delete_missing,
            only_plan=only_plan,
            reason=reason,
            force=force,
        ),
        key,
    )
    if as_json:
        print_json(as_dict(answer))
        return
    _say(answer, only_plan=only_plan)


def _say(answer: "tag_service_pb2.ApplyTagsResponse", *, only_plan: bool) -> None:
    from cli.calls.tags import kind_name

    counts: dict[str, int] = {}
    rows: list[list[Any]] = []
    for each in answer.differences:
        kind = kind_name(each.kind)
        counts[kind] = counts.get(kind, 0) + 1
        if kind != UNCHANGED:
            fields = ", ".join(field.field for field in each.fields)
            rows.append([each.tag_id, kind, "" if kind in {"created", "deleted"} else fields])
    columns = ["tag", "change", "fields"] if any(fields for _, _, fields in rows) else ["tag", "change"]
    table("", columns, [row[: len(columns)] for row in rows], empty="nothing changes")
    summary = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    console.print(f"{'would be' if only_plan else 'now'}: {summary or 'no tags'}")
    for warning in answer.warnings:
        console.print(f"  note: {warning}", markup=False)
