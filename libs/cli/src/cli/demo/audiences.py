"""Three audiences: stored as segments, so that they follow every change."""

from dataclasses import dataclass

from huaxiang.segments.v1 import segment_pb2

from cli.calls import segments as calls
from cli.demo.state import Demo

LIVE_WITHIN_S = 120.0


@dataclass(frozen=True)
class Audience:
    """A segment of the demo; `population` is known, member or all."""

    segment_id: str
    name: str
    zh: str
    rule: str
    population: str = "known"


WIN_BACK = Audience(
    "win_back", "Valuable and leaving", "高价值将流失", "rfm_class IN ('key_keep', 'key_win_back')"
)
RECENT_BUYERS = Audience(
    "recent_buyers", "Bought in the last 30 days", "近30天买过", "COUNT(order_paid) IN LAST 30 DAYS >= 1"
)
CART_LEFT = Audience(
    "cart_left",
    "Cart filled in 7 days, nothing bought",
    "近7天加购未买",
    "carts_7d >= 1 AND COUNT(order_paid) IN LAST 7 DAYS = 0",
)
BIG_SPENDERS = Audience(
    "big_spenders",
    "Spent 1,000 or more in 90 days",
    "近90天消费满1000",
    "SUM(order_paid.amount) IN LAST 90 DAYS >= 1000 AND order_count_90d >= 2",
)
AUDIENCES = {
    "retailer": (WIN_BACK, RECENT_BUYERS, CART_LEFT),
    "overlay": (WIN_BACK, RECENT_BUYERS, BIG_SPENDERS),
}
"""By the world's kind, in the order of the channels that reach them: SMS, WeChat, push. Invoices hold no carts."""


async def create_audiences(demo: Demo) -> None:
    """Creates the segments, waits until they have members, and measures a count of each rule."""
    demo.found["segments"], demo.notes["audiences"] = {}, {}
    async with demo.channel("segments") as channel:
        for audience in AUDIENCES[demo.kind]:
            await calls.create(channel, _segment(audience))
        for audience in AUDIENCES[demo.kind]:
            live = await calls.live(
                channel, audience.segment_id, lambda _: None, token=demo.revision, within_s=LIVE_WITHIN_S
            )
            preview = await calls.preview(channel, audience.rule, audience.population, token=demo.revision)
            demo.found["segments"][audience.segment_id] = {
                "rule": live.segment.canonical_rule,
                "count": live.count,
                "evaluate_ms": preview.freshness.evaluate_us / 1000,
            }
            demo.notes["audiences"][audience.segment_id] = (audience, live.freshness.population_count)
            demo.say.line(f"{live.count:,} in {audience.segment_id}: {audience.name} {audience.zh}")


def _segment(audience: Audience) -> segment_pb2.Segment:
    return segment_pb2.Segment(
        segment_id=audience.segment_id,
        display_name=f"{audience.zh} {audience.name}",
        description="An audience of the demo.",
        rule=audience.rule,
        population=calls.population(audience.population),
    )
