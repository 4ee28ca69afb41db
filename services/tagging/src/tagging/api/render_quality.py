"""What was measured of tags as messages."""

import datetime as dt
from collections.abc import Collection, Mapping

from google.protobuf.duration_pb2 import Duration
from huaxiang.tagging.v1 import quality_service_pb2
from huaxiang.tagging.v1 import tag_quality_pb2 as pb
from rules.values import SCALE, Kind
from servicekit.values import timestamp_of
from tagging.catalogue.messages import value_message
from tagging.domain.definition import Grade
from tagging.domain.plan import Tag
from tagging.domain.quality.distribution import BinnedCounts, Distribution, NamedCounts
from tagging.domain.quality.measurement import Drift, Measurement, Use
from tagging.domain.quality.score import Part
from tagging.domain.quality.usage import Unused
from tagging.store.quality_ports import Scored

_PARTS: Mapping[Part, "pb.QualityPartKind.ValueType"] = {
    Part.FRESHNESS: pb.QUALITY_PART_KIND_FRESHNESS,
    Part.COMPLETENESS: pb.QUALITY_PART_KIND_COMPLETENESS,
    Part.VALIDITY: pb.QUALITY_PART_KIND_VALIDITY,
    Part.STABILITY: pb.QUALITY_PART_KIND_STABILITY,
    Part.AGREEMENT: pb.QUALITY_PART_KIND_AGREEMENT,
    Part.USAGE: pb.QUALITY_PART_KIND_USAGE,
}


def whole_quality(scored: Scored, tag: Tag, grades: Collection[Grade]) -> pb.TagQuality:
    """With the distribution, for who may read values of the tag's grade."""
    message = quality_message(scored)
    if tag.definition.grade in grades:
        base = tag.definition.value_type.base
        message.distribution.CopyFrom(_distribution(scored.measured.distribution, base))
    else:
        message.distribution_withheld = True
    return message


def quality_message(scored: Scored) -> pb.TagQuality:
    """Without the distribution."""
    measured = scored.measured
    message = pb.TagQuality(
        tag_id=measured.tag_id,
        version=measured.version,
        measure_time=timestamp_of(measured.time),
        run_id=measured.run_id,
        score=scored.score.points,
        parts=[
            pb.QualityPart(kind=_PARTS[each.part], weight=each.weight, value=each.value)
            for each in scored.score.parts
        ],
        known_count=measured.known_count,
        population=measured.population,
        coverage=measured.coverage,
        null_share=measured.null_share,
        value_count=measured.value_count,
        freshness=_freshness(measured),
        drift=_drift(measured.drift),
        volatility=measured.volatility,
        use=_use(measured.use),
        cost=pb.QualityCost(
            last_ms=measured.cost.last_ms,
            last_rows=measured.cost.last_rows,
            month_ms=measured.cost.month_ms,
            month_rows=measured.cost.month_rows,
        ),
        unseen_event_types=measured.unseen_events,
        warnings=measured.warnings,
        measure_duration=_duration(measured.measured_ms),
    )
    if measured.validity is not None:
        message.validity.checked_count = measured.validity.checked_count
        message.validity.broken_count = measured.validity.broken_count
        message.validity.broken.update(measured.validity.broken)
    if measured.agreement is not None:
        message.agreement.checked_count = measured.agreement.checked_count
        message.agreement.contradicted_count = measured.agreement.contradicted_count
    return message


def unused_message(unused: Unused) -> quality_service_pb2.UnusedTag:
    return quality_service_pb2.UnusedTag(
        tag_id=unused.tag_id,
        idle_since_day=unused.idle_since.isoformat(),
        last_read_day=_day(unused.last_read),
        known_count=unused.known_count,
        stored_bytes=unused.stored_bytes,
        month_ms=unused.month.compute_ms,
        month_rows=unused.month.rows_read,
    )


def _distribution(found: Distribution, base: Kind) -> pb.ValueDistribution:
    match found:
        case NamedCounts(counts, other, distinct):
            values = [pb.ValueCount(value=value_message(value), count=count) for value, count in counts]
            return pb.ValueDistribution(values=values, other_count=other, distinct_count=distinct)
        case BinnedCounts(edges, counts):
            scale = 1 if base is Kind.NUMBER else SCALE
            ends = [None, *(each * scale for each in edges), None]
            bins = [
                pb.BinCount(**{"from": ends[place]}, to=ends[place + 1], count=count)
                for place, count in enumerate(counts)
            ]
            return pb.ValueDistribution(bins=bins)


def _freshness(measured: Measurement) -> pb.QualityFreshness:
    found = measured.freshness
    return pb.QualityFreshness(
        as_of=timestamp_of(found.as_of) if found.as_of else None,
        promised_hours=found.promised_hours,
        kept=found.is_kept(measured.time),
    )


def _drift(drift: Drift) -> pb.QualityDrift:
    return pb.QualityDrift(
        previous=drift.previous,
        previous_time=timestamp_of(drift.previous_time) if drift.previous_time else None,
        month=drift.month,
        month_time=timestamp_of(drift.month_time) if drift.month_time else None,
    )


def _use(use: Use) -> pb.QualityUse:
    return pb.QualityUse(
        reads=use.reads,
        last_read_day=_day(use.last_read),
        early=use.is_early,
        tag_count=use.tags,
        segment_count=use.segments,
        campaign_count=use.campaigns,
    )


def _day(day: dt.date | None) -> str:
    return day.isoformat() if day else ""


def _duration(milliseconds: int) -> Duration:
    found = Duration()
    found.FromMilliseconds(milliseconds)
    return found
