"""Why a tag has its value and why a segment holds a person: explanations as trees."""

from typing import Any

import grpc
from huaxiang.segments.v1 import membership_service_pb2 as membership_pb
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from huaxiang.type.v1 import explanation_pb2
from rich.markup import escape
from rich.tree import Tree

from cli.calls.values import plain, shown

SHOWN_EVENTS = 3
"""Of each part, the latest; --json tells all."""


async def explain_tag(
    channel: grpc.aio.Channel, person_id: int, tag_id: str
) -> portrait_pb.ExplainTagResponse:
    """Asks tagging."""
    request = portrait_pb.ExplainTagRequest(person_id=person_id, tag_id=tag_id)
    return await PortraitServiceStub(channel).ExplainTag(request)


async def explain_membership(
    channel: grpc.aio.Channel, person_id: int, segment_id: str
) -> membership_pb.ExplainMembershipResponse:
    """Asks segments."""
    request = membership_pb.ExplainMembershipRequest(person_id=person_id, segment_id=segment_id)
    return await MembershipServiceStub(channel).ExplainMembership(request)


def tree(title: str, explanation: explanation_pb2.Explanation) -> Tree:
    """For people: a mark for true and false, the values, the events behind them."""
    root = Tree(title)
    _grow(root, explanation)
    return root


def document(explanation: explanation_pb2.Explanation) -> dict[str, Any]:
    """For programs."""
    found: dict[str, Any] = {"text": explanation.text}
    if explanation.HasField("holds"):
        found["holds"] = explanation.holds
    if explanation.HasField("value"):
        found["value"] = plain(explanation.value)
    if explanation.would_flip:
        found["would_flip"] = explanation.would_flip
    if explanation.evidence:
        found["evidence"] = [
            {
                "type": event.type,
                "time": event.time.ToJsonString(),
                "source": event.source,
                "event_id": event.event_id,
                "properties": {name: plain(value) for name, value in sorted(event.properties.items())},
                "withheld": event.withheld,
                "withheld_properties": list(event.withheld_properties),
            }
            for event in explanation.evidence
        ]
    if explanation.parts:
        found["parts"] = [document(part) for part in explanation.parts]
    return found


def _grow(root: Tree, explanation: explanation_pb2.Explanation) -> None:
    label = escape(explanation.text)
    if explanation.HasField("holds"):
        label = ("[green]✓[/green] " if explanation.holds else "[red]✗[/red] ") + label
    if explanation.HasField("value") and shown(explanation.value) != explanation.text.strip("'"):
        label += f" = [bold]{escape(shown(explanation.value))}[/bold]"
    if explanation.would_flip:
        label += f"  [dim](would change with {escape(explanation.would_flip)})[/dim]"
    branch = root.add(label)
    for event in explanation.evidence[:SHOWN_EVENTS]:
        plain_properties = [
            each for each in sorted(event.properties.items()) if not each[1].HasField("list_value")
        ]
        said = ", ".join(f"{name} {shown(value)}" for name, value in plain_properties)
        time = event.time.ToDatetime().strftime("%Y-%m-%d %H:%M")
        if event.withheld_properties:
            said += f" (withheld: {', '.join(event.withheld_properties)})"
        told = "(withheld)" if event.withheld else f"{event.type} from {event.source} {escape(said)}"
        branch.add(f"[dim]{time} UTC {told}[/dim]")
    for part in explanation.parts:
        _grow(branch, part)
