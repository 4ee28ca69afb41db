"""Answers that are kept are those of the content that was asked; a plan tells what bitmaps do."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from pyroaring import BitMap
from rules.check import Population, check_rule
from rules.evaluate.bitmaps import members
from rules.evaluate.setting import Setting
from rules.features import plan_features
from rules.tree import Rule
from segments.domain.changes import Change
from segments.domain.plan import Evaluator, Origin, Plan, Step
from segments.domain.touched import Touched
from segments.index import answering, readiness
from segments.index.tenant import TenantIndex
from segments_changes import CATALOGUE, TENANT, day_change, person_change, person_values, tag_change
from servicekit.kernels.threads import Cancellation, Cancelled
from servicekit.revision import LANES, Lane

NOON = "2026-03-31T04:00:00+00:00"
WOMEN = "gender = 'female' AND points >= 2"


@pytest.fixture(autouse=True)
def by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "BY_BLOCKS_FROM", 1)
    monkeypatch.setattr(readiness, "engine_is_ready", lambda: True)


def told(*changes: Change) -> TenantIndex:
    index = TenantIndex(TENANT)
    start = [day_change(), *(tag_change(each) for each in CATALOGUE.tags.values())]
    people = [person_change(each) for each in (1, 2, 3)]
    index.apply([*start, *people, *changes], Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    return index


def then(index: TenantIndex, *changes: Change) -> TenantIndex:
    later = index.copy()
    later.apply(changes, Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    return later


def rule_of(text: str) -> Rule:
    return plan_features(check_rule(text, CATALOGUE).rule, CATALOGUE).rule


class Asked:
    """One version of an index, asked."""

    def __init__(self, index: TenantIndex, segments: dict[str, BitMap] | None = None) -> None:
        import datetime as dt

        self.index = index
        self.view = index.bitmaps(segments or {})
        self.setting = Setting(index.schema, dt.datetime.fromisoformat(NOON), index.calendar)

    def select(self, text: str) -> list[int]:
        found = self.index.select(rule_of(text), self.view, self.setting, Population.KNOWN)
        assert found == members(rule_of(text), self.view, self.setting, Population.KNOWN)
        return list(found)

    def plan(self, text: str, cancellation: Cancellation | None = None) -> Plan:
        return self.index.plan(rule_of(text), self.view, self.setting, Population.KNOWN, cancellation)


def people() -> TenantIndex:
    return told(
        person_values(11, 1, gender="female", points=30_000, age=10_000),
        person_values(12, 2, gender="female", points=10_000, age=20_000),
        person_values(13, 3, gender="male", points=90_000),
    )


def test_an_answer_is_kept_for_equal_rules_over_the_same_content() -> None:
    index = people()
    asked = Asked(index)
    assert not asked.plan(WOMEN).kept
    assert asked.select(WOMEN) == [1]
    assert asked.plan("points >= 2 AND gender = 'female'").kept
    elsewhere = Asked(then(index, person_values(21, 1, age=70_000)))
    assert elsewhere.plan(WOMEN).kept, "age is not looked at"


@pytest.mark.parametrize(
    "change",
    [person_values(21, 2, points=50_000), person_change(4), tag_change(CATALOGUE.tags["gender"], 21)],
    ids=["a value", "a person", "a definition"],
)
def test_whatever_an_answer_rests_on_ends_it(change: Change) -> None:
    index = people()
    before = Asked(index).select(WOMEN)
    after = Asked(then(index, change))
    assert not after.plan(WOMEN).kept
    after.select(WOMEN)
    assert Asked(index).select(WOMEN) == before, "an older version answers as it did"


def test_other_members_of_a_segment_are_another_answer() -> None:
    index, text = people(), "IN SEGMENT 'loyal' AND gender = 'female'"
    assert Asked(index, {"loyal": BitMap([1])}).select(text) == [1]
    assert Asked(index, {"loyal": BitMap([2])}).select(text) == [2]
    assert Asked(index, {"loyal": BitMap([1])}).plan(text).kept


def test_who_takes_an_answer_may_change_it() -> None:
    asked = Asked(people())
    found = asked.index.select(rule_of(WOMEN), asked.view, asked.setting, Population.KNOWN)
    found.add(3)
    assert asked.select(WOMEN) == [1]


def test_a_column_that_is_too_large_for_the_engine_is_told_of_with_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from segments.engine import sets

    monkeypatch.setattr(sets, "VALUES_MOST", 1)
    text = "interests HAS ANY ('护肤')"
    asked = Asked(
        told(person_values(11, 1, interests=("护肤", "零食")), person_values(12, 2, interests=("面膜",)))
    )
    before = asked.plan(text)
    assert (before.evaluator, before.kept) == (Evaluator.BITMAPS, False)
    assert "too many values" in before.because
    assert asked.select(text) == [1]
    assert asked.plan(text).kept


def test_several_tags_at_once_are_compared_person_by_person() -> None:
    asked = Asked(people())
    assert asked.select("points > age") == [1]
    step = asked.plan("points > age AND gender = 'female'").step
    assert {each.evaluator for each in step.steps} == {Evaluator.BLOCK_ENGINE, Evaluator.PERSON_BY_PERSON}


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(f"(points >= {each} AND age > 0)" for each in range(250)),
        "NOT " * 30 + "(gender = 'female' OR points > 5)",
    ],
    ids=["500 leaves", "32 levels"],
)
def test_the_largest_rules_are_answered_by_blocks(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "members", None)  # bitmaps in place of blocks
    asked = Asked(people())
    assert asked.select(text) == ([1, 2] if text.startswith("(") else [1, 2, 3])


def test_rules_share_what_is_compared_person_by_person(monkeypatch: pytest.MonkeyPatch) -> None:
    from segments.engine.computed import Computed

    computed, compute = [], Computed.__call__
    monkeypatch.setattr(Computed, "__call__", lambda self, leaf: computed.append(leaf) or compute(self, leaf))
    index = people()
    assert Asked(index).select("points > age AND gender = 'female'") == [1]
    assert Asked(index).select("points > age OR gender = 'male'") == [1, 3]
    assert len(computed) == 1
    Asked(then(index, person_values(21, 2, age=0))).select("points > age AND gender = 'male'")
    assert len(computed) == 2, "age is another"


def leaves(step: Step) -> Iterator[Step]:
    if not step.steps:
        yield step
    for each in step.steps:
        yield from leaves(each)


def test_a_plan_of_bitmaps_tells_the_same_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(people())
    text = "(gender = 'female' OR points > 5) AND NOT age = 2"
    by_engine = asked.plan(text)
    monkeypatch.setattr(answering, "BY_BLOCKS_FROM", 1 << 32)
    by_bitmaps = asked.plan(text)
    assert by_engine.evaluator is Evaluator.BLOCK_ENGINE
    assert by_bitmaps.evaluator is Evaluator.BITMAPS
    assert "bitmaps are as fast" in by_bitmaps.because
    sizes: list[Any] = [
        {each.text: (each.persons, each.origin) for each in leaves(plan.step)}
        for plan in (by_engine, by_bitmaps)
    ]
    assert sizes[0] == sizes[1]
    assert by_engine.step.left == by_bitmaps.step.left == len(asked.select(text)) == 2
    assert {each.origin for each in leaves(by_engine.step)} == {Origin.TAGS}


def nested(levels: int) -> str:
    text = "age > 0"
    for level in range(levels // 2):
        text = f"gender = 'female' AND (points >= {level} OR {text})"
    return text


@pytest.mark.parametrize(
    ("evaluator", "by_blocks_from"), [(Evaluator.BLOCK_ENGINE, 1), (Evaluator.BITMAPS, 1 << 32)]
)
def test_a_plan_costs_what_a_rule_is_long_however_deep_it_is(
    monkeypatch: pytest.MonkeyPatch, evaluator: Evaluator, by_blocks_from: int
) -> None:
    monkeypatch.setattr(answering, "BY_BLOCKS_FROM", by_blocks_from)
    asked, looks = Asked(people()), count()
    plan = asked.plan(nested(30), Cancellation(lambda: next(looks) > 1_000))
    assert plan.evaluator is evaluator
    assert plan.step.left == len(asked.select(nested(30)))
    assert len(list(leaves(plan.step))) == 31
    with pytest.raises(Cancelled):
        asked.plan(nested(30), Cancellation(lambda: True))
