"""Answers about behaviour as messages."""

from huaxiang.segments.v1 import behaviour_service_pb2 as pb
from segments.api import insight_render
from segments.app.insight.behaviour.funnel import FunnelFound
from segments.app.insight.behaviour.observing import EventsTold
from segments.app.insight.behaviour.paths import PathsFound
from segments.app.insight.behaviour.retention import RetentionFound
from segments.domain.insight.behaviour.answers import CohortCount, StepCount
from segments.domain.insight.behaviour.groups import Group, GroupKind
from segments.store.behaviour_ports import Cohort, Turn
from servicekit.values import timestamp_of

_GROUPS = {
    GroupKind.ALL: pb.GROUP_KIND_ALL,
    GroupKind.VALUE: pb.GROUP_KIND_VALUE,
    GroupKind.OTHERS: pb.GROUP_KIND_OTHERS,
    GroupKind.UNKNOWN: pb.GROUP_KIND_UNKNOWN,
}
_TURNS = {
    Turn.STEP: pb.PATH_NODE_KIND_STEP,
    Turn.OTHERS: pb.PATH_NODE_KIND_OTHERS,
    Turn.ENDED: pb.PATH_NODE_KIND_ENDED,
}


def funnel(found: FunnelFound) -> pb.GetFunnelResponse:
    """How far they come."""
    return pb.GetFunnelResponse(
        audience=insight_render.persons(found.audience),
        groups=[
            pb.GroupFunnel(group=_group(group, steps.persons), steps=[_step(each) for each in steps.steps])
            for group, steps in found.groups
        ],
        events=_events(found.events),
        basis=insight_render.basis(found.basis),
    )


def retention(found: RetentionFound) -> pb.GetRetentionResponse:
    """Who came back."""
    return pb.GetRetentionResponse(
        audience=insight_render.persons(found.audience),
        groups=[
            pb.GroupRetention(
                group=_group(group, cohorts.persons),
                cohorts=[
                    _cohort(cohort, each) for cohort, each in zip(found.cohorts, cohorts.cohorts, strict=True)
                ],
            )
            for group, cohorts in found.groups
        ],
        events=_events(found.events),
        basis=insight_render.basis(found.basis),
    )


def paths(found: PathsFound) -> pb.GetPathsResponse:
    """What they do next."""
    return pb.GetPathsResponse(
        audience=insight_render.persons(found.audience),
        started=found.started,
        nodes=[
            pb.PathNode(
                kind=_TURNS[node.turn],
                event_types=node.event_types,
                persons=count.persons,
                share=count.share,
                withheld=count.persons is None,
            )
            for node, count in found.nodes
        ],
        events=_events(found.events),
        basis=insight_render.basis(found.basis),
    )


def _group(group: Group, persons: int | None) -> pb.AudienceGroup:
    return pb.AudienceGroup(
        kind=_GROUPS[group.kind],
        cell=None if group.cell is None else insight_render.cell(group.cell),
        persons=persons,
    )


def _step(found: StepCount) -> pb.StepCount:
    return pb.StepCount(
        persons=found.persons,
        of_first=found.of_first,
        of_previous=found.of_previous,
        withheld=found.persons is None,
    )


def _cohort(cohort: Cohort, found: CohortCount) -> pb.RetentionCohort:
    return pb.RetentionCohort(
        start_day=cohort.start_day,
        persons=found.persons,
        periods=[
            pb.RetentionCount(
                persons=each.persons,
                share=each.share,
                withheld=each.persons is None,
                partial=place >= cohort.over,
            )
            for place, each in enumerate(found.periods)
        ],
    )


def _events(found: EventsTold) -> pb.BehaviourFreshness:
    return pb.BehaviourFreshness(
        as_of=timestamp_of(found.as_of),
        revision=found.revision.to_proto(),
        person_count=found.person_count,
        event_count=found.event_count,
    )
