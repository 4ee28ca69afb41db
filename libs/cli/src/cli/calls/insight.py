"""What audiences are like: descriptions, comparisons, overlaps, lookalikes."""

import datetime as dt
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from huaxiang.segments.v1 import insight_pb2, insight_service_pb2, lookalike_service_pb2
from huaxiang.segments.v1.insight_service_pb2_grpc import InsightServiceStub
from huaxiang.segments.v1.lookalike_service_pb2_grpc import LookalikeServiceStub
from servicekit.values import timestamp_of

from cli.calls import segments
from cli.exits import Exit, Refusal
from cli.ids import id_of
from cli.suite.patience import patiently

WAIT_S = 60.0
MAX_LEVEL_DIGITS = 9
"""What the field of a level holds; no tree is so deep."""
HOW = "a segment's id, or snapshot:ID, rule:RULE, persons:1,2,3, population:known (member, all)"
_MODELS = {
    "log-odds": lookalike_service_pb2.LOOKALIKE_MODEL_LOG_ODDS,
    "logistic": lookalike_service_pb2.LOOKALIKE_MODEL_LOGISTIC,
}


def audience(text: str) -> insight_pb2.Audience:
    """An audience as it is written on a command line. Raises Refusal."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return insight_pb2.Audience(segment_id=text)
    match kind:
        case "segment":
            return insight_pb2.Audience(segment_id=rest)
        case "snapshot":
            return insight_pb2.Audience(snapshot_id=rest)
        case "rule":
            return insight_pb2.Audience(rule=insight_pb2.AudienceRule(rule=rest))
        case "persons":
            ids = [each.strip() for each in rest.split(",")]
            if not all(map(str.isdecimal, ids)):
                raise Refusal(f"'{text}' holds what is no person id", Exit.USAGE)
            persons = insight_pb2.PersonList(person_ids=[id_of(each, "person") for each in ids])
            return insight_pb2.Audience(persons=persons)
        case "population":
            return insight_pb2.Audience(population=segments.population(rest))
        case _:
            raise Refusal(f"audience '{text}': say {HOW}", Exit.USAGE)


def question(text: str) -> insight_pb2.TagQuestion:
    """`city` as values are stored, `city:1` at the top of its tree. Raises Refusal."""
    tag_id, colon, level = text.partition(":")
    if colon and not (level.isdecimal() and len(level) <= MAX_LEVEL_DIGITS and int(level)):
        raise Refusal(f"'{text}': the level is a small number, for example city:1 at the top", Exit.USAGE)
    return insight_pb2.TagQuestion(tag_id=tag_id, level=int(level or 0))


def _base(text: str) -> insight_pb2.Audience | None:
    return audience(text) if text else None


async def describe(
    channel: grpc.aio.Channel, who: str, base: str, tags: Sequence[str]
) -> insight_service_pb2.DescribeAudienceResponse:
    """An audience beside its base."""
    request = insight_service_pb2.DescribeAudienceRequest(
        audience=audience(who), base=_base(base), questions=[question(each) for each in tags]
    )
    stub = InsightServiceStub(channel)
    return await patiently(lambda: stub.DescribeAudience(request, timeout=WAIT_S))


async def compare(
    channel: grpc.aio.Channel, first: str, second: str, base: str, tags: Sequence[str]
) -> insight_service_pb2.CompareAudiencesResponse:
    """Two audiences side by side."""
    request = insight_service_pb2.CompareAudiencesRequest(
        first=audience(first),
        second=audience(second),
        base=_base(base),
        questions=[question(each) for each in tags],
    )
    stub = InsightServiceStub(channel)
    return await patiently(lambda: stub.CompareAudiences(request, timeout=WAIT_S))


async def overlap(
    channel: grpc.aio.Channel, who: Sequence[str]
) -> insight_service_pb2.OverlapAudiencesResponse:
    """Who is in which."""
    request = insight_service_pb2.OverlapAudiencesRequest(audiences=[audience(each) for each in who])
    stub = InsightServiceStub(channel)
    return await patiently(lambda: stub.OverlapAudiences(request, timeout=WAIT_S))


async def transitions(
    channel: grpc.aio.Channel, tag_id: str, start: dt.datetime, end: dt.datetime | None, who: str
) -> insight_service_pb2.GetTransitionsResponse:
    """Who went from which value to which."""
    request = insight_service_pb2.GetTransitionsRequest(
        audience=_base(who),
        tag_id=tag_id,
        start_time=timestamp_of(start),
        end_time=None if end is None else timestamp_of(end),
    )
    stub = InsightServiceStub(channel)
    return await patiently(lambda: stub.GetTransitions(request, timeout=WAIT_S))


def moment(text: str) -> dt.datetime:
    """A moment with its zone, as ISO 8601 writes it. Raises Refusal."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(f"'{text}' is no moment; write 2026-03-31T00:00:00+08:00", Exit.USAGE) from error
    if not {"T", " "} & set(text):
        day = found.date().isoformat()
        raise Refusal(f"'{text}' has no time of day with a zone; write {day}T00:00:00+08:00", Exit.USAGE)
    if found.tzinfo is None:
        raise Refusal(f"'{text}' has no zone; write {found.isoformat()}+08:00, or Z for UTC", Exit.USAGE)
    return found


@dataclass(frozen=True)
class Wanted:
    """A lookalike as it is written on a command line."""

    seed: str
    tags: Sequence[str]
    model: str
    among: str
    exclude: Sequence[str]
    chance: int

    def message(self) -> lookalike_service_pb2.LookalikeQuestion:
        """Raises Refusal."""
        if self.model not in _MODELS:
            raise Refusal(f"model '{self.model}' is none of {', '.join(_MODELS)}", Exit.USAGE)
        return lookalike_service_pb2.LookalikeQuestion(
            seed=audience(self.seed),
            among=_base(self.among),
            exclusions=[audience(each) for each in self.exclude],
            tag_ids=self.tags,
            model=_MODELS[self.model],
            chance=self.chance,
        )


async def evaluate(
    channel: grpc.aio.Channel, wanted: Wanted
) -> lookalike_service_pb2.EvaluateLookalikeResponse:
    """How well a model finds persons that it never saw."""
    request = lookalike_service_pb2.EvaluateLookalikeRequest(question=wanted.message())
    stub = LookalikeServiceStub(channel)
    return await patiently(lambda: stub.EvaluateLookalike(request, timeout=WAIT_S))


async def expand(channel: grpc.aio.Channel, wanted: Wanted, count: int, token: str) -> list[int]:
    """The person ids most like the seed, ascending."""
    request = lookalike_service_pb2.ExpandLookalikeRequest(
        question=wanted.message(), person_count=count, evaluation_token=token
    )
    found: list[int] = []
    async for part in LookalikeServiceStub(channel).ExpandLookalike(request):
        found += struct.unpack(f"<{len(part.person_ids) // 4}I", part.person_ids)
    return found
