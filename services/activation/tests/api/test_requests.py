"""Requests that are refused: the clear error, and nothing half-applied."""

import grpc
import pytest
from activation_world import PUSH, SMS, WECHAT, S, World, campaign, campaigns_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.activation.v1 import campaign_pb2
from servicekit.status import reason_of

MARKETING = campaign_pb2.MESSAGE_CLASS_MARKETING
DOMAIN = "activation.huaxiang"


async def refused(call: object) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call  # type: ignore[misc]
    found = reason_of(raised.value)
    return raised.value.code(), found.reason, dict(found.metadata)


def start(world: World, campaign_id: str = "c1", **who: str):  # type: ignore[no-untyped-def]
    return world.campaigns(**who).StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id=campaign_id))


@pytest.mark.parametrize(
    ("channel", "fields", "reason", "metadata"),
    [
        (SMS, {"provider_account": "nobody"}, "ACCOUNT_UNKNOWN", {"account": "nobody"}),
        (SMS, {"provider_account": "push_main"}, "MESSAGE_REFUSED", {"field": "channel"}),
        (WECHAT, {"message_class": MARKETING}, "MESSAGE_REFUSED", {"field": "message_class"}),
        (SMS, {"message_class": MARKETING}, "MESSAGE_REFUSED", {"field": "template.text"}),
        (SMS, {"priority": 1_001}, "INVALID_FIELD", {"field": "campaign.priority"}),
        (SMS, {"topic": "t" * 129}, "INVALID_FIELD", {"field": "campaign.topic"}),
        (
            SMS,
            {"message_class": campaign_pb2.MESSAGE_CLASS_OTP, "holdout_basis_points": 1},
            "INVALID_FIELD",
            {"field": "campaign.holdout_basis_points"},
        ),
        (SMS, {"message_class": 0}, "INVALID_FIELD", {"field": "campaign.message_class"}),
        (SMS, {"campaign_id": "Upper"}, "INVALID_FIELD", {"field": "campaign.campaign_id"}),
        (SMS, {"snapshot_id": ""}, "INVALID_FIELD", {"field": "campaign.snapshot_id"}),
        (SMS, {"holdout_basis_points": 10_000}, "INVALID_FIELD", {"field": "campaign.holdout_basis_points"}),
        (SMS, {"display_name": "x" * 129}, "INVALID_FIELD", {"field": "campaign.display_name"}),
        (SMS, {"expire_time": Timestamp(seconds=10**12)}, "INVALID_FIELD", {"field": "campaign.expire_time"}),
        (SMS, {"brand": "x" * 129}, "INVALID_FIELD", {"field": "campaign.brand"}),
    ],
)
async def test_a_campaign_that_cannot_be_sent_is_refused(
    still_world: World, channel: str, fields: dict[str, object], reason: str, metadata: dict[str, str]
) -> None:
    code, found, details = await refused(still_world.create(campaign(channel, **fields)))
    assert (code, found) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert metadata.items() <= details.items()
    assert still_world.count("SELECT count(*) FROM campaign") == 0


async def test_marketing_over_wechat_names_the_providers_code(still_world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="40249"):
        await still_world.create(campaign(WECHAT, message_class=MARKETING))


async def test_a_template_without_its_text_is_refused(still_world: World) -> None:
    message = campaign(PUSH)
    message.template.ClearField("parameters")
    _, reason, metadata = await refused(still_world.create(message))
    assert (reason, metadata["field"]) == ("MESSAGE_REFUSED", "parameters.alert")


async def test_a_time_beyond_all_calendars_is_refused(still_world: World) -> None:
    message = campaign(SMS)
    message.expire_time.seconds = 10**15
    assert (await refused(still_world.create(message)))[1] == "INVALID_FIELD"


async def test_creating_again_answers_the_stored_one_and_other_content_is_refused(still_world: World) -> None:
    first = await still_world.create(campaign(SMS))
    assert first.state == campaign_pb2.CAMPAIGN_STATE_DRAFT
    assert await still_world.create(campaign(SMS)) == first
    code, reason, _ = await refused(still_world.create(campaign(SMS, display_name="another")))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")


