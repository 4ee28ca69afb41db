"""One campaign per channel, from a frozen audience to the last receipt."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from huaxiang.activation.v1 import campaign_pb2, campaign_service_pb2
from huaxiang.activation.v1.campaign_service_pb2_grpc import CampaignServiceStub

from cli.calls import segments
from cli.demo.audiences import AUDIENCES
from cli.demo.state import REAL_SPEED, Demo
from cli.enum_names import name_of
from cli.exits import Refusal
from cli.suite.patience import patiently
from cli.suite.providers import (
    PUSH_ACCOUNT,
    SIGN_NAME,
    SMS_ACCOUNT,
    SMS_TEMPLATE,
    SMS_TEXT,
    WECHAT_ACCOUNT,
    WECHAT_TEMPLATE,
)

POLL_S = 0.25
SENT_WITHIN_S = 180.0
RECEIPTS_WITHIN_S = 180.0
RECEIPTS_SPEED = 600.0
"""The suite's seconds per second while receivers get, open and answer: two hours in twelve seconds."""
RESPONSES_S = 7_500.0
"""All clicks and answers come within so many seconds of the suite's clock."""
WAITING = frozenset({campaign_pb2.CAMPAIGN_STATE_PLANNING, campaign_pb2.CAMPAIGN_STATE_RUNNING})
MARKETING, SERVICE = campaign_pb2.MESSAGE_CLASS_MARKETING, campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL


@dataclass(frozen=True)
class Plan:
    """A campaign of the demo; `holdout_basis_points` of its audience are held back to compare with."""

    campaign_id: str
    channel: str
    zh: str
    account: str
    message_class: "campaign_pb2.MessageClass.ValueType"
    template_id: str = ""
    sign_name: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    text: str = ""
    holdout_basis_points: int = 0


PLANS = (
    Plan(
        "come-back-sms",
        "aliyun_sms",
        "短信召回",
        SMS_ACCOUNT,
        MARKETING,
        SMS_TEMPLATE,
        SIGN_NAME,
        {"offer": "老客专享满200减50"},
        SMS_TEXT,
        holdout_basis_points=1_000,
    ),
    Plan(
        "order-thanks-wechat",
        "wechat_template",
        "公众号服务通知",
        WECHAT_ACCOUNT,
        SERVICE,
        WECHAT_TEMPLATE,
        parameters={"first": "感谢您的购买", "level": "会员", "remark": "积分已到账，点此查看"},
    ),
    Plan(
        "offer-push",
        "jpush",
        "应用推送",
        PUSH_ACCOUNT,
        MARKETING,
        parameters={"title": "专属优惠", "alert": "您关注的商品正在优惠，点此查看"},
        holdout_basis_points=1_000,
    ),
)


async def start_campaigns(demo: Demo) -> None:
    """Freezes each audience and starts its campaign; the suite's clock runs as clocks do."""
    demo.set_speed(REAL_SPEED)
    for plan, audience in zip(PLANS, AUDIENCES[demo.kind], strict=True):
        async with demo.channel("segments") as channel:
            frozen = await segments.snapshot(
                channel, audience.segment_id, token=demo.revision, request_id=f"demo-{plan.campaign_id}"
            )
        async with demo.channel("activation") as channel:
            stub = CampaignServiceStub(channel)
            created = campaign_service_pb2.CreateCampaignRequest(campaign=_campaign(plan, frozen.snapshot_id))
            await patiently(lambda created=created, stub=stub: stub.CreateCampaign(created))  # type: ignore[misc]
            started = campaign_service_pb2.StartCampaignRequest(campaign_id=plan.campaign_id)
            await patiently(lambda started=started, stub=stub: stub.StartCampaign(started))  # type: ignore[misc]
        demo.say.line(f"{plan.campaign_id} {plan.zh}: to {frozen.count:,} people of {audience.segment_id}")


async def wait_until_sent(demo: Demo) -> None:
    """Until nothing waits to be sent."""
    async with demo.channel("activation") as channel:
        await _wait(demo, channel, SENT_WITHIN_S, lambda answer: answer.campaign.state not in WAITING)


async def wait_for_receipts(demo: Demo) -> None:
    """Until every delivery has ended and everybody has had the time to react; the suite's clock runs fast."""
    reacted = demo.now().timestamp() + RESPONSES_S
    demo.set_speed(RECEIPTS_SPEED)
    async with demo.channel("activation") as channel:
        completed = campaign_pb2.CAMPAIGN_STATE_COMPLETED
        await _wait(demo, channel, RECEIPTS_WITHIN_S, lambda answer: answer.campaign.state == completed)
        await asyncio.sleep(max(0.0, reacted - demo.now().timestamp()) / RECEIPTS_SPEED)
        demo.set_speed(REAL_SPEED)
        demo.notes["reports"] = {plan.channel: (await _get(channel, plan)).report for plan in PLANS}


async def _wait(
    demo: Demo,
    channel: grpc.aio.Channel,
    within_s: float,
    done: Callable[[campaign_service_pb2.GetCampaignResponse], bool],
) -> None:
    until = time.monotonic() + within_s
    for plan in PLANS:
        while not done(answer := await _get(channel, plan)):
            state = name_of(campaign_pb2.CampaignState, answer.campaign.state)
            if time.monotonic() > until or answer.campaign.state == campaign_pb2.CAMPAIGN_STATE_FAILED:
                raise Refusal(
                    f"campaign {plan.campaign_id} is {state} with {answer.report.open:,} open deliveries: "
                    f"{answer.campaign.state_note or 'see ' + str(demo.folder.logs / 'activation.log')}"
                )
            await asyncio.sleep(POLL_S)


async def _get(channel: grpc.aio.Channel, plan: Plan) -> campaign_service_pb2.GetCampaignResponse:
    request = campaign_service_pb2.GetCampaignRequest(campaign_id=plan.campaign_id)
    stub = CampaignServiceStub(channel)
    return await patiently(lambda: stub.GetCampaign(request))


def _campaign(plan: Plan, snapshot_id: str) -> campaign_pb2.Campaign:
    return campaign_pb2.Campaign(
        campaign_id=plan.campaign_id,
        display_name=plan.zh,
        snapshot_id=snapshot_id,
        channel=plan.channel,
        provider_account=plan.account,
        message_class=plan.message_class,
        template=campaign_pb2.MessageTemplate(
            template_id=plan.template_id,
            sign_name=plan.sign_name,
            parameters=plan.parameters,
            text=plan.text,
        ),
        holdout_basis_points=plan.holdout_basis_points,
    )
