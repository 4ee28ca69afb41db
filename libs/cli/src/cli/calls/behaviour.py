"""What audiences do one after the other: funnels, retention, paths."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from google.protobuf import duration_pb2
from huaxiang.segments.v1 import behaviour_pb2, insight_pb2
from huaxiang.segments.v1 import behaviour_service_pb2 as pb
from huaxiang.segments.v1.behaviour_service_pb2_grpc import BehaviourServiceStub
from servicekit.values import days_of, timestamp_of

from cli.calls import insight
from cli.exits import Exit, Refusal
from cli.suite.patience import patiently

WAIT_S = 60.0
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_PERIODS = {
    "day": behaviour_pb2.RETENTION_PERIOD_DAY,
    "week": behaviour_pb2.RETENTION_PERIOD_WEEK,
    "month": behaviour_pb2.RETENTION_PERIOD_MONTH,
}


def within(text: str) -> duration_pb2.Duration:
    """`7d`, `24h`, `90m`. Raises Refusal."""
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if found is None:
        raise Refusal(f"'{text}' is no length of time; write 7d, 24h or 90m", Exit.USAGE)
    return duration_pb2.Duration(seconds=int(found[1]) * _UNITS[found[2]])


def day(text: str) -> int:
    """`2026-03-01` as days since 1970-01-01. Raises Refusal."""
    try:
        return days_of(dt.date.fromisoformat(text))
    except ValueError as error:
        raise Refusal(f"'{text}' is no day; write 2026-03-01", Exit.USAGE) from error


def breakdown(text: str) -> pb.Breakdown | None:
    """`city`, or `city:1` at the top of its tree. Raises Refusal."""
    if not text:
        return None
    asked = insight.question(text)
    return pb.Breakdown(tag_id=asked.tag_id, level=asked.level)


def funnel_of(steps: Sequence[str], length: str, strict: bool, start: str, end: str) -> behaviour_pb2.Funnel:
    """Raises Refusal."""
    return behaviour_pb2.Funnel(
        steps=steps,
        within=within(length),
        strict=strict,
        start_time=timestamp_of(insight.moment(start)) if start else None,
        end_time=timestamp_of(insight.moment(end)) if end else None,
    )


def retention_of(
    first: str, returning: str, period: str, start: str, cohorts: int, periods: int
) -> behaviour_pb2.Retention:
    """Raises Refusal."""
    if period not in _PERIODS:
        raise Refusal(f"period '{period}' is none of {', '.join(_PERIODS)}", Exit.USAGE)
    return behaviour_pb2.Retention(
        first=first,
        returning=returning,
        period=_PERIODS[period],
        start_day=day(start),
        cohort_count=cohorts,
        period_count=periods,
    )


@dataclass(frozen=True)
class Walks:
    """Paths as they are written on a command line."""

    start: str
    steps: Sequence[str]
    length: str
    depth: int
    top: int
    backwards: bool
    collapse: bool

    def message(self) -> behaviour_pb2.Paths:
        """Raises Refusal."""
        return behaviour_pb2.Paths(
            start=self.start,
            steps=self.steps,
            backwards=self.backwards,
            depth=self.depth,
            top=self.top,
            within=within(self.length),
            collapse_repeats=self.collapse,
        )


async def funnel(
    channel: grpc.aio.Channel, who: str, asked: behaviour_pb2.Funnel, by: pb.Breakdown | None
) -> pb.GetFunnelResponse:
    """How far an audience comes."""
    request = pb.GetFunnelRequest(audience=_audience(who), funnel=asked, breakdown=by)
    stub = BehaviourServiceStub(channel)
    return await patiently(lambda: stub.GetFunnel(request, timeout=WAIT_S))


async def retention(
    channel: grpc.aio.Channel, who: str, asked: behaviour_pb2.Retention, by: pb.Breakdown | None
) -> pb.GetRetentionResponse:
    """Who of an audience comes back."""
    request = pb.GetRetentionRequest(audience=_audience(who), retention=asked, breakdown=by)
    stub = BehaviourServiceStub(channel)
    return await patiently(lambda: stub.GetRetention(request, timeout=WAIT_S))


async def paths(channel: grpc.aio.Channel, who: str, asked: behaviour_pb2.Paths) -> pb.GetPathsResponse:
    """What an audience does next."""
    request = pb.GetPathsRequest(audience=_audience(who), paths=asked)
    stub = BehaviourServiceStub(channel)
    return await patiently(lambda: stub.GetPaths(request, timeout=WAIT_S))


def _audience(text: str) -> insight_pb2.Audience | None:
    return insight.audience(text) if text else None