async def test_the_etag_changes_with_every_change(still_world: World) -> None:
    world = still_world
    world.audience(1, SMS)
    etags = [(await world.create(campaign(SMS))).etag]
    etags.append((await start(world)).campaign.etag)
    pause = campaigns_pb2.PauseCampaignRequest(campaign_id="c1")
    etags.append((await world.campaigns().PauseCampaign(pause)).campaign.etag)
    assert len(set(etags)) == 3
    assert (await world.get()).campaign.etag == etags[-1]


async def test_starting_without_a_snapshot_says_so_and_stays_a_draft(still_world: World) -> None:
    await still_world.create(campaign(SMS))
    code, reason, metadata = await refused(start(still_world))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SNAPSHOT_UNKNOWN")
    assert metadata["snapshot_id"] == "snap"
    assert (await still_world.get()).campaign.state == campaign_pb2.CAMPAIGN_STATE_DRAFT


async def test_states_that_do_not_follow(still_world: World) -> None:
    world = still_world
    world.audience(1, SMS)
    stub = world.campaigns()
    await world.create(campaign(SMS))
    pause = campaigns_pb2.PauseCampaignRequest(campaign_id="c1")
    conflict = (grpc.StatusCode.FAILED_PRECONDITION, "STATE_CONFLICT")
    assert (await refused(stub.PauseCampaign(pause)))[:2] == conflict
    resume = campaigns_pb2.ResumeCampaignRequest(campaign_id="c1")
    assert (await refused(stub.ResumeCampaign(resume)))[:2] == conflict
    long = campaigns_pb2.CancelCampaignRequest(campaign_id="c1", reason="x" * 257)
    assert (await refused(stub.CancelCampaign(long)))[1] == "INVALID_FIELD"
    await stub.CancelCampaign(campaigns_pb2.CancelCampaignRequest(campaign_id="c1"))
    assert (await refused(start(world)))[:2] == conflict
    for call in (
        stub.PauseCampaign(campaigns_pb2.PauseCampaignRequest(campaign_id="c9")),
        stub.GetCampaign(campaigns_pb2.GetCampaignRequest(campaign_id="c9")),
        start(world, "c9"),
        world.deliveries().ListDeliveries(S.ListDeliveriesRequest(campaign_id="c9")),
        world.deliveries().ExplainDelivery(S.ExplainDeliveryRequest(campaign_id="c1", person_id=9)),
    ):
        assert (await refused(call))[:2] == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_rights_and_tenants_are_kept_apart(still_world: World) -> None:
    world = still_world
    await world.create(campaign(SMS))
    request = campaigns_pb2.CreateCampaignRequest(campaign=campaign(SMS, "c2"))
    for role in ("viewer", "source"):
        code, _, _ = await refused(world.campaigns(role).CreateCampaign(request))
        assert code is grpc.StatusCode.PERMISSION_DENIED
    code, _, _ = await refused(start(world, role="viewer"))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    other = campaigns_pb2.GetCampaignRequest(campaign_id="c1")
    code, _, _ = await refused(world.campaigns(tenant="t2").GetCampaign(other))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_pages_follow_each_other_and_their_tokens_belong_to_one_list(still_world: World) -> None:
    world, names = still_world, [f"c{number}" for number in range(5)]
    for name in names:
        await world.create(campaign(SMS, name))
    stub = world.campaigns()
    found, token = [], ""
    while True:
        request = campaigns_pb2.ListCampaignsRequest(page_size=2, page_token=token)
        answer = await stub.ListCampaigns(request)
        found += [each.campaign_id for each in answer.campaigns]
        token = answer.next_page_token or token
        if not answer.next_page_token:
            break
    assert found == names
    for call in (
        stub.ListCampaigns(campaigns_pb2.ListCampaignsRequest(page_token="nonsense")),
        world.campaigns(tenant="t2").ListCampaigns(
            campaigns_pb2.ListCampaignsRequest(page_size=2, page_token=token)
        ),
        world.deliveries().ListDeliveries(
            S.ListDeliveriesRequest(campaign_id="c0", page_size=2, page_token=token)
        ),
    ):
        assert (await refused(call))[1] == "PAGE_TOKEN_MALFORMED"


async def test_a_state_of_no_number_is_refused(still_world: World) -> None:
    await still_world.create(campaign(SMS))
    request = S.ListDeliveriesRequest(campaign_id="c1", state=99)  # type: ignore[arg-type]
    assert (await refused(still_world.deliveries().ListDeliveries(request)))[1] == "INVALID_FIELD"
