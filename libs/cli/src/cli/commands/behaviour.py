"""segments funnel, retention, paths: what audiences do one after the other."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.insight import WITHHELD, label, show_basis
from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, bar, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.segments.v1 import behaviour_service_pb2 as pb

SERVICE = "segments"
Who = Annotated[str, typer.Option(help="Of whom, said as for insight; everybody known by default.")]
By = Annotated[
    str, typer.Option(help="A tag to break it down by; region:1 takes the top of a tree. None by default.")
]
Within = Annotated[str, typer.Option(help="How long it may take: 7d, 24h, 90m.")]
Since = Annotated[str, typer.Option("--from", help="Begun at or after: 2026-03-01T00:00:00+08:00.")]
Until = Annotated[str, typer.Option("--to", help="Begun before this moment; now by default.")]


@reporting
def funnel(
    steps: Annotated[
        list[str], typer.Argument(help="Event types in order, each with a WHERE if wanted, quoted as one.")
    ],
    within: Within = "7d",
    strict: Annotated[
        bool, typer.Option("--strict", help="Nothing else of these event types may lie between two steps.")
    ] = False,
    since: Since = "",
    until: Until = "",
    audience: Who = "",
    by: By = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Count how far an audience comes, step by step."""
    from cli.calls import behaviour as calls

    asked = calls.funnel_of(steps, within, strict, since, until)
    broken = calls.breakdown(by)
    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.funnel(channel, audience, asked, broken),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    for each in found.groups:
        rows = [
            [
                text,
                f"{step.persons:,}" if not step.withheld else WITHHELD,
                _percent(step.of_first if step.HasField("of_first") else None),
                _percent(step.of_previous if step.HasField("of_previous") else None),
                bar(step.of_first, 16),
            ]
            for text, step in zip(steps, each.steps, strict=True)
        ]
        table(group_line(each.group), ["step", "people", "of the first", "of the one before", ""], rows)
    _events(found.events)
    show_basis(found.basis)


@reporting
def retention(  # noqa: PLR0913, PLR0917  # its options
    first: Annotated[str, typer.Argument(help="The event that people begin with, with a WHERE if wanted.")],
    start: Annotated[str, typer.Option("--from", help="A day of the first cohort: 2026-03-01.")],
    returning: Annotated[str, typer.Option(help="The event that is a return; the first by default.")] = "",
    period: Annotated[str, typer.Option(help="day, week or month.")] = "week",
    cohorts: Annotated[int, typer.Option(help="How many cohorts.", min=1)] = 8,
    periods: Annotated[int, typer.Option(help="How many periods, the cohort's own included.", min=1)] = 8,
    audience: Who = "",
    by: By = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Count who comes back after a first event, by cohort and period."""
    from cli.calls import behaviour as calls

    asked = calls.retention_of(first, returning, period, start, cohorts, periods)
    broken = calls.breakdown(by)
    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.retention(channel, audience, asked, broken),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    for each in found.groups:
        columns = ["from", "people", *(str(number) for number in range(periods))]
        table(group_line(each.group), columns, [_cohort(cohort, periods) for cohort in each.cohorts])
    console.print(f"  in percent of the cohort, by {period}; * is not over yet", markup=False)
    _events(found.events)
    show_basis(found.basis)


@reporting
def paths(  # noqa: PLR0913, PLR0917  # its options
    start: Annotated[str, typer.Argument(help="The event that paths begin with, with a WHERE if wanted.")],
    step: Annotated[list[str], typer.Option("--step", help="An event that is a step. Repeat for more.")],
    within: Within = "1d",
    depth: Annotated[int, typer.Option(help="How many steps to look at.", min=1, max=10)] = 3,
    top: Annotated[int, typer.Option(help="How many next steps to tell of each.", min=1, max=20)] = 5,
    before: Annotated[bool, typer.Option("--before", help="What comes before the start instead.")] = False,
    collapse: Annotated[bool, typer.Option("--collapse", help="Repeats in a row are one step.")] = False,
    audience: Who = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell what people do next after an event, or did before it."""
    from cli.calls import behaviour as calls

    asked = calls.Walks(start, step, within, depth, top, before, collapse).message()
    found = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.paths(channel, audience, asked), key
    )
    if as_json:
        print_json(as_dict(found))
        return
    begun = f"{found.started:,}" if found.HasField("started") else WITHHELD
    rows = [
        [
            node_label(each),
            f"{each.persons:,}" if not each.withheld else WITHHELD,
            _percent(each.share if each.HasField("share") else None),
            bar(each.share, 16),
        ]
        for each in found.nodes
    ]
    table(f"{'before' if before else 'after'} {start}: {begun} people", ["step", "people", "share", ""], rows)
    _events(found.events)
    show_basis(found.basis)


# ------------------------------------------------------------------------------------------------- parts


def group_line(group: "pb.AudienceGroup") -> str:
    """Who is counted together, and how many."""
    from huaxiang.segments.v1 import behaviour_service_pb2 as pb

    names = {
        pb.GROUP_KIND_ALL: "everybody",
        pb.GROUP_KIND_OTHERS: "(others)",
        pb.GROUP_KIND_UNKNOWN: "(unknown)",
    }
    persons = f"{group.persons:,}" if group.HasField("persons") else WITHHELD
    return f"{names.get(group.kind) or label(group.cell)}: {persons}"


def node_label(node: "pb.PathNode") -> str:
    """The last step, set in by how far it is from the start."""
    from huaxiang.segments.v1 import behaviour_service_pb2 as pb

    match node.kind:
        case pb.PATH_NODE_KIND_OTHERS:
            return "  " * len(node.event_types) + "(others)"
        case pb.PATH_NODE_KIND_ENDED:
            return "  " * len(node.event_types) + "(nothing more)"
    return "  " * (len(node.event_types) - 1) + node.event_types[-1]


def _cohort(cohort: "pb.RetentionCohort", periods: int) -> list[str]:
    from servicekit.values import date_of

    persons = f"{cohort.persons:,}" if cohort.HasField("persons") else WITHHELD
    cells = [
        WITHHELD
        if each.withheld
        else _percent(each.share if each.HasField("share") else None) + ("*" if each.partial else "")
        for each in cohort.periods
    ]
    return [date_of(cohort.start_day).isoformat(), persons, *cells, *[""] * (periods - len(cells))]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _events(found: "pb.BehaviourFreshness") -> None:
    events = f"{found.event_count:,}" if found.HasField("event_count") else WITHHELD
    persons = f"{found.person_count:,}" if found.HasField("person_count") else WITHHELD
    console.print(
        f"  {events} events of {persons} people, up to {found.as_of.ToJsonString()}",
        markup=False,
    )
