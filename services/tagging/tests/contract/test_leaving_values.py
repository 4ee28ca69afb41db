"""A closed list that becomes shorter while persons have its values: they are counted, and told before and after."""

from tagging.store.tag_ports import RunState

LIST = "type: {{base: text, closed: true, options: [{options}]}}"
CHANNEL = "{{tag_id: channel, name: x, {type}, statistic: LAST(order_paid.channel)}}"
CHANNELS = """{{tag_id: channels, name: x, type: {{base: text, multi_valued: true, closed: true, options: [{options}]}},
    top_n: {{measure: COUNT(order_paid BY channel)}}}}"""


def single(*options):
    return CHANNEL.format(type=LIST.format(options=", ".join(options)))


def several(*options):
    return CHANNELS.format(options=", ".join(options))


def buy(world, key, *channels):
    for back, channel in enumerate(channels):
        world.store(world.event(key, "order_paid", world.ago(days=back + 1), amount=1, channel=channel))


def test_persons_with_a_value_that_leaves_are_counted_and_lose_it_with_the_next_run(world):
    world.define(single("app", "shop", "phone"))
    world.store(*(world.person(each, each) for each in (1, 2, 3)))
    buy(world, 1, "app")
    buy(world, 2, "shop")
    buy(world, 3, "shop")
    applied = world.define(single("app"))
    assert applied.warnings == (
        "tag 'channel', value_type.options: 'shop' leaves the list; persons who have it: 2, "
        "until it is computed next",
    )
    assert world.values("channel") == {"channel": {1: "app", 2: "shop", 3: "shop"}}
    assert world.run().state is RunState.SUCCEEDED
    assert world.values("channel") == {"channel": {1: "app"}}
    assert world.define(single("app")).warnings == ()


def test_a_person_with_several_values_keeps_the_others(world):
    world.define(several("app", "shop"))
    world.store(world.person(1, 1), world.person(2, 2))
    buy(world, 1, "app", "shop")
    buy(world, 2, "shop")
    assert "'shop' leaves the list; persons who have it: 2" in world.define(several("app")).warnings[0]
    assert world.run().state is RunState.SUCCEEDED
    assert world.values("channels") == {"channels": {1: ("app",)}}
    buy(world, 2, "app")
    assert world.values("channels") == {"channels": {1: ("app",), 2: ("app",)}}


def test_a_list_that_grows_or_a_value_that_nobody_has_is_told_of_nothing(world):
    world.define(single("app", "shop"))
    world.store(world.person(1, 1))
    buy(world, 1, "app")
    assert world.define(single("app", "shop", "phone")).warnings == ()
    assert world.define(single("app")).warnings == ()


def test_an_open_list_that_closes_counts_what_is_not_in_it(world):
    world.define(CHANNEL.format(type="type: text"))
    world.store(world.person(1, 1))
    buy(world, 1, "shop")
    assert "persons who have it: 1" in world.define(single("app")).warnings[0]


def test_a_computed_type_that_changes_counts_who_loses_a_value(world):
    world.define(single("app", "shop"))
    world.store(world.person(1, 1))
    buy(world, 1, "shop")
    told = "{tag_id: channel, name: x, type: number, statistic: COUNT(order_paid)}"
    assert world.define(told).warnings == (
        "tag 'channel', value_type: was text, becomes number; persons who lose their value: 1, "
        "until it is computed next (huaxiang tags run)",
    )
    assert world.values("channel") == {"channel": {}}
    nobody_has_one = "{tag_id: channel, name: x, type: bool, statistic: COUNT(order_paid) > 0}"
    assert world.define(nobody_has_one).warnings == ()
