"""How many features a tenant has, whoever needs them or did so lately."""

import pytest
from huaxiang.tagging.v1 import change_pb2
from tagging.app.features import KeepFeatures, SetRequiredFeatures
from tagging.errors import FeatureQuota

FORMS = [f"COUNT(order_paid WHERE amount > {number})" for number in range(1, 7)]


@pytest.fixture
def require(world, monkeypatch):
    monkeypatch.setattr("tagging.app.features.MAX_FEATURES", 3)
    required = SetRequiredFeatures(world.facts, world.tags, world.columns, world.changelog, world.clock)

    def require(*numbers, consumer="segments"):
        world.database.write_now(required, "t1", consumer, [FORMS[each - 1] for each in numbers])

    return require


def stored(world):
    forms = world.database.read_now(world.tags.features.all, "t1")
    return [FORMS.index(form) + 1 for form in forms]


def test_what_nobody_needs_any_more_makes_room_for_what_is_needed(world, require):
    require(1, 2, 3)
    require(2)
    assert stored(world) == [1, 2, 3], "kept for a day"
    before = world.position
    require(2, 4)
    assert len(stored(world)) == 3
    assert {2, 4} <= set(stored(world))
    dropped = [
        each.feature
        for each in world.changes(after=before)
        if each.feature.state == change_pb2.FEATURE_STATE_DROPPED
    ]
    assert len(dropped) == 1
    columns = world.values()
    assert dropped[0].column not in columns
    assert len(columns) == 3


def test_more_than_the_quota_changes_nothing(world, require):
    require(1, 2, consumer="one")
    with pytest.raises(FeatureQuota):
        require(3, 4, consumer="other")
    assert stored(world) == [1, 2]


def test_a_feature_needed_again_at_the_last_moment_stays(world, require, monkeypatch):
    keep = KeepFeatures(
        world.database, world.changelog, world.tags, world.columns, world.compute, world.clock
    )
    require(1, 2)
    require(2)
    monkeypatch.setattr("tagging.app.features.KEEP_UNNEEDED_MS", -1_000)
    unneeded = world.tags.features.unneeded

    def needed_after_the_first_look(*args):
        found = unneeded(*args)
        world.tags.features.unneeded = unneeded
        later.append(found)
        return found

    later = []
    world.tags.features.unneeded = needed_after_the_first_look
    read_now = world.database.read_now

    def read_and_require(*args):
        found = read_now(*args)
        if later:
            later.clear()
            require(1, 2)
        return found

    monkeypatch.setattr(world.database, "read_now", read_and_require)
    keep.drop_unneeded()
    monkeypatch.undo()
    assert stored(world) == [1, 2]
