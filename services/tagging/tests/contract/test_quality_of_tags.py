"""Tags measured over a real store: what is counted, when, which alerts open and close, and what nobody uses."""

import datetime as dt
from dataclasses import replace

import pytest
from huaxiang.tagging.v1 import change_pb2
from rules.values import SCALE
from servicekit.revision import LANES
from tagging.app.portraits.looks import Look
from tagging.app.quality import contradictions, count_use
from tagging.app.quality.contradictions import Contradictions
from tagging.app.quality.count_use import AddUse, CountedEntries, UseCounter
from tagging.app.quality.looks import FindLooks
from tagging.app.quality.measure import FAILURE_PAUSE
from tagging.app.quality.read_quality import ReadQuality
from tagging.app.quality.unused import ProposeRetirement
from tagging.app.quality.users import FindUsers
from tagging.app.read_values import ReadValues
from tagging.domain.changes import ChangeKind
from tagging.domain.columns import Coded
from tagging.domain.definition import Grade, Wording
from tagging.domain.governance.uses import TagUse, UserKind
from tagging.domain.persons import PersonState
from tagging.domain.portrait_template import PortraitTemplate, TemplateGroup
from tagging.domain.quality.alerts import AlertKind
from tagging.domain.quality.distribution import BinnedCounts, NamedCounts
from tagging.domain.quality.measurement import Agreement, Validity
from tagging.domain.quality.score import Part
from tagging.domain.quality.usage import Activity
from tagging.errors import RuleInvalid as RuleRefused
from tagging.governance_wiring import governance_stores
from tagging.quality_wiring import open_measuring, quality_stores
from tagging.store.quality_ports import Scored
from tagging.store.sql_portraits import SqlPortraitTemplates
from tagging.store.value_ports import BlockChange

USES = governance_stores().uses
QUALITY = quality_stores()
ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"
CITY = "{tag_id: city, name: x, type: text, attribute: city}"
DAY = dt.timedelta(days=1)


class Shop:
    """A world whose tags are measured when asked."""

    def __init__(self, world):
        self.world = world
        self.measure, self.watch = open_measuring(
            world.database,
            world.changelog,
            (world.facts, world.tags),
            USES,
            world.columns,
            world.everybody,
            world.clock,
        )
        find = FindLooks(world.facts, world.tags, QUALITY, world.columns, world.clock)
        self.read = ReadQuality(QUALITY, world.columns, find, world.changelog)

    def people(self, count, first=1, **attributes):
        self.world.store(
            *(
                self.world.person(each, each, attributes={name: of(each) for name, of in attributes.items()})
                for each in range(first, first + count)
            )
        )

    def latest(self, tag_id):
        return self.world.database.read_now(self.read.latest, self.world.tenant, tag_id)

    def measured(self, tag_id):
        return self.latest(tag_id).measured

    def alerts(self, tag_id=""):
        found = self.world.database.read_now(
            lambda connection: self.read.alerts(
                connection, self.world.tenant, tag_id=tag_id, with_closed=True, before=None, limit=99
            )
        )
        return {(each.tag_id, each.kind, each.closed is None) for each in found}

    def pending(self):
        return sorted(self.world.database.read_now(self.read.pending, self.world.tenant))

    def events(self):
        """(kind of alert, whether it closed) of the changelog, in order."""
        found = []
        for lane in LANES:
            page = self.world.database.read_now(
                self.world.changelog.page, lane, 0, kinds=[ChangeKind.QUALITY_ALERT], limit=999
            )
            for entry in page.entries:
                alert = change_pb2.Change.FromString(entry.payload).quality_alert
                found.append((alert.tag_id, alert.kind, alert.HasField("close_time")))
        return found


@pytest.fixture
def shop(world):
    return Shop(world)


