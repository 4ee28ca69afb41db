"""Hot copies change nothing but speed: after any history an answer from copies is what the store says."""

import asyncio
import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.progress import Progress
from servicekit.retention import trim
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.api.render_portraits import portrait_bytes
from tagging.app.apply_changes import StoreFacts
from tagging.app.expire_events import ExpireEvents
from tagging.app.keep_current import KeepCurrent
from tagging.app.portraits.compose import ComposePortraits
from tagging.app.portraits.hot import HotPortraits
from tagging.app.portraits.looks import Look
from tagging.app.portraits.member_classes import MemberClasses
from tagging.app.portraits.movements import Movements
from tagging.app.portraits.profiles import FreezeProfiles
from tagging.app.portraits.templates import KeepTemplates
from tagging.app.read_values import ReadValues
from tagging.app.retire_files import RetireFiles
from tagging.app.roll_day import RollDay
from tagging.catalogue.phrase_files import standard_phrases
from tagging.domain.definition import Grade, Wording
from tagging.domain.persons import PersonState
from tagging.domain.portrait_description import Language
from tagging.domain.portrait_template import MemberClass, PortraitTemplate, TemplateGroup
from tagging.errors import PersonUnknown
from tagging.store.changelog_moves import move_of
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.memory_copies import MemoryCopies
from tagging.store.portrait_ports import Version
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_portraits import SqlPortraitTemplates
from tagging.store.sql_retention import SqlEventRetention

pytestmark = pytest.mark.usefixtures("kept_queries")

TAGS = (
    "{tag_id: orders, name: 订单数, type: number, statistic: COUNT(order_paid)}",
    "{tag_id: orders_7d, name: 近7天, type: number, statistic: COUNT(order_paid) IN LAST 7 DAYS}",
    "{tag_id: hot, name: 刚买, type: bool, statistic: COUNT(order_paid) IN LAST 3 HOURS >= 1}",
    "{tag_id: city, name: 城市, type: text, attribute: city}",
    "{tag_id: age_band, name: 年龄段, grade: sensitive, purpose: care, type: text, attribute: age}",
    "{tag_id: last_order_date, name: 最近购买, type: date, statistic: DAY(LAST(order_paid))}",
    "{tag_id: spent, name: 花费, update: run, type: number, statistic: SUM(order_paid.amount)}",
    "{tag_id: lifecycle_stage, name: 阶段, type: text, lifecycle: {}}",
)
PERSONS = (1, 2, 3, 4, 70_000)
EVERYTHING = frozenset(Grade)
LOOKS = (
    Look(language=Language.EN, grades=EVERYTHING),
    Look(tag_ids=("city", "age_band"), has_timeline=False, grades=frozenset({Grade.INTERNAL})),
    Look(template_id="desk", language=Language.ZH, grades=EVERYTHING),
)


