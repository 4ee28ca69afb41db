"""What stands where a kind gives no value: nothing, a default, or what was known last; in the stream and in runs."""

import pytest
from tagging.domain.persons import PersonState
from tagging.store.tag_ports import RunState

KEPT = """{tag_id: gender, name: x, type: {base: text, closed: true, options: [male, female]},
    attribute: gender, unknown: keeps}"""
STAYS = "{tag_id: gender, name: x, type: text, attribute: gender}"
LEVEL = """{tag_id: level, name: x, type: text, unknown: {default: none},
    layered_rule: {layers: [{when: COUNT(order_paid) >= 1, then: buyer}]}}"""
LISTED = """{tag_id: listed, name: x, type: {base: text, multi_valued: true}, unknown: {default: [nothing]},
    top_n: {measure: COUNT(view_item BY category)}}"""


def say(world, gender, person=1):
    attributes = {"gender": gender} if gender else {}
    world.store(world.person(person, person, attributes=attributes))


@pytest.mark.parametrize("gone", [None, "unsaid"])
def test_what_was_known_last_is_kept_by_stream_and_run(world, gone):
    world.define(KEPT)
    say(world, "male")
    say(world, gone)
    assert world.values() == {"gender": {1: "male"}}
    assert world.run().state is RunState.SUCCEEDED
    assert world.values() == {"gender": {1: "male"}}
    say(world, "female")
    say(world, gone)
    assert world.values() == {"gender": {1: "female"}}


def test_a_run_keeps_what_an_earlier_run_found(world):
    say(world, "male")
    world.define(KEPT)
    assert world.run().state is RunState.SUCCEEDED
    say(world, None)
    world.open()
    assert world.run().state is RunState.SUCCEEDED
    assert world.values() == {"gender": {1: "male"}}


def test_without_the_policy_the_unknown_stays_unknown(world):
    world.define(STAYS)
    say(world, "male")
    say(world, None)
    assert world.values() == {"gender": {}}


def test_a_default_stands_for_everyone_who_may_have_a_value(world):
    world.define(LEVEL, LISTED)
    world.store(world.person(1, 1), world.person(2, 2), world.person(3, 3, state=PersonState.ANONYMOUS))
    world.store(
        world.event(1, "order_paid", world.ago(days=1), amount=1),
        world.event(1, "view_item", world.ago(days=1), category="茶"),
    )
    expected = {
        "level": {1: "buyer", 2: "none"},  # known persons only
        "listed": {1: ("茶",), 2: ("nothing",), 3: ("nothing",)},
    }
    assert world.values() == expected
    assert world.run().state is RunState.SUCCEEDED
    assert world.values() == expected