def test_a_tag_is_measured_after_its_run_and_all_are_after_midnight(shop):
    world = shop.world
    assert (shop.measure(), shop.pending()) == (0, [])  # no tenant yet
    world.define(ORDERS, CITY)
    shop.people(30, city=lambda each: "上海" if each <= 20 else "北京" if each <= 28 else None)
    world.store(*(world.event(each, "order_paid", world.ago(days=1), amount=1) for each in range(1, 11)))
    assert shop.pending() == ["city", "orders"]
    assert shop.measure() == 2
    assert (shop.measure(), shop.pending()) == (0, [])
    orders, city = shop.measured("orders"), shop.measured("city")
    assert (orders.known_count, orders.population, orders.coverage, orders.run_id) == (30, 30, SCALE, "")
    assert orders.distribution == BinnedCounts((10_000,), (20, 10))
    assert (city.known_count, city.coverage, city.null_share) == (28, 9_333, 667)
    assert city.distribution == NamedCounts((("上海", 20), ("北京", 8)), 0, 2)
    run = world.run("orders")
    assert shop.pending() == ["orders"]
    assert shop.measure() == 1
    assert shop.measured("orders").run_id == run.run_id
    assert shop.measured("orders").cost.last_ms == run.costs["orders"].milliseconds
    world.clock.advance(DAY)
    assert shop.measure() == 0  # the day has not rolled yet
    world.database.write_now(world.facts.tenants.set_day, world.tenant, world.clock.now().date())
    assert shop.measure() == 2
    history = world.database.read_now(shop.read.history, world.tenant, "orders", None, 9)
    assert [each.measured.run_id for each in history] == ["", run.run_id, ""][: len(history)]


def test_anonymous_persons_count_where_they_may_have_a_value(shop):
    world = shop.world
    world.define(ORDERS, "{tag_id: stage, name: x, type: text, lifecycle: {}}")
    world.store(world.person(1, 1), world.person(2, 2, state=PersonState.ANONYMOUS))
    shop.measure()
    assert (shop.measured("orders").population, shop.measured("stage").population) == (2, 1)


def test_values_that_break_rules_of_the_owner_are_counted_by_rule(shop):
    world = shop.world
    world.define(
        "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid), quality: {least: 1, most: 2}}",
        """{tag_id: city, name: x, type: text, attribute: city,
            quality: {allowed: [上海, 北京], pattern: "..", max_null_share: 0}}""",
        "{tag_id: born, name: x, type: date, attribute: birth_date, quality: {earliest: 1900-01-01, latest: today}}",
    )
    today = world.clock.now().date()
    shop.people(
        6,
        city=lambda each: [None, "上海", "上海", "北京", "纽约", "乌鲁木齐"][each - 1],
        birth_date=lambda each: [None, dt.date(1899, 12, 31), dt.date(1900, 1, 1), today, today + DAY, None][
            each - 1
        ],
    )
    world.store(*(world.event(1, "order_paid", world.ago(days=1), amount=1) for _ in range(3)))
    shop.measure()
    assert shop.measured("orders").validity == Validity(6, 6, {"least": 5, "most": 1})
    assert shop.measured("city").validity == Validity(5, 2, {"allowed": 2, "pattern": 1})
    assert shop.measured("born").validity == Validity(4, 2, {"earliest": 1, "latest": 1})
    assert ("city", AlertKind.INCOMPLETE, True) in shop.alerts()
    world.define_only(CITY)
    world.run("city")
    shop.measure()
    assert shop.measured("city").validity is None
    assert {each for each in shop.alerts("city") if each[2]} == set()
    assert shop.latest("orders") is None  # gone with the tag
    assert ("orders", AlertKind.INVALID, False) in shop.alerts()


GENDER = """{tag_id: gender, name: x, type: text, attribute: gender, quality: {contradicted_when: "RULE"}}"""
WOMENS = (
    "{tag_id: womens_orders, name: x, type: number, statistic: COUNT(order_paid WHERE channel = 'womens')}"
)


def test_behaviour_that_contradicts_what_was_said_is_found(shop):
    world = shop.world
    world.define(WOMENS, GENDER.replace("RULE", "gender = 'male' AND womens_orders >= 2"))
    shop.people(20, gender=lambda each: "male" if each <= 10 else "female")
    for key in (1, 2, 3, 15):
        world.store(
            *(world.event(key, "order_paid", world.ago(days=1), channel="womens", amount=1) for _ in "ab")
        )
    shop.measure()
    assert shop.measured("gender").agreement == Agreement(20, 3)
    assert shop.measured("womens_orders").agreement is None
    assert shop.measured("womens_orders").use.tags == 1  # the rule rests on it
    parts = {each.part: each.value for each in shop.latest("gender").score.parts}
    assert parts[Part.AGREEMENT] == 7_000
    assert ("gender", AlertKind.CONTRADICTED, True) in shop.alerts()


