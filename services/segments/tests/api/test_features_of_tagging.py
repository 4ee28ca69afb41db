"""What segments takes from tagging's features: columns as fresh as was asked for, and refusals as refusals."""
# ruff: noqa: N802  # rpc names are the contract's

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.segments.v1 import segment_use_service_pb2 as uses
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from huaxiang.tagging.v1 import feature_service_pb2 as features
from huaxiang.tagging.v1 import feature_service_pb2_grpc as features_grpc
from huaxiang.type.v1 import revision_pb2
from segments.errors import RuleInvalid
from segments.workers.tagging_calls import TaggingFeatures
from segments_tagging import day_told, feature_told, values_told
from servicekit.client import connect
from servicekit.errors import InvalidInput
from servicekit.revision import Lane
from servicekit.server import Service
from servicekit.status import reason_of
from servicekit.testing.servers import SERVICE_KEY, serving

ORDERS = "COUNT(order_paid)"
TWICE = "SEQUENCE(order_paid THEN order_paid WITHIN 120 MINUTES)"
REFUSED = "SUM(order_paid.amount NET) IN LAST 3 HOURS"


async def test_a_preview_counts_an_event_from_which_no_value_follows(suite: Any) -> None:
    """Identity went on and tagging told nothing, for no tag asks for the event; the column counts it."""
    suite.tagging.columns[ORDERS] = {1: 10_000}
    request = pb.PreviewSegmentRequest(rule=f"{ORDERS} >= 1")
    assert (await suite.segments().PreviewSegment(request)).count == 1
    suite.tagging.columns[ORDERS] = {1: 10_000, 3: 10_000}
    suite.tagging.tell()
    request.consistency.at_least_as_fresh.CopyFrom(suite.tagging.identity_revision.to_proto())
    assert (await suite.segments().PreviewSegment(request)).count == 2


async def test_a_sequence_is_a_feature(suite: Any) -> None:
    suite.tagging.columns[TWICE] = {1: True, 2: False}
    request = pb.PreviewSegmentRequest(rule=f"gender = 'female' AND NOT {TWICE}")
    assert (await suite.segments().PreviewSegment(request)).count == 1
    assert (await suite.create("twice", TWICE)).segment.state == segment_pb2.SEGMENT_STATE_PREPARING
    assert suite.tagging.required == {"t1": [TWICE]}
    base = tag_pb2.BASE_TYPE_BOOL
    suite.tagging.tell(feature_told(TWICE, change_pb2.FEATURE_STATE_BACKFILLING, base=base))
    suite.tagging.tell_block(f"feature:{TWICE}", {1: True, 2: False})
    live = suite.tagging.tell(feature_told(TWICE, change_pb2.FEATURE_STATE_LIVE, base=base), lane=Lane.BULK)
    assert (await suite.get("twice", live)).count == 1
    suite.tagging.tell(values_told(2, **{f"feature:{TWICE}": True}))
    await suite.until(lambda: suite.members("twice") == [1, 2])


async def test_periods_are_those_of_the_tenants_calendar(suite: Any) -> None:
    async def refused(rule: str) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await suite.segments().PreviewSegment(pb.PreviewSegmentRequest(rule=rule))
        return reason_of(error.value).metadata["problem"]

    shipped = "COUNT(order_paid WHERE is_workday) DURING '618-2026' >= 1"
    assert (await suite.create("early", shipped)).segment.state == segment_pb2.SEGMENT_STATE_PREPARING
    assert "no period 'sale'" in await refused("DID order_paid DURING 'sale'")
    await suite.get("early", suite.tagging.tell(day_told(20_543, "618-2026", "sale"), lane=Lane.BULK))
    await suite.create("sale", "DID order_paid DURING 'sale'")
    assert "COUNT(order_paid) DURING 'sale'" in suite.tagging.required["t1"]
    gone = suite.tagging.tell(day_told(20_543, "618-2026"), lane=Lane.BULK)
    found = (await suite.get("sale", gone)).segment
    assert (found.state, "no period 'sale'" in found.state_note) == (segment_pb2.SEGMENT_STATE_FAILED, True)
    await suite.create("elders", "IN SEGMENT 'early' AND DID order_paid IN LAST 9 DAYS")
    asked = uses.ListPeriodUsesRequest(periods=["sale", "618-2026", "618-2025"])
    answer = await suite.uses("viewer").ListPeriodUses(asked)
    assert [(each.period, list(each.segment_ids)) for each in answer.uses] == [
        ("sale", ["sale"]),
        ("618-2026", ["early"]),
        ("618-2025", []),
    ]
    await suite.restart()
    assert "no period 'sale'" in await refused("DID order_paid DURING 'sale'")
    back = suite.tagging.tell(day_told(20_543, "618-2026", "sale"), lane=Lane.BULK)
    assert (await suite.get("sale", back)).segment.state == segment_pb2.SEGMENT_STATE_PREPARING


