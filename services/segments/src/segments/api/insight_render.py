"""Answers about audiences as messages."""

import datetime as dt
from collections.abc import Mapping

from huaxiang.segments.v1 import insight_pb2, insight_service_pb2
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Scalar
from segments.api import render
from segments.app.insight.audiences import Persons
from segments.app.insight.basis import Basis
from segments.app.insight.compare import Comparison, TagComparison
from segments.app.insight.describe import Description, TagDescription
from segments.app.insight.overlap import Overlaps
from segments.app.insight.transition import Transitions
from segments.domain.insight.cells import Cell
from segments.domain.insight.contrasts import (
    AUDIENCE,
    BASE,
    FIRST,
    SECOND,
    Compared,
    Counted,
    Described,
)
from segments.domain.insight.preference import Verdict
from segments.domain.insight.summary import QUANTILES, Summary
from segments.domain.insight.tables import Column
from segments.domain.packing import days
from servicekit.values import timestamp_of

_VERDICTS: Mapping[Verdict | None, "insight_pb2.PreferenceVerdict.ValueType"] = {
    None: insight_pb2.PREFERENCE_VERDICT_UNSPECIFIED,
    Verdict.PREFERS: insight_pb2.PREFERENCE_VERDICT_PREFERS,
    Verdict.AVOIDS: insight_pb2.PREFERENCE_VERDICT_AVOIDS,
    Verdict.NO_BASE: insight_pb2.PREFERENCE_VERDICT_NO_BASE,
    Verdict.AS_BASE: insight_pb2.PREFERENCE_VERDICT_AS_BASE,
    Verdict.FEW_PERSONS: insight_pb2.PREFERENCE_VERDICT_FEW_PERSONS,
    Verdict.SMALL_SHARE: insight_pb2.PREFERENCE_VERDICT_SMALL_SHARE,
    Verdict.CHANCE: insight_pb2.PREFERENCE_VERDICT_CHANCE,
}


def description(found: Description) -> insight_service_pb2.DescribeAudienceResponse:
    """What an audience is like."""
    return insight_service_pb2.DescribeAudienceResponse(
        audience=persons(found.audience),
        base=persons(found.base),
        tags=[_tag_description(each) for each in found.tags],
        preferences=[
            insight_service_pb2.RankedPreference(tag_id=tag_id, value=_described(value))
            for tag_id, value in found.preferences
        ],
        basis=basis(found.basis),
    )


def _tag_description(found: TagDescription) -> insight_service_pb2.TagDescription:
    audience, base = found.table.columns[AUDIENCE], found.table.columns[BASE]
    return insight_service_pb2.TagDescription(
        tag_id=found.table.tag_id,
        known=_known(audience),
        base_known=_known(base),
        summary=_summary(audience.summary),
        base_summary=_summary(base.summary),
        values=[_described(each) for each in found.values],
        value_count=len(found.table.cells),
    )


def _described(found: Described) -> insight_service_pb2.DescribedValue:
    return insight_service_pb2.DescribedValue(
        cell=cell(found.cell),
        audience=_counted(found.audience),
        base=_counted(found.base),
        tgi=found.tgi,
        p_value=found.p,
        verdict=_VERDICTS[found.verdict],
        weight=found.weight,
    )


def comparison(found: Comparison) -> insight_service_pb2.CompareAudiencesResponse:
    """How two audiences differ."""
    return insight_service_pb2.CompareAudiencesResponse(
        first=persons(found.first),
        second=persons(found.second),
        base=persons(found.base),
        both_count=found.both,
        tags=[_tag_comparison(each) for each in found.tags],
        basis=basis(found.basis),
    )


def _tag_comparison(found: TagComparison) -> insight_service_pb2.TagComparison:
    first, second = found.table.columns[FIRST], found.table.columns[SECOND]
    return insight_service_pb2.TagComparison(
        tag_id=found.table.tag_id,
        first_known=_known(first),
        second_known=_known(second),
        first_summary=_summary(first.summary),
        second_summary=_summary(second.summary),
        values=[_compared(each) for each in found.values],
        value_count=len(found.table.cells),
    )


def _compared(found: Compared) -> insight_service_pb2.ComparedValue:
    here, there = found.first.share, found.second.share
    return insight_service_pb2.ComparedValue(
        cell=cell(found.cell),
        first=_counted(found.first),
        second=_counted(found.second),
        first_tgi=found.first_tgi,
        second_tgi=found.second_tgi,
        share_difference=None if here is None or there is None else here - there,
        p_value=found.p,
    )


def overlaps(found: Overlaps) -> insight_service_pb2.OverlapAudiencesResponse:
    """Who is in which."""
    return insight_service_pb2.OverlapAudiencesResponse(
        audiences=[persons(each) for each in found.audiences],
        intersections=[
            insight_service_pb2.AudienceIntersection(audiences=each.inside, persons=each.persons)
            for each in found.intersections
        ],
        basis=basis(found.basis),
    )


def transitions(found: Transitions) -> insight_service_pb2.GetTransitionsResponse:
    """From which value to which."""
    return insight_service_pb2.GetTransitionsResponse(
        audience=persons(found.audience),
        cells=[
            insight_service_pb2.TransitionCell(
                from_value=None if each.before is None else _value(each.before),
                to_value=None if each.after is None else _value(each.after),
                persons=each.persons,
            )
            for each in found.cells
        ],
        basis=basis(found.basis),
    )


# ------------------------------------------------------------------------------------------------- parts


def persons(found: Persons) -> insight_pb2.CountedAudience:
    """An audience as counted."""
    return insight_pb2.CountedAudience(
        count=None if found.withheld else len(found.members),
        population_count=found.population_count,
        unresolved_count=found.unresolved,
        canonical_rule=found.canonical_rule,
    )


def basis(found: Basis) -> insight_pb2.InsightBasis:
    """What an answer rests on."""
    return insight_pb2.InsightBasis(
        freshness=render.freshness(found.freshness),
        revision=found.read_at.to_proto(),
        tags=map(render.tag_freshness, found.tags),
        sensitive_purposes=found.purposes,
        withheld_below=found.withheld_below,
    )


def cell(found: Cell) -> insight_pb2.ValueCell:
    """What is counted."""
    return insight_pb2.ValueCell(
        path=[_value(each) for each in found.path],
        from_value=None if found.low is None else _value(found.low),
        before_value=None if found.high is None else _value(found.high),
        rule=found.rule,
    )


def _value(value: Scalar) -> value_pb2.Value:
    match value:
        case bool():
            return value_pb2.Value(bool_value=value)
        case int():
            return value_pb2.Value(number_value=value)
        case str():
            return value_pb2.Value(text_value=value)
        case dt.datetime():
            return value_pb2.Value(datetime_value=timestamp_of(value))
        case _:
            return value_pb2.Value(date_value=days(value))


def _known(column: Column) -> insight_pb2.KnownCount:
    return insight_pb2.KnownCount(known=column.known, unknown=column.unknown)


def _counted(found: Counted) -> insight_pb2.CellCount:
    return insight_pb2.CellCount(persons=found.persons, share=found.share, withheld=found.persons is None)


def _summary(found: Summary | None) -> insight_pb2.NumberSummary | None:
    if found is None:
        return None
    return insight_pb2.NumberSummary(
        mean=found.mean,
        standard_deviation=found.deviation,
        quantiles=[
            insight_pb2.Quantile(share=share, value=value)
            for share, value in zip(QUANTILES, found.quantiles, strict=True)
            if value is not None
        ],
        least=found.least,
        greatest=found.most,
    )
