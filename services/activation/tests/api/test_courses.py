"""A campaign's whole course on each channel: plan, send, receipts, completion."""

import pytest
from activation.domain.delivery import held_out
from activation_neighbours import BIRTH_KEY, NO_ADDRESS, NO_CONSENT, NO_PERSON, WITHDRAWN, birth_hash
from activation_world import (
    CHANNELS,
    CONTACTS,
    OFFER,
    PUSH,
    SMS,
    WECHAT,
    S,
    World,
    address,
    campaign,
    provider_hash,
)
from huaxiang.activation.v1 import campaign_pb2
from huaxiang.activation.v1.campaign_service_pb2 import StartCampaignRequest
from sandbox.responses import Response


@pytest.mark.parametrize("channel", CHANNELS)
async def test_everybody_gets_one_message_and_it_is_told(any_world: World, channel: str) -> None:
    persons = any_world.audience(250 if channel != WECHAT else 60, channel)
    await any_world.run(channel)
    report = await any_world.completed()
    expected = campaign_pb2.CampaignReport(
        planned=len(persons), accepted=len(persons), delivered=len(persons)
    )
    assert report == expected
    assert any_world.received() == dict.fromkeys((provider_hash(channel, each) for each in persons), 1)
    told = await any_world.events_of("message_delivered", len(persons))
    assert sorted(each.anchor_key_id for each in told) == [BIRTH_KEY + each for each in persons]
    assert len(any_world.identity.records) == len(persons)
    rows = await any_world.rows()
    assert [row.person_id for row in rows] == persons
    assert {each.event.properties["delivery_id"].text_value for each in told} == {
        row.delivery_id for row in rows
    }
    assert {row.attempt_count for row in rows} == {1}
    states = [state for state, _ in await any_world.history(persons[0])]
    assert states[:2] == [S.DELIVERY_STATE_READY, S.DELIVERY_STATE_SUBMITTING]
    assert states[-1] == S.DELIVERY_STATE_DELIVERED


async def test_the_holdout_is_a_function_of_salt_and_birth(world: World) -> None:
    persons = world.audience(600, SMS)
    await world.run(SMS, holdout_basis_points=2_000, holdout_salt="summer")
    report = await world.completed()
    held_back = [each for each in persons if held_out("summer", birth_hash(each), 2_000)]
    assert 60 < len(held_back) < 180
    assert (report.planned, report.holdout, report.delivered) == (
        600,
        len(held_back),
        600 - len(held_back),
    )
    rows = await world.rows(state=S.DELIVERY_STATE_HOLDOUT)
    assert [row.person_id for row in rows] == held_back
    assert not {provider_hash(SMS, each) for each in held_back} & set(world.received())
    asked = {person for request in world.identity.asked for person in request.person_ids}
    assert not asked & set(held_back)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_who_may_not_be_reached_is_left_out_with_the_reason(world: World, channel: str) -> None:
    persons = world.audience(10, channel)
    reasons = {1: NO_CONSENT, 2: WITHDRAWN, 3: NO_ADDRESS, 4: NO_PERSON}
    world.identity.statuses.update(reasons)
    world.identity.addresses[6, CONTACTS[channel]] = address(channel, 5)
    malformed = {SMS: "+85251234567", WECHAT: "an openid", PUSH: "d" * 200}[channel]
    world.identity.addresses[7, CONTACTS[channel]] = malformed
    await world.run(channel)
    report = await world.completed()
    assert dict(report.suppressed) == {
        "no_consent": 1,
        "withdrawn": 1,
        "no_address": 1,
        "no_person": 1,
        "duplicate_address": 1,
        "address_malformed": 1,
    }
    assert (report.planned, report.delivered, len(world.effects())) == (len(persons), 4, 4)
    double = [row for row in await world.rows() if row.reason == "duplicate_address"]
    assert [row.person_id for row in double] in ([5], [6])
    assert world.received()[provider_hash(channel, 5)] == 1


async def test_identity_is_asked_for_the_purpose_of_the_message(world: World) -> None:
    world.audience(1, SMS)
    marketing = campaign(SMS, message_class=campaign_pb2.MESSAGE_CLASS_MARKETING, brand="north")
    marketing.template.CopyFrom(OFFER)
    await world.create(marketing)
    await world.run(SMS, "c2")
    await world.campaigns().StartCampaign(StartCampaignRequest(campaign_id="c1"))
    await world.completed()
    await world.completed("c2")
    asked = {(each.reason, each.purpose, each.brand) for each in world.identity.asked}
    assert asked == {("campaign c1", "marketing", "north"), ("campaign c2", "service", "")}


async def test_marketing_over_sensitive_tags_needs_each_of_their_consents(world: World) -> None:
    persons = world.audience(6, SMS)
    world.segments.purposes = ["health", "minors"]
    world.identity.statuses[1] = NO_CONSENT
    world.identity.sensitive = {
        "health": {2: NO_CONSENT, 3: WITHDRAWN},
        "minors": {3: NO_CONSENT, 4: NO_CONSENT},
    }
    marketing = campaign(SMS, message_class=campaign_pb2.MESSAGE_CLASS_MARKETING)
    marketing.template.CopyFrom(OFFER)
    await world.create(marketing)
    await world.campaigns().StartCampaign(StartCampaignRequest(campaign_id="c1"))
    report = await world.completed()
    assert dict(report.suppressed) == {"no_consent": 3, "withdrawn": 1}
    assert (report.planned, report.delivered) == (len(persons), 2)
    assert {each.purpose for each in world.identity.asked} == {"marketing", "health", "minors"}
    world.identity.asked.clear()
    await world.run(SMS, "c2")
    await world.completed("c2")
    assert {each.purpose for each in world.identity.asked} == {"service"}


async def test_clicks_are_counted_by_person(world: World) -> None:
    persons = world.audience(20, PUSH)
    for person in persons[:5]:
        world.people.by_address[address(PUSH, person)] = Response(delivered_after_s=0.0, clicked_after_s=0.05)
    await world.run(PUSH)
    await world.events_of("message_clicked", 5)
    answer = await world.until(lambda each: each.report.clicked == 5)
    assert answer.report.delivered == 20


async def test_failures_are_undelivered_with_the_providers_code(world: World) -> None:
    world.audience(3, SMS)
    world.people.response = Response(delivered=False, delivered_after_s=0.0, failure="MOBILE_NOT_ON_SERVICE")
    await world.run(SMS)
    report = await world.completed()
    assert (report.accepted, report.delivered, report.undelivered) == (3, 0, 3)
    assert {row.reason for row in await world.rows()} == {"MOBILE_NOT_ON_SERVICE"}
    (told, *_) = await world.events_of("message_failed", 3)
    assert told.event.properties["reason"].text_value == "MOBILE_NOT_ON_SERVICE"


async def test_nothing_readable_of_a_person_stays_when_all_is_done(world: World) -> None:
    world.audience(30, SMS)
    await world.run(SMS)
    await world.completed()
    await world.events_of("message_delivered", 30)
    assert world.count("SELECT count(*) FROM batch WHERE sealed_wire IS NOT NULL") == 0
    assert world.count("SELECT count(*) FROM campaign WHERE sealed_key IS NOT NULL") == 0
    stored = b"".join(
        path.read_bytes() for path in world.folder.glob("store.db*") if not path.name.endswith("shm")
    )
    assert b"13800000" not in stored