async def test_an_answer_says_which_of_its_windows_have_not_begun(suite: Any) -> None:
    """At noon of 31 March in Shanghai."""
    now, hour = suite.clock.now(), dt.timedelta(hours=1)
    day = day_told(20_543, "sale", "spring", starts=[now + hour, now])
    told = suite.tagging.tell(day, lane=Lane.BULK)
    reached = revision_pb2.Consistency(at_least_as_fresh=told.to_proto())
    sale = "DURING 'sale' lies ahead: it begins at 2026-03-31T13:00+08:00, and nothing has happened in it yet"

    async def notes(window: str) -> list[str]:
        suite.tagging.columns[f"COUNT(order_paid) {window}"] = {1: 10_000}
        rule = f"COUNT(order_paid) {window} >= 1"
        request = pb.PreviewSegmentRequest(rule=rule, consistency=reached)
        found = (await suite.segments().PreviewSegment(request)).freshness.warnings
        return [each for each in found if "lies ahead" in each]

    assert await notes("DURING 'sale'") == [sale]
    for begun in ("DURING 'spring'", "IN LAST 3 DAYS", "IN BETWEEN 2026-03-31 AND 2026-04-30"):
        assert await notes(begun) == []
    (days,) = await notes("IN BETWEEN 2026-04-01 AND 2026-04-30")
    assert "it begins at 2026-04-01T00:00+08:00" in days
    (moments,) = await notes("IN BETWEEN 2026-03-31T12:01 AND 2026-04-30T00:00")
    assert "it begins at 2026-03-31T12:01+08:00" in moments
    created = await suite.create("buyers", "DID order_paid DURING 'sale' AND DID order_paid DURING 'spring'")
    assert list(created.warnings) == [sale]
    await suite.create("shoppers", "SEGMENT 'buyers'")
    shoppers = (await suite.get("shoppers")).freshness.warnings
    assert [each for each in shoppers if "ahead" in each] == [f"segment 'buyers': {sale}"]
    suite.clock.advance(hour)
    assert await notes("DURING 'sale'") == []


class FormRefused(InvalidInput):
    """As tagging refuses a form that the stream cannot follow."""

    domain = "tagging.huaxiang"
    reason = "RULE_INVALID"

    def __init__(self, form: str) -> None:
        super().__init__("refused", problem=f"{form} moves with the clock", line=1, column=1)


class Refusing(features_grpc.FeatureServiceServicer):
    async def SetRequiredFeatures(
        self, request: features.SetRequiredFeaturesRequest, context: object
    ) -> features.SetRequiredFeaturesResponse:
        raise FormRefused(request.forms[0])

    async def EvaluateFeature(
        self, request: features.EvaluateFeatureRequest, context: object
    ) -> AsyncIterator[features.EvaluateFeatureResponse]:
        raise FormRefused(request.form)
        yield


async def test_a_form_that_tagging_refuses_makes_the_rule_invalid(tmp_path: Path) -> None:
    described = features.DESCRIPTOR.services_by_name["FeatureService"]
    refusing = Service(described, features_grpc.add_FeatureServiceServicer_to_server, Refusing())
    async with serving([refusing], tmp_path, name="tagging") as server:
        channel = connect(server.target, key=SERVICE_KEY, services=[described])
        calls = TaggingFeatures(channel)
        with pytest.raises(RuleInvalid, match="moves with the clock"):
            await calls.require("t1", [REFUSED])
        with pytest.raises(RuleInvalid, match="moves with the clock"):
            await anext(calls.evaluate("t1", REFUSED, None))
        await channel.close()