class HotWorld:
    """A world with portraits answered from copies, beside the store's own answers."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.templates = SqlPortraitTemplates()
        classes = MemberClasses()
        values = ReadValues(
            world.facts, world.events, world.tags, world.columns, world.changelog, world.clock
        )
        self.compose = ComposePortraits(
            world.facts, self.templates, world.columns, values, classes, standard_phrases(), world.clock
        )
        self.copies = MemoryCopies()
        self.movements = Movements(
            world.database, world.changelog, world.facts.progress, move_of, self.copies.drop
        )
        self.hot = HotPortraits(
            world.database, self.compose, self.movements, self.copies, self.copies, portrait_bytes
        )
        self.keep = KeepTemplates(
            world.facts, self.templates, world.columns, classes, world.changelog, world.clock
        )
        self.freeze = FreezeProfiles(
            world.database,
            world.changelog,
            world.facts,
            world.tags,
            self.templates,
            world.columns,
            world.everybody,
            classes,
            world.clock,
        )
        parts = (world.database, world.changelog)
        self.roll_day = RollDay(
            *parts, world.everybody, world.facts, world.tags, world.columns, world.compute, world.clock
        )
        self.keep_current = KeepCurrent(
            *parts, world.facts, world.tags, world.columns, world.recompute, world.compute, world.clock
        )

    def settle(self) -> None:
        """As after a bootstrap."""

        def finish(connection: Connection) -> None:
            through = Revision("identity", "0" * 16, 1, 1)
            self.world.facts.progress.finish(connection, Progress(through, ()))

        self.world.database.write_now(finish)

    def put(self, cities: str) -> None:
        groups = (TemplateGroup(Wording("x", "x"), ("city", "orders", "hot", "age_band")),)
        rule = MemberClass(Wording("y", "y"), f"city = '{cities}' AND orders >= 1")
        template = PortraitTemplate("desk", Wording("d", "d"), groups, rule)
        self.world.database.write_now(self.keep.put, "t1", template, "")

    def straight(self, person_id: int, look: Look) -> bytes | None:
        """What the store says."""
        composed = self.world.database.read_now(self.compose, "t1", [person_id], look)
        found = composed.portraits.get(person_id)
        return None if found is None else portrait_bytes(found)

    async def answered(self, person_id: int, look: Look) -> bytes | None:
        try:
            return (await self.hot.one("t1", person_id, look)).payload
        except PersonUnknown:
            return None

    async def compare(self) -> None:
        """What is kept is read before anything is read anew."""
        for look in LOOKS:
            expected = {each: self.straight(each, look) for each in PERSONS}
            several, _ = await self.hot.several("t1", PERSONS[:2], look)
            assert several == [expected[each] for each in PERSONS[:2]]
            for person_id in PERSONS:
                assert await self.answered(person_id, look) == expected[person_id]
            several, _ = await self.hot.several("t1", [99, *PERSONS, 1], look)
            assert several == [None, *expected.values(), expected[1]]


@pytest.fixture
def hot_world(world: Any) -> HotWorld:
    made = HotWorld(world)
    begin(made)
    return made


def begin(made: HotWorld) -> None:
    world = made.world
    world.define(*TAGS)
    world.store(
        *(
            world.person(each, each, attributes={"city": "上海", "age": "25-34"}, state=PersonState.MEMBER)
            for each in PERSONS
        )
    )
    made.put("上海")
    made.settle()


STEPS: list[Callable[[HotWorld, random.Random], None]] = []


def step(move: Callable[[HotWorld, random.Random], None]) -> Callable[[HotWorld, random.Random], None]:
    STEPS.append(move)
    return move


@step
def an_order(made: HotWorld, draw: random.Random) -> None:
    lane = draw.choice([Lane.LIVE, Lane.BULK])
    made.world.store(order(made, draw), lane=lane)


@step
def a_late_order(made: HotWorld, draw: random.Random) -> None:
    made.world.store(order(made, draw, days=draw.choice([3, 8, 50])))


@step
def an_event_that_no_tag_counts(made: HotWorld, draw: random.Random) -> None:
    when = made.world.ago(minutes=draw.randrange(90))
    made.world.store(made.world.event(PERSONS[0], "search", when, keyword="tea"))


@step
def a_bulk_order_that_is_computed_later(made: HotWorld, draw: random.Random) -> None:
    """Stored with its facts; its values follow."""
    world, event = made.world, order(made, draw)

    def write(connection: Connection) -> None:
        stored = StoreFacts(world.facts, world.clock.now)(connection, "t1", None, [], [event])
        world.facts.progress.add_stale(connection, "t1", stored.touched, 2, stored.overtaken)
        world.changelog.append(connection, Lane.BULK, stored.entries)

    world.database.write_now(write)


@step
def stale_persons_are_computed(made: HotWorld, draw: random.Random) -> None:
    while made.keep_current.recompute_stale():
        pass


@step
def an_attribute(made: HotWorld, draw: random.Random) -> None:
    each = draw.choice(PERSONS)
    said = {"city": draw.choice(["上海", "北京"])} | ({"no_profiling": True} if draw.random() < 0.3 else {})
    made.world.store(made.world.person(each, each, attributes=said, state=PersonState.MEMBER))


@step
def a_merge_or_its_undoing(made: HotWorld, draw: random.Random) -> None:
    world = made.world
    one, other = draw.sample(PERSONS, 2)
    if draw.random() < 0.5:
        world.store(
            world.person(one, one, other, attributes={"city": "上海"}),
            world.person(other, state=PersonState.REDIRECTED, redirect_person_id=one),
        )
    else:
        world.store(world.person(one, one), world.person(other, other))


@step
def an_erasure(made: HotWorld, draw: random.Random) -> None:
    if draw.random() < 0.3:
        made.world.store(made.world.person(draw.choice(PERSONS), state=PersonState.ERASED))


@step
def a_run(made: HotWorld, draw: random.Random) -> None:
    made.world.run()


@step
def a_run_of_one_tag(made: HotWorld, draw: random.Random) -> None:
    made.world.run("spent")


@step
def a_profile(made: HotWorld, draw: random.Random) -> None:
    made.freeze()


@step
def time_passes(made: HotWorld, draw: random.Random) -> None:
    made.world.clock.advance(dt.timedelta(hours=draw.choice([1, 4, 30])))
    while made.roll_day.roll() or made.keep_current.age():
        pass


@step
def a_tag_is_redefined(made: HotWorld, draw: random.Random) -> None:
    grade = draw.choice(["internal", "personal"])
    made.world.define(
        f"{{tag_id: orders, name: 订单数, grade: {grade}, type: number, "
        f"statistic: {draw.choice(['COUNT', 'DAYS'])}(order_paid)}}"
    )


@step
def a_template_is_changed(made: HotWorld, draw: random.Random) -> None:
    made.put(draw.choice(["上海", "北京"]))
    made.freeze()


@step
def a_flush(made: HotWorld, draw: random.Random) -> None:
    made.copies._persons.clear()


@step
def a_bootstrap(made: HotWorld, draw: random.Random) -> None:
    if draw.random() < 0.3:
        made.world.database.write_now(made.world.facts.progress.begin)
        made.settle()


@step
def deltas_are_folded(made: HotWorld, draw: random.Random) -> None:
    made.world.database.write_now(made.world.tags.values.fold, "t1", 1)


def order(made: HotWorld, draw: random.Random, days: float = 0) -> Any:
    when = made.world.ago(days=days, minutes=draw.randrange(300))
    return made.world.event(draw.choice(PERSONS), "order_paid", when, amount=100_000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), length=st.integers(1, 8))
def test_copies_say_what_the_store_says(small_world: Callable[[], Any], seed: int, length: int) -> None:
    draw = random.Random(seed)
    made = HotWorld(small_world())
    begin(made)

    async def play() -> None:
        await made.compare()
        for move in draw.choices(STEPS, k=length):
            move(made, draw)
            await made.compare()

    asyncio.run(play())
    assert made.hot.hits > 0


AFTER: list[tuple[Any, ...]] = [
    *((move, move, move) for move in STEPS),
    (a_bulk_order_that_is_computed_later, stale_persons_are_computed),
    (an_order, a_run, time_passes, a_run, a_profile),
    (an_order, time_passes, time_passes),
    (an_order, a_run, a_late_order, a_run_of_one_tag),
    (a_run, a_template_is_changed, an_attribute),
]


@pytest.mark.parametrize("moves", AFTER, ids=lambda moves: "-".join(each.__name__ for each in moves[-2:]))
async def test_after_every_kind_of_move(hot_world: HotWorld, moves: Any) -> None:
    """On every store."""
    draw = random.Random(7)
    await hot_world.compare()
    for move in moves:
        move(hot_world, draw)
        await hot_world.compare()


async def test_what_is_right_is_answered_without_the_store(hot_world: HotWorld) -> None:
    look = LOOKS[0]
    await hot_world.hot.several("t1", PERSONS, look)
    misses = hot_world.hot.misses
    answer = await hot_world.hot.one("t1", 1, look)
    assert (hot_world.hot.misses, answer.revision) == (misses, hot_world.movements.revision)
    hot_world.world.store(order(hot_world, random.Random(0)))  # of one person
    for person_id in PERSONS:
        await hot_world.hot.one("t1", person_id, look)
    assert hot_world.hot.misses == misses + 1


async def test_a_copy_is_old_when_events_in_it_expire(hot_world: HotWorld) -> None:
    world = hot_world.world
    retention, files = SqlEventRetention(), SqlManifest()
    folder = LakeMerging(LakeFolder(world.folder / "lake", LakeColumns(world.dictionary)))
    expire = ExpireEvents(
        world.database,
        world.facts,
        files,
        retention,
        RetireFiles(folder, readers_s=0.0),
        asyncio.Lock(),
        world.changelog,
    )
    world.store(world.event(3, "order_paid", world.ago(days=50), amount=1))
    look = LOOKS[0]
    before = await hot_world.hot.one("t1", 3, look)
    world.database.write_now(retention.put, "t1", {"order_paid": 40})
    assert await expire.expire("t1") > 0
    after = await hot_world.hot.one("t1", 3, look)
    assert len(after.payload) < len(before.payload)
    assert after.payload == hot_world.straight(3, look)


async def test_an_erased_persons_copies_are_removed(hot_world: HotWorld) -> None:
    look = LOOKS[0]
    await hot_world.hot.one("t1", 1, look)
    await hot_world.hot.one("t1", 2, look)
    hot_world.world.store(hot_world.world.person(1, state=PersonState.ERASED))
    await hot_world.movements.look()
    assert await hot_world.copies.get("t1", [1, 2], look.shape) != {}
    assert hot_world.copies.one("t1", 1, look.shape) is None


async def test_copies_of_an_epoch_that_is_over_are_old(hot_world: HotWorld) -> None:
    movements = hot_world.movements
    await movements.look()
    now = movements.revision
    assert movements.holds("t1", 1, Version(now.epoch, now.live))
    hot_world.settle()
    assert not movements.is_current
    await movements.look()
    assert not movements.holds("t1", 1, Version(now.epoch, 2**40))


async def test_nothing_is_judged_during_a_bootstrap(hot_world: HotWorld) -> None:
    look = LOOKS[0]
    await hot_world.hot.one("t1", 1, look)
    hot_world.world.database.write_now(hot_world.world.facts.progress.begin)
    misses = hot_world.hot.misses
    for _ in range(2):
        await hot_world.hot.one("t1", 1, look)
    assert hot_world.hot.misses == misses + 2


async def test_too_many_moves_make_everything_old(
    hot_world: HotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hot_world.compare()
    monkeypatch.setattr("tagging.app.portraits.movements.KEPT_PERSONS", 2)
    draw = random.Random(1)
    hot_world.world.store(*(order(hot_world, draw) for _ in range(12)))
    await hot_world.compare()
    monkeypatch.setattr("tagging.app.portraits.movements.READ_ENTRIES", 1)
    hot_world.world.store(*(order(hot_world, draw) for _ in range(3)))
    await hot_world.compare()


async def test_history_that_is_gone_makes_everything_old(hot_world: HotWorld) -> None:
    await hot_world.compare()
    hot_world.world.store(order(hot_world, random.Random(1)))
    hot_world.world.database.write_now(trim, hot_world.world.changelog, keep_after_machine_time_ms=2**60)
    await hot_world.compare()


async def test_copies_of_another_process_count_as_far_as_it_looked_back(hot_world: HotWorld) -> None:
    """A process that starts anew finds the copies of before, and tells which of them are right."""
    world, look = hot_world.world, LOOKS[0]
    answer = await hot_world.hot.one("t1", 1, look)
    version = Version(answer.revision.epoch, answer.revision.live)
    world.store(order(hot_world, random.Random(3)))
    others = [each for each in PERSONS if hot_world.movements.holds("t1", each, version)]
    for look_back, expected in ((0, 0), (1_000, 4)):
        fresh = Movements(
            world.database,
            world.changelog,
            world.facts.progress,
            move_of,
            hot_world.copies.drop,
            look_back=look_back,
        )
        await fresh.look()
        right = [each for each in others if fresh.holds("t1", each, version)]
        assert len(right) == expected