def test_a_tag_over_events_that_never_came_is_told(shop):
    world = shop.world
    world.define(
        "{tag_id: shares, name: x, type: number, statistic: COUNT(share)}",
        "{tag_id: either, name: x, type: number, statistic: COUNT(share) + COUNT(order_paid)}",
        "{tag_id: stage, name: x, type: text, lifecycle: {}}",
    )
    shop.people(1)
    world.store(world.event(1, "order_paid", world.ago(days=1), amount=1))
    shop.measure()
    assert shop.measured("shares").unseen_events == ("share",)
    assert shop.measured("either").unseen_events == ("share",)
    assert shop.measured("stage").unseen_events == ()
    assert shop.alerts() == {("shares", AlertKind.EVENTS_UNSEEN, True)}
    world.store(world.event(1, "share", world.ago(hours=1)))
    world.run("shares")
    shop.measure()
    assert shop.alerts() == {("shares", AlertKind.EVENTS_UNSEEN, False)}
    assert shop.events() == [
        ("shares", 8, False),
        ("shares", 8, True),
    ]


def test_values_older_than_promised_are_told_although_no_run_comes(shop):
    world = shop.world
    daily = 'type: number, update: run, schedule: {daily: "02:30"}, statistic: COUNT(order_paid)'
    world.define(f"{{tag_id: nightly, name: x, {daily}}}", ORDERS)
    shop.people(1)
    assert shop.watch() == 0  # never computed, but only just in force
    world.clock.advance(27 * dt.timedelta(hours=1))
    assert shop.watch() == 2  # the stream's day has not rolled either
    assert shop.watch() == 0
    world.database.write_now(world.facts.tenants.set_day, world.tenant, world.clock.now().date())
    world.run("nightly")
    assert shop.watch() == 2
    assert {each for each in shop.alerts() if each[2]} == set()
    found = shop.measure()
    assert found == 2
    assert shop.measured("nightly").freshness.promised_hours == 26
    assert shop.measured("nightly").freshness.as_of == world.clock.now()


def test_a_run_that_failed_is_told_until_one_does_not(shop, monkeypatch):
    world = shop.world
    overflow = "SUM(order_paid.amount) * 1000000000"
    world.define(f"{{tag_id: big, name: x, type: number, update: run, statistic: {overflow}}}")
    shop.people(1)
    world.store(world.event(1, "order_paid", world.ago(days=1), amount=10**14))
    assert world.run("big").failures
    shop.measure()
    assert ("big", AlertKind.FAILED, True) in shop.alerts("big")
    world.define("{tag_id: big, name: x, type: number, update: run, statistic: SUM(order_paid.amount)}")
    world.run("big")
    shop.measure()
    assert ("big", AlertKind.FAILED, False) in shop.alerts("big")


def test_measuring_is_bounded_in_days_and_within_a_day(shop):
    world = shop.world
    world.define(ORDERS)
    shop.people(1)
    shop.measure()
    first, now = shop.latest("orders"), world.clock.now()
    before = [now - dt.timedelta(minutes=each) for each in range(1, 40)] + [now - 61 * DAY, now - 59 * DAY]
    copies = [Scored(replace(first.measured, time=each), first.score) for each in before]
    world.database.write_now(QUALITY.measurements.put, world.tenant, copies)
    world.run("orders")
    shop.measure()
    times = world.database.read_now(QUALITY.measurements.times, world.tenant, "orders")
    assert times[0] == now - 59 * DAY
    assert len(times) == 25


def test_a_look_that_was_cut_short_is_made_again(shop):
    world = shop.world
    world.define(ORDERS, CITY)
    shop.people(1)
    shop.measure.stop()
    assert shop.measure() == 0
    assert world.database.read_now(QUALITY.marks.get, world.tenant) is None
    assert Shop(world).measure() == 2


