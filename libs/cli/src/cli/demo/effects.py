"""Deliveries against what really left: the ledger's rows against the sandbox's own log of effects."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial

import grpc
from huaxiang.activation.v1 import delivery_service_pb2 as pb
from huaxiang.activation.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from sandbox.effects import read

from cli.demo.campaigns import PLANS
from cli.demo.state import Demo
from cli.suite.patience import patiently

PAGE_DELIVERIES = 1_000
PROVIDERS = {"aliyun_sms": "aliyun_sms", "wechat_template": "wechat", "jpush": "jpush"}
NOT_MEANT = frozenset({"HOLDOUT", "SUPPRESSED"})
SAYS_SENT = frozenset({"ACCEPTED", "DELIVERED", "UNDELIVERED", "NO_RECEIPT"})
SAYS_WHY_NOT = frozenset({"REJECTED", "EXPIRED", "ABANDONED", "CANCELLED"})
TERMINAL = NOT_MEANT | (SAYS_SENT - {"ACCEPTED"}) | SAYS_WHY_NOT


@dataclass(frozen=True)
class ChannelResult:
    """planned = holdout + suppressed + rows meant to be sent. `duplicates` are effects beyond the first on one address,
    and those beyond the rows meant to be sent, such as one on somebody held back;
    `lost` are rows that say neither with an effect that they were sent nor why they were not."""

    planned: int
    holdout: int
    suppressed: int
    accepted: int
    delivered: int
    duplicates: int
    lost: int
    provider_effects: int


def result_of(states: Mapping[str, int], accepted: int, addresses: Iterable[str]) -> ChannelResult:
    """From the ledger's rows by state, how many were ever accepted, and the address of every effect.

    A campaign has at most one row per address, so rows that say they were sent and have an effect are as many as
    distinct addresses.
    """
    effects = Counter(addresses)
    sent = sum(count for state, count in states.items() if state not in NOT_MEANT)
    said_why_not = sum(count for state, count in states.items() if state in SAYS_WHY_NOT)
    return ChannelResult(
        planned=sum(states.values()),
        holdout=states.get("HOLDOUT", 0),
        suppressed=states.get("SUPPRESSED", 0),
        accepted=accepted,
        delivered=states.get("DELIVERED", 0),
        duplicates=effects.total() - min(len(effects), sent),
        lost=max(0, sent - said_why_not - len(effects)),
        provider_effects=effects.total(),
    )


async def compare(demo: Demo) -> None:
    """For each channel."""
    demo.found["activation"], demo.notes["states"] = {}, {}
    async with demo.channel("activation") as channel:
        for plan in PLANS:
            states = await _states(channel, plan.campaign_id)
            log = read(demo.folder.data / "sandbox", provider=PROVIDERS[plan.channel])
            accepted = demo.notes["reports"][plan.channel].accepted
            result = result_of(states, accepted, (effect.address_hash for effect in log))
            demo.found["activation"][plan.channel] = asdict(result)
            demo.notes["states"][plan.channel] = dict(states)
            demo.say.line(
                f"{plan.channel}: {result.provider_effects:,} messages left, {result.duplicates} twice, "
                f"{result.lost} lost"
            )


async def _states(channel: grpc.aio.Channel, campaign_id: str) -> Counter[str]:
    stub, states, token = DeliveryServiceStub(channel), Counter[str](), ""
    while True:
        request = pb.ListDeliveriesRequest(
            campaign_id=campaign_id, page_size=PAGE_DELIVERIES, page_token=token
        )
        page = await patiently(partial(stub.ListDeliveries, request))
        states.update(
            pb.DeliveryState.Name(each.state).removeprefix("DELIVERY_STATE_") for each in page.deliveries
        )
        token = page.next_page_token
        if not token:
            return states
