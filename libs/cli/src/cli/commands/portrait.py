"""portrait and explain: what is known of a person, and why."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile, Who
from cli.exits import Exit, Refusal, reporting
from cli.output import console, print_json
from cli.suite.folder import SuiteFolder
from cli.suite.running import require

if TYPE_CHECKING:
    from huaxiang.segments.v1 import membership_service_pb2
    from huaxiang.tagging.v1 import portrait_service_pb2

explain = typer.Typer(no_args_is_help=True, help="Why a tag has its value, why a segment holds a person.")
Person = Annotated[str, typer.Argument(help="A person id, or an identifier such as phone=13800000001.")]


@reporting
def portrait(
    who: Who = None,
    identifier: Annotated[
        str | None, typer.Option(help="namespace=value, for example phone=13800000001.")
    ] = None,
    template: Annotated[str, typer.Option(help="Arrange it by this portrait template.")] = "",
    lang: Annotated[
        str,
        typer.Option(
            help="Describe the person in words of this language, and name tags and values in it: zh or en."
        ),
    ] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a person: tags, attributes, latest events."""
    from cli.calls import people
    from cli.calls.tag_names import TagNames, tag_names
    from cli.commands.portrait_drawing import draw

    if (who is None) == (identifier is None):
        raise Refusal("name a person, in one way: an id, or --identifier phone=13800000001", Exit.USAGE)
    if lang not in ("", *people.LANGUAGES):
        raise Refusal(f"--lang is zh or en, not {lang}", Exit.USAGE)
    asked = who or identifier or ""
    suite = require(SuiteFolder.chosen(folder))

    async def ask() -> "tuple[portrait_service_pb2.GetPortraitResponse, TagNames]":
        person_id = await people.person_id_of(suite, asked, key)
        async with suite.channel("tagging", key_file=key) as channel:
            found = await people.portrait(channel, person_id, template=template, lang=lang)
            return found, TagNames() if as_json else await tag_names(channel, lang)

    answer, names = asyncio.run(ask())
    if as_json:
        print_json(people.portrait_document(answer))
    else:
        draw(answer, names)


@explain.command("tag")
@reporting
def explain_tag(
    tag_id: str, who: Person, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Tell why a person has a tag's value."""
    from cli.calls import explanations
    from cli.calls.people import person_id_of
    from cli.calls.standing import or_standing
    from cli.calls.values import plain, shown

    suite = require(SuiteFolder.chosen(folder))

    async def ask() -> "portrait_service_pb2.ExplainTagResponse":
        person_id = await person_id_of(suite, who, key)
        async with suite.channel("tagging", key_file=key) as channel:
            answer = explanations.explain_tag(channel, person_id, tag_id)
            return await or_standing(channel, [tag_id], answer)

    answer = asyncio.run(ask())
    if as_json:
        print_json(
            {
                "tag_id": tag_id,
                "version": answer.version,
                "run_id": answer.run_id,
                "value": plain(answer.value.value),
                "explanation": explanations.document(answer.explanation),
            }
        )
        return
    title = f"[bold]{tag_id}[/bold] = {shown(answer.value.value)} (version {answer.version})"
    console.print(explanations.tree(title, answer.explanation))
    if answer.run_id:
        console.print(f"the cut was frozen by run {answer.run_id}")


@explain.command("segment")
@reporting
def explain_segment(
    segment_id: str, who: Person, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Tell why a person is in a segment or not."""
    from cli.calls import explanations
    from cli.calls.people import person_id_of

    suite = require(SuiteFolder.chosen(folder))

    async def ask() -> "membership_service_pb2.ExplainMembershipResponse":
        person_id = await person_id_of(suite, who, key)
        async with suite.channel("segments", key_file=key) as channel:
            return await explanations.explain_membership(channel, person_id, segment_id)

    answer = asyncio.run(ask())
    if as_json:
        print_json(
            {
                "segment_id": segment_id,
                "member": answer.member,
                "in_population": answer.in_population,
                "explanation": explanations.document(answer.explanation),
                "warnings": list(answer.freshness.warnings),
            }
        )
        return
    said = "is in" if answer.member else "is not in"
    if not answer.in_population:
        said += " (does not belong to its population)"
    console.print(explanations.tree(f"{who} {said} [bold]{segment_id}[/bold]", answer.explanation))
    for warning in answer.freshness.warnings:
        console.print(f"  note: {warning}", markup=False)