def test_a_tenant_whose_look_fails_holds_up_no_other(shop, monkeypatch):
    world, count = shop.world, shop.measure._count
    for tenant in ("t1", "t2"):
        world.tenant = tenant
        world.define(ORDERS)
        shop.people(1)

    def failing(connection, tenant, question):
        if tenant == "t1":
            raise ValueError("no column")
        return count(connection, tenant, question)

    monkeypatch.setattr(shop.measure, "_count", failing)
    assert shop.measure() == 1
    monkeypatch.setattr(shop.measure, "_count", count)
    assert shop.measure() == 0
    world.clock.advance(FAILURE_PAUSE)
    assert shop.measure() == 1


def counting(world):
    """What the wired service counts with."""
    counter = UseCounter()
    add = AddUse(counter, world.facts.tenants, SqlPortraitTemplates(), QUALITY.activities, world.clock)

    def flush():
        world.database.write_now(add, counter.take())
        since = world.clock.now().date() - DAY
        return world.database.read_now(QUALITY.activities.since, world.tenant, since)

    return counter, flush


def test_reads_by_name_and_by_template_are_counted_and_portraits_of_all_are_not(world):
    counter, flush = counting(world)
    template = PortraitTemplate("desk", Wording("x"), (TemplateGroup(Wording("x"), ("orders", "city")),))
    world.database.write_now(SqlPortraitTemplates().put, world.tenant, template, world.clock.now())
    counter.portraits(world.tenant, Look())
    counter.portraits(world.tenant, Look(tag_ids=("orders",)), 5)
    counter.portraits(world.tenant, Look(template_id="desk"), 2)
    counter.portraits(world.tenant, Look(template_id="gone"), 2)
    counter.read(world.tenant, ["city", "city"], 3)
    counter.read("t2", ["city"])
    assert flush() == {"orders": Activity(7), "city": Activity(5)}
    assert not counter.take()


def test_however_many_sets_of_tags_are_asked_for_counting_is_bounded(world, monkeypatch):
    monkeypatch.setattr(count_use, "MAX_LOOKS", 2)
    counter, flush = counting(world)
    for tag_ids in (["a"], ["b"], ["a", "b"], ["a", "b", "c"], ["a"]):
        counter.read(world.tenant, tag_ids)
    assert len(counter.take().named) == 3
    for tag_ids in (["a"], ["b"], ["a", "b"], ["a"]):
        counter.read(world.tenant, tag_ids)
    assert flush() == {"a": Activity(3), "b": Activity(2)}


def test_what_could_not_be_added_is_counted_once_in_the_end(world):
    counter, flush = counting(world)
    counter.read(world.tenant, ["orders"])
    counter.put_back(counter.take())
    assert flush() == {"orders": Activity(1)}


def test_changes_of_values_are_counted_but_those_of_features_are_not(world):
    counter, flush = counting(world)
    entries = CountedEntries(world.tags.entries, counter)
    entries.values(world.tenant, 1, {"orders": 10_000, "city": None, "feature:ab": 1})
    entries.values(world.tenant, 2, {"orders": 20_000})
    assert flush() == {"orders": Activity(changes=2), "city": Activity(changes=1)}


def test_of_a_block_values_that_are_found_or_lost_count_as_changes_too(world):
    counter, flush = counting(world)
    old, new = Coded.of({1: (), 2: (5,), 3: (5,)}), Coded.of({1: (5,), 2: (6,), 3: ()})
    change = BlockChange("orders", 0, old, new, world.clock.now())
    CountedEntries(world.tags.entries, counter).blocks(world.tenant, change)
    assert flush() == {"orders": Activity(changes=3)}


def test_what_runs_took_before_the_month_is_of_no_month(shop):
    world = shop.world
    world.define(ORDERS)
    shop.people(1)
    world.run("orders")
    world.clock.advance(31 * DAY)
    shop.measure()
    found = shop.measured("orders").cost
    assert (found.last_rows > 0, found.month_rows) == (True, 0)


