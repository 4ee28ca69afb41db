"""Whatever comes in, and whenever it is declared, runs give what the stream gives once it has followed."""

import datetime as dt
from dataclasses import replace

from histories import History, by_tables, owners
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.values import SCALE
from tagging.catalogue.files import parse_definitions
from tagging.domain.declared_events import DeclaredEventType, DeclaredProperty
from tagging.domain.reference_rows import RowVersion
from tagging.store.mapping_ports import Mapped

NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
DANCED = DeclaredEventType(
    "danced",
    properties=(
        DeclaredProperty("amount", "number"),
        DeclaredProperty("calm", "bool"),
        DeclaredProperty("item_id", "text", refers_to="items"),
        DeclaredProperty("learned_on", "date"),
        DeclaredProperty("moods", "list of text"),
        DeclaredProperty("started_at", "datetime"),
        DeclaredProperty("steps", "list of number"),
    ),
)
WRAPPED = DeclaredEventType(
    "order_paid", properties=(DeclaredProperty("gift_wrap", "text"), DeclaredProperty("weight", "number"))
)
DEFINITIONS = parse_definitions(
    """
- {tag_id: t_calm, name: x, type: number, statistic: COUNT(danced WHERE calm) IN LAST 20 DAYS + SUM(danced.amount)}
- {tag_id: t_learned, name: x, type: date, statistic: LAST(danced.learned_on)}
- {tag_id: t_started, name: x, type: datetime, statistic: MAX(danced.started_at)}
- {tag_id: t_moods, name: x, type: bool, statistic: "DID(danced WHERE moods HAS ANY ('x', '') OR steps HAS ANY (1))"}
- {tag_id: t_brand, name: x, type: text, statistic: LAST(danced.item_id.brand)}
- tag_id: t_wrap
  name: x
  type: number
  statistic: COUNT(order_paid WHERE gift_wrap IS KNOWN AND amount > 1) + SUM(order_paid.weight)
""",
    "here",
)
values = st.sampled_from(
    [
        0,
        -SCALE,
        SCALE,
        12_345,
        2**53,
        True,
        False,
        "",
        "x",
        "'; --\\",
        "1",
        dt.date(2026, 1, 2),
        dt.date(1969, 12, 31),
        NOON,
        NOON - dt.timedelta(days=25_000, microseconds=1),
        (),
        ("x",),
        ("x", "y"),
        (SCALE,),
        (SCALE, "x"),
        ({"x": 1},),
    ]
)


def extras(declared):
    return st.fixed_dictionaries({}, optional={each.name: values for each in declared.properties})


said = st.one_of(
    st.tuples(st.just("danced"), extras(DANCED)), st.tuples(st.just("order_paid"), extras(WRAPPED))
)
backs = st.sampled_from([0, 3, 30]).map(lambda each: dt.timedelta(days=each))
came = st.tuples(st.just("came"), st.integers(1, 4), st.lists(st.tuples(said, backs), min_size=1, max_size=3))
steps = st.one_of(came, came, owners)


def play(world, history, step):
    match step:
        case ("came", key, told):
            events = [
                replace(
                    world.event(key, kind, world.clock.now() - back, channel="app"),
                    properties={"channel": "app", **({"amount": 3 * SCALE} if kind == "order_paid" else {})},
                    extra=extra,
                )
                for (kind, extra), back in told
            ]
            world.store(*events)
        case _:
            history.play(step)


def declare(world, *declared):
    def write(connection):
        for each in declared:
            world.dictionaries.put(connection, world.tenant, each)
            world.mapping_changes.add(connection, world.tenant, Mapped("event", each.name), 0)

    world.database.write_now(write)


@given(before=st.lists(steps, max_size=5), after=st.lists(steps, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_what_came_before_its_declaration_counts_like_what_comes_after(small_world, before, after):
    world = small_world()
    world.put_rows("items", RowVersion("x", {"brand": "tea"}))
    history = History(world)
    for step in before:
        play(world, history, step)
    declare(world, DANCED, WRAPPED)
    world.apply(DEFINITIONS)
    assert world.follow_mapping.follow(at_once=True)
    for step in after:
        play(world, history, step)
    assert by_tables(world) == world.values()


def test_stored_values_follow_another_declaration(small_world):
    world = small_world()
    declare(world, replace(DANCED, properties=DANCED.properties[:1]))
    world.define("{tag_id: t_stage, name: x, type: text, lifecycle: {}}")
    world.store(
        world.person(1, 1), replace(world.event(1, "waltzed", world.ago(days=1)), extra={"amount": 1})
    )
    world.run()
    before = world.values("t_stage")
    declare(world, DeclaredEventType("waltzed"))
    assert world.values("t_stage") == before
    assert world.follow_mapping.follow(at_once=True)
    assert world.values("t_stage") != before
    assert by_tables(world) == world.values()
    world.database.write_now(world.dictionaries.delete, world.tenant, "waltzed")
    world.database.write_now(world.mapping_changes.add, world.tenant, Mapped("event", "waltzed"), 0)
    assert world.follow_mapping.follow(at_once=True)
    assert world.values("t_stage") == before
