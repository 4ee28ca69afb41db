"""A portrait on the terminal: in words, attributes, tags by category or group, latest events."""

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output import console, minute_of, table, visible

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import portrait_service_pb2 as pb
    from huaxiang.tagging.v1 import portrait_template_pb2, tag_pb2

    from cli.calls.tag_names import TagNames

SHOWN_EVENTS = 10
WITHHELD = "(withheld)"
ATTRIBUTES_RIGHT = "identity.persons.read"


def draw(answer: "pb.GetPortraitResponse", names: "TagNames") -> None:
    """Times are UTC, as the answer names no zone."""
    from cli.calls.values import shown

    as_of = minute_of(answer.as_of)
    console.print(f"person {answer.person_id} ({answer.state}), as of {as_of} UTC", style="bold")
    if answer.HasField("description"):
        console.print(visible(answer.description.text) or "nothing to say", markup=False)
        for part in answer.description.parts:
            console.print(visible(f"  {part.text}: {part.reason}"), style="dim", markup=False)
    table(
        "",
        ["attribute", "value"],
        [[name, shown(value)] for name, value in sorted(answer.attributes.items())],
        empty=f"attributes: none, or {WITHHELD} from a key without the right {ATTRIBUTES_RIGHT}",
    )
    _draw_values(answer, names)
    _draw_comparison(answer)
    _draw_events(answer)


def _draw_events(answer: "pb.GetPortraitResponse") -> None:
    events = [
        [minute_of(event.time), event.type or WITHHELD, event.source]
        for event in answer.timeline[:SHOWN_EVENTS]
    ]
    table("", ["time (UTC)", "event", "source"], events, empty="no events")
    if len(answer.timeline) > SHOWN_EVENTS:
        console.print(
            f"there are more events: --json shows the latest {len(answer.timeline)}, GetTimeline lists all",
            style="dim",
        )


def _draw_values(answer: "pb.GetPortraitResponse", names: "TagNames") -> None:
    """By the groups of a template, else by category, and beside what is typical of the class."""
    said = {each.tag_id: _value(each, names) for each in answer.values}
    typical = {each.tag_id: _value(each, names) for each in answer.comparison.profile.values}
    titles = ["tag", "value", *(["typical"] if typical else [])]

    def rows(tag_ids: Iterable[str]) -> list[list[Text | str]]:
        return [
            [names.tag(each), said[each], *([typical.get(each, "")] if typical else [])]
            for each in tag_ids
            if each in said
        ]

    for group in answer.groups:
        table(f"{group.name.zh} {group.name.en}".strip(), titles, rows(group.tag_ids))
    if answer.groups:
        return
    drawn: list[list[Text | str]] = []
    for category, tag_ids in groupby(said, names.category):
        if category:
            drawn.append([Text(visible(category), "bold"), *[""] * (len(titles) - 1)])
        drawn += rows(tag_ids)
    table("", titles, drawn, empty="no tag has a value")


def _value(told: "tag_pb2.TagValue | portrait_template_pb2.TypicalValue", names: "TagNames") -> Text:
    if told.withheld:
        return Text(WITHHELD)
    return names.value(told.tag_id, told.value) if told.HasField("value") else Text()


def _draw_comparison(answer: "pb.GetPortraitResponse") -> None:
    if not answer.HasField("comparison"):
        return
    comparison = answer.comparison
    belongs = "may not be told whether"
    if comparison.HasField("is_member"):
        belongs = "belongs" if comparison.is_member else "does not belong"
    name = f"{comparison.name.zh} {comparison.name.en}".strip() or "the class"
    told = f"{name}: {belongs} to it"
    if comparison.HasField("profile"):
        as_of = minute_of(comparison.profile.as_of)
        told += f"; typical of {comparison.profile.member_count} people, as of {as_of} UTC"
    console.print(visible(told), markup=False)
