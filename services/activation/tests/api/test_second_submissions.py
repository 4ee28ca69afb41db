"""The same bytes submitted again: within the key's window, within the rate, and never by a process that slept."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from activation.app.resolving import Resolving
from activation_world import ACCOUNTS, CONTACTS, PUSH, QUICK, WECHAT, World
from huaxiang.activation.v1 import campaign_pb2
from huaxiang.identity.v1 import contact_point_service_pb2
from sandbox.faults import Fault

COMPLETED = campaign_pb2.CAMPAIGN_STATE_COMPLETED
WITHDRAWN = contact_point_service_pb2.CONTACT_POINT_STATUS_WITHDRAWN


def slept_before_sending(world: World, window_s: float) -> Callable[..., Any]:
    """Writes a second submission down, then stands still until its deadline and the provider's window are over."""
    begin = Resolving.begin

    def stand_still(resolving: Resolving, *arguments: Any) -> Any:
        found = begin(resolving, *arguments)
        if found is not None:
            time.sleep(2 * QUICK.submit_timeout_s)  # in the database's thread, as if the process had stopped
            world.clock.advance(window_s)
        return found

    return stand_still


async def test_a_process_that_slept_past_the_window_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.audience(1, WECHAT)
    world.receipts(dropped=1.0)
    world.suffer(WECHAT, Fault.ERROR_AFTER, limit=1)
    monkeypatch.setattr(Resolving, "begin", slept_before_sending(world, 600.0))
    await world.run(WECHAT)
    answer = await world.until(lambda each: each.campaign.state == COMPLETED)
    assert len(world.effects()) == 1
    assert answer.report.abandoned == 1


@pytest.mark.parametrize(("channel", "calls_per_s"), [(WECHAT, 10), (PUSH, 4)])
async def test_second_submissions_and_questions_for_keys_keep_the_rate(
    still_world: World, channel: str, calls_per_s: int
) -> None:
    name = ACCOUNTS[channel]
    account = replace(still_world.accounts[name], calls_per_s=calls_per_s)
    still_world.accounts[name] = account
    await still_world.stop()
    await still_world.start(workers=False)
    calls: list[float] = []
    transport = still_world.accounts[ACCOUNTS[PUSH]].channel._transport  # every account's
    send = transport.send

    async def noted(method: str, url: str, *arguments: Any) -> Any:
        if "stable_token" not in url:
            calls.append(time.monotonic())
        return await send(method, url, *arguments)

    transport.send = noted
    persons = still_world.audience(20, channel)
    still_world.suffer(channel, Fault.ERROR_AFTER, rate=0.5, limit=8)
    still_world.work()
    for number in range(1 if channel == WECHAT else 6):
        await still_world.run(channel, f"c{number}")
    for number in range(1 if channel == WECHAT else 6):
        report = await still_world.completed(f"c{number}")
        assert report.delivered == len(persons)
    busiest = max(sum(start <= call < start + 1.0 for call in calls) for start in calls)
    assert busiest <= calls_per_s + 2


@pytest.mark.parametrize("change", ["withdrawn", "another address", "nobody answers"])
async def test_nothing_is_submitted_again_to_who_is_not_reached_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """It stays unknown while the provider's key is good, and is given up then."""
    world.audience(1, WECHAT)
    world.suffer(WECHAT, Fault.RESET_BEFORE, limit=1)
    to_permit, begin = Resolving.to_permit, Resolving.begin

    def changed(resolving: Resolving, *arguments: Any) -> Any:
        match change:
            case "withdrawn":
                world.identity.statuses[1] = WITHDRAWN
            case "another address":
                world.identity.addresses[1, CONTACTS[WECHAT]] = "openid-other"
            case _:
                world.identity.down = True
        return to_permit(resolving, *arguments)

    def time_passes(resolving: Resolving, *arguments: Any) -> Any:
        found = begin(resolving, *arguments)
        world.clock.advance(600.0)
        return found

    monkeypatch.setattr(Resolving, "to_permit", changed)
    monkeypatch.setattr(Resolving, "begin", time_passes)
    await world.run(WECHAT)
    answer = await world.until(lambda each: each.campaign.state == COMPLETED)
    assert (answer.report.abandoned, world.effects()) == (1, [])