def test_a_tag_that_nobody_uses_is_proposed_with_what_it_takes(shop):
    world = shop.world
    world.define(ORDERS, CITY, "{tag_id: twice, name: x, type: number, arithmetic: orders * 2}", WOMENS)
    use = [TagUse(UserKind.SEGMENT, "s1", ("womens_orders",))]
    world.database.write_now(USES.replace, world.tenant, "segments", use)
    shop.people(3, city=lambda _: "上海")
    propose = ProposeRetirement(QUALITY, world.columns, FindUsers(USES, Contradictions()), world.clock)

    def proposed(idle_days, after="", limit=9):
        found, counted = world.database.read_now(propose, world.tenant, idle_days, after, limit)
        return [each.tag_id for each in found], counted

    assert proposed(0) == ([], None)
    shop.measure()
    begun = world.clock.now().date()
    assert proposed(0) == (["city", "twice"], begun)  # orders has a tag above it, womens_orders a segment
    assert proposed(0, "city") == (["twice"], begun)
    assert proposed(0, limit=1) == (["city"], begun)
    assert proposed(1) == ([], begun)
    world.clock.advance(100 * DAY)
    read_on = world.clock.now().date() - 10 * DAY
    world.database.write_now(QUALITY.activities.add, world.tenant, read_on, {"city": Activity(1, 0, 7, 9)})
    assert proposed(90) == (["twice"], begun)
    (city, twice), _ = world.database.read_now(propose, world.tenant, 5, "", 9)
    assert (city.idle_since, city.last_read, city.known_count) == (read_on, read_on, 3)
    assert city.month == Activity(1, 0, 7, 9)
    assert city.stored_bytes == 36
    assert (twice.idle_since, twice.last_read) == (begun, None)


def test_the_confidence_of_a_contradicted_value_falls_for_who_may_read_why(world):
    rule = "gender = 'male' AND womens_orders >= 2"
    world.define(WOMENS.replace("name: x", "name: x, grade: personal"), GENDER.replace("RULE", rule))
    said = {"attributes": {"gender": "male"}}
    world.store(world.person(1, 1, **said), world.person(2, 2, **said))
    world.store(*(world.event(1, "order_paid", world.ago(days=1), channel="womens", amount=1) for _ in "ab"))
    read = ReadValues(world.facts, world.events, world.tags, world.columns, world.changelog, world.clock)

    def doubts(*grades):
        found, _ = world.database.read_now(read.batch, world.tenant, [1, 2], ["gender"], grades)
        return [values[0].doubt for _, values in found]

    assert doubts(Grade.INTERNAL, Grade.PERSONAL) == [SCALE // 2, SCALE]
    assert doubts(Grade.INTERNAL) == [SCALE, SCALE]


def test_rules_of_several_tenants_are_compiled_once_each(world, monkeypatch):
    compiled, known = [], Contradictions()
    monkeypatch.setattr(
        contradictions, "contradiction", lambda definition, _: compiled.append(definition) or "recipe"
    )
    plans = []
    for tenant in ("t1", "t2"):
        world.tenant = tenant
        world.define(GENDER.replace("RULE", "gender = 'male'"))
        plans.append(world.database.read_now(world.columns.of, tenant))
    for plan in (*plans, *plans):
        known.recipe(plan, plan.tags["gender"])
    assert len(compiled) == 2


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("gendr = 'male'", "there is no tag 'gendr'"),
        ("COUNT(order_paid) > 1", "is over events: make a tag of them"),
    ],
)
def test_a_rule_of_contradiction_that_does_not_hold_is_refused_with_the_tag(small_world, rule, told):
    with pytest.raises(RuleRefused) as error:
        small_world().define(GENDER.replace("RULE", rule))
    assert "tag 'gender', quality.contradicted_when: " in str(error.value)
    assert told in str(error.value)


def test_a_rule_of_contradiction_whose_tag_went_is_told_and_stops_nothing(shop):
    world = shop.world
    world.define(WOMENS, GENDER.replace("RULE", "gender = 'male' AND womens_orders >= 2"))
    shop.people(1, gender=lambda _: "male")
    shop.measure()
    assert shop.measured("gender").warnings == ()
    world.database.write_now(world.tags.catalogue.delete, world.tenant, ["womens_orders"])
    world.run("gender")
    shop.measure()
    (warning,) = shop.measured("gender").warnings
    assert "there is no tag 'womens_orders'" in warning
    assert shop.measured("gender").agreement is None
    assert ("gender", AlertKind.NOT_MEASURED, True) in shop.alerts()
