"""The demo on a small world: what it reports is sane, equals the truth, and repeats itself."""

import json
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
import pytest
from cli.demo.effects import TERMINAL
from cli.demo.report import REPORT_NAME, report
from cli.demo.state import Demo
from cli.demo.summary import show_summary
from cli.demo.tags import RFM_CLASSES
from sandbox.effects import read
from story import DEMO_PERSONS, Story, Truth
from tagging.catalogue.packs import RETAIL, pack_definitions

PERSONS = DEMO_PERSONS
CHANNELS = ("aliyun_sms", "wechat_template", "jpush")


@pytest.fixture(scope="module")
def demo(told: tuple[Story, Truth]) -> Demo:
    """A demo that has ended; its suite is down."""
    return told[0].demo


@pytest.fixture(scope="module")
def found(demo: Demo) -> dict[str, Any]:
    """The report as it was written."""
    return json.loads((demo.root / REPORT_NAME).read_text(encoding="utf-8"))


def facts(demo: Demo) -> list[dict[str, Any]]:
    return pq.read_table(demo.truth("facts")).to_pylist()


def test_the_report_has_its_parts(demo: Demo, found: dict[str, Any]) -> None:
    assert list(found) == [
        "input", "identity", "rfm", "tags", "segments", "activation", "latency", "wall_s",
    ]  # fmt: skip
    assert {**report(demo), "wall_s": 0} == {**found, "wall_s": 0}
    assert found["input"] == {"events": demo.manifest.event_count, "persons_true": PERSONS}


def test_accounts_are_joined_as_the_truth_says(found: dict[str, Any]) -> None:
    assert found["identity"]["pair_precision"] >= 0.999
    assert found["identity"]["pair_recall"] >= 0.9
    assert PERSONS * 0.9 < found["identity"]["persons"] < PERSONS * 1.2


def test_classes_are_eight_and_hold_everybody_who_paid(demo: Demo, found: dict[str, Any]) -> None:
    classes = found["rfm"]["classes"]
    assert list(classes) == list(RFM_CLASSES)
    by_class = Counter(each["class"] for each in found["rfm"]["by_customer"].values())
    assert all(classes[name] >= by_class[name] for name in classes)
    payers = sum(row["paid_orders"] > 0 for row in facts(demo))
    assert abs(sum(classes.values()) - payers) <= payers * 0.05


def test_rfm_of_members_whose_accounts_are_whole_equals_the_truth(demo: Demo, found: dict[str, Any]) -> None:
    true = {row["member_id"]: row for row in facts(demo) if row["member_id"] and row["paid_orders"]}
    right = sum(
        each["frequency"] == true[member]["paid_orders"]
        and each["monetary"] == float(true[member]["paid_amount"])
        and each["recency_days"] == true[member]["recency_days"]
        for member, each in found["rfm"]["by_customer"].items()
        if member in true
    )
    assert len(true) > 50
    assert right >= len(true) * 0.95


def test_every_tag_is_told_with_coverage_and_most_frequent_values(found: dict[str, Any]) -> None:
    definitions = {each.tag_id: each for each in pack_definitions(RETAIL)}
    assert found["tags"].keys() == definitions.keys()
    assert len(definitions) >= 60
    gender = found["tags"]["gender"]
    assert {each["value"] for each in gender["top_values"]} <= {"male", "female"}
    assert sum(each["count"] for each in gender["top_values"]) == gender["coverage"] > 0
    for tag_id, each in found["tags"].items():
        counts = [top["count"] for top in each["top_values"]]
        assert counts == sorted(counts, reverse=True)
        several = definitions[tag_id].value_type.multi_valued  # a person counts with each value
        assert (max(counts, default=0) if several else sum(counts)) <= each["coverage"]


def test_most_tags_have_values(found: dict[str, Any]) -> None:
    """Not yet sent a message, and a world without growth and terms of validity."""
    without = {tag_id for tag_id, each in found["tags"].items() if not each["coverage"]}
    assert without <= {
        "growth_value", "level_valid_until", "member_days", "member_since", "message_click_rate", "points_expire_on",
    }  # fmt: skip


def test_three_audiences_have_members(found: dict[str, Any]) -> None:
    assert len(found["segments"]) == 3
    for each in found["segments"].values():
        assert each["rule"]
        assert each["count"] > 0
        assert each["evaluate_ms"] > 0


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_delivery_ends_once_and_no_message_is_sent_twice_or_lost(
    demo: Demo, found: dict[str, Any], channel: str
) -> None:
    sent, states = found["activation"][channel], demo.notes["states"][channel]
    assert set(states) <= TERMINAL
    assert sum(states.values()) == sent["planned"]
    assert sent["duplicates"] == sent["lost"] == 0
    assert sent["provider_effects"] == sent["accepted"] > 0
    assert sent["holdout"] + sent["suppressed"] + sent["accepted"] <= sent["planned"]
    assert sent["delivered"] <= sent["accepted"]


def test_an_audience_is_planned_whole(found: dict[str, Any]) -> None:
    counts = [each["count"] for each in found["segments"].values()]
    assert [found["activation"][channel]["planned"] for channel in CHANNELS] == counts


def test_the_log_of_effects_names_each_address_once(demo: Demo) -> None:
    log = list(read(demo.folder.data / "sandbox"))
    assert log
    assert max(Counter((each.provider, each.address_hash) for each in log).values()) == 1


def test_one_wrong_merge_was_avoided(demo: Demo) -> None:
    avoided = demo.notes["avoided"]
    assert avoided is not None
    first, second = avoided["persons"]
    assert first != second
    assert avoided["names"][0] != avoided["names"][1]


def test_one_wrong_merge_was_explained_and_undone(demo: Demo) -> None:
    undone = demo.notes["undone"]
    assert undone is not None
    assert len(set(undone["persons"])) == 2
    _, right, wrong = undone["tag"]
    assert right != wrong
    assert undone["segment"] == "recent_buyers"
    assert undone["operation"] == 1
    assert "member_id" in undone["identifiers"]


def test_an_event_reaches_the_audience_within_half_a_second(found: dict[str, Any]) -> None:
    latency = found["latency"]
    assert 0 < latency["event_to_membership_ms_p50"] <= latency["event_to_membership_ms_p99"] < 500


def test_the_summary_speaks_to_people(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    show_summary(demo, kept_up=False)
    said = capsys.readouterr().out
    for part in (
        "Who are they?",
        "One wrong merge undone",
        "重要价值",
        "短信召回",
        "Every delivery has ended",
        "Look at next",
        "The whole took",
    ):
        assert part in said
