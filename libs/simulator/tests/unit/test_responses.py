"""Responses are pure, follow the planted propensities, and the truth tells these."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from simulator.responses import CHANNELS, Response, address_key, propensity, respond

ADDRESSES = [address_key("sms", f"+8613{n:09d}") for n in range(4_000)]


def test_a_response_depends_on_its_arguments_alone():
    first = [respond(1, "sms", address, "d-1", 12) for address in ADDRESSES[:200]]
    assert first == [respond(1, "sms", address, "d-1", 12) for address in ADDRESSES[:200]]
    assert first != [respond(1, "sms", address, "d-2", 12) for address in ADDRESSES[:200]]
    assert first != [respond(2, "sms", address, "d-1", 12) for address in ADDRESSES[:200]]


def test_an_sms_address_has_one_key_however_a_provider_writes_it():
    assert address_key("sms", "13912345678") == address_key("sms", "+8613912345678")
    assert address_key("push", "13912345678") != address_key("push", "+8613912345678")


def test_a_known_response_stays_what_it_was():
    told = respond(7, "wechat", address_key("wechat", "oA7x"), "delivery-1", 20)
    assert told == Response(True, 5, 2349, None, None)


@pytest.mark.parametrize("channel", CHANNELS)
def test_clicks_follow_the_planted_propensity_and_the_hour(channel: str):
    for best in (True, False):
        expected, clicks = 0.0, 0
        for address in ADDRESSES:
            planted = propensity(3, channel, address)
            hour = planted.best_hour if best else (planted.best_hour + 12) % 24
            told = respond(3, channel, address, f"hour-{best}", hour)
            if told.delivered:
                expected += planted.click(hour)
                clicks += told.clicked
        assert clicks == pytest.approx(expected, rel=0.2, abs=12)


def test_dead_addresses_never_receive_and_never_act():
    dead = [address for address in ADDRESSES if not propensity(3, "sms", address).reachable]
    assert 0.01 < len(dead) / len(ADDRESSES) < 0.03
    told = [respond(3, "sms", address, f"{n}", 12) for address in dead for n in range(5)]
    assert not any(response.delivered or response.clicked or response.reply for response in told)


def test_some_reply_with_an_opt_out_and_only_to_sms():
    replies = {
        channel: sum(respond(3, channel, address, "d", 12).reply == "R" for address in ADDRESSES)
        for channel in CHANNELS
    }
    assert replies["sms"] > 20
    notices = [respond(3, "sms", address, "d", 12, marketing=False).reply for address in ADDRESSES]
    assert not any(notices)
    assert replies["wechat"] == replies["push"] == replies["email"] == 0


def test_channels_answer_independently():
    eager = [
        {address for address in ADDRESSES if propensity(3, channel, address).click_at_best > 0.15}
        for channel in ("wechat", "push")
    ]
    both, alone = len(eager[0] & eager[1]) / len(eager[0]), len(eager[1]) / len(ADDRESSES)
    assert both == pytest.approx(alone, abs=0.06)


def test_truth_tells_the_propensity_of_each_address(small: Path):
    rows = pq.read_table(small / "truth/persons.parquet").to_pylist()
    for row in rows[:500]:
        planted = propensity(7, "sms", address_key("sms", row["phone"]))
        assert (row["sms_reachable"], row["sms_best_hour"]) == (planted.reachable, planted.best_hour)
        assert row["sms_click"] == planted.click_at_best
