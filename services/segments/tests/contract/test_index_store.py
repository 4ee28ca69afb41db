"""IndexStore on both dialects: what is loaded is what was in memory."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.schema import TagType
from rules.values import Kind, ValueType
from segments.domain.changes import Change
from segments.domain.touched import Touched
from segments.index.tenant import TenantIndex
from segments.store.sql_index import SqlIndexStore
from segments_changes import (
    CATALOGUE,
    TENANT,
    block_change,
    day_change,
    feature_change,
    histories,
    interleavings,
    person_values,
    tag_change,
    through,
)
from segments_contents import contents
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.revision import LANES, Lane, Revision
from servicekit.upstream import advance

TAGS = ("points", "nickname", "interests", "is_vip", "birthday", "last_seen", "lucky_numbers")
TYPES = {name: CATALOGUE.tags[name].type for name in TAGS}
FORMS = {"COUNT(order_paid)": Kind.NUMBER, "LAST(order_paid)": Kind.DATETIME}
FEW = (1, 2, 65_536)
START = (
    day_change(),
    *(tag_change(CATALOGUE.tags[name]) for name in TAGS),
    *(feature_change(form, kind) for form, kind in FORMS.items()),
)
EPOCH = "00000001aaaaaaaa"


class Stored:
    """An index and the store beside it."""

    def __init__(self, database: Database) -> None:
        self.database, self.store = database, SqlIndexStore()
        self.index = TenantIndex(TENANT)
        self.cursors = dict.fromkeys(LANES, 0)
        for lane in LANES:
            self.tell(lane, START, 0)

    def tell(self, lane: Lane, changes: Sequence[Change], reached: int) -> None:
        index, touched = self.index.copy(), Touched()
        index.apply(changes, lane, self.cursors, touched)
        self.cursors[lane] = reached

        def write(connection: Any) -> None:
            advance(connection, "tagging", lane, Revision("tagging", EPOCH).at(lane, reached), ())
            self.store.save(connection, TENANT, touched, index)

        self.database.write_now(write)
        self.index = index

    def loaded(self) -> TenantIndex:
        return self.database.read_now(self.store.load, TenantIndex)[TENANT]

    def fold(self) -> None:
        while self.database.write_now(self.store.fold, beyond=0):
            pass

    def count(self, table: str) -> int:
        return int(
            self.database.read_now(
                lambda connection: execute(connection, f"SELECT count(*) FROM {table}").scalar_one()
            )
        )


@st.composite
def told(draw: Any) -> tuple[list[Any], list[Any], list[bool]]:
    history = draw(histories(TYPES, FORMS, persons=FEW, most=20))
    batches = draw(interleavings(history))
    return history, batches, draw(st.lists(st.booleans(), min_size=len(batches), max_size=len(batches)))


def tables(database: Database) -> None:
    def clear(connection: Any) -> None:
        for table in (
            "tag",
            "feature",
            "tenant_day",
            "person",
            "column_text",
            "column_block",
            "value_delta",
            "upstream",
        ):
            execute(connection, f"DELETE FROM {table}")

    database.write_now(clear)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(told())
def test_a_restart_finds_what_was_in_memory(
    database: Database, told: tuple[list[Any], list[Any], list[bool]]
) -> None:
    history, batches, folded = told
    tables(database)
    stored = Stored(database)
    applied: dict[Lane, list[Change]] = {lane: [] for lane in LANES}
    for (lane, changes), fold in zip(batches, folded, strict=True):
        applied[lane] += changes
        stored.tell(lane, changes, through(lane, applied[lane], history))
        if fold:
            stored.fold()
        assert contents(stored.loaded()) == contents(stored.index)
    restarted = stored.loaded()
    slower = min(stored.cursors.values())
    again = [(lane, change) for lane, change in history if slower < change.position <= stored.cursors[lane]]
    for lane in LANES:
        mine = [change for of, change in again if of is lane]
        restarted.apply(mine, lane, dict.fromkeys(LANES, slower), Touched())
    assert contents(restarted) == contents(stored.index), "what comes again after a restart changes nothing"


def test_a_replaced_index_is_the_only_one(database: Database) -> None:
    stored = Stored(database)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7, nickname="a")], 1)
    other = TenantIndex(TENANT)
    tag = tag_change(CATALOGUE.tags["points"])
    other.apply([tag, person_values(0, 70_000, points=9)], Lane.BULK, dict.fromkeys(LANES, 0), Touched())
    database.write_now(stored.store.replace, [other])
    (loaded,) = database.read_now(stored.store.load, TenantIndex).values()
    assert contents(loaded)["points"] == {70_000: (9,)}


def test_folding_leaves_what_a_lane_may_still_overtake(database: Database) -> None:
    stored = Stored(database)
    stored.tell(Lane.LIVE, [person_values(3, 1, points=3)], 3)
    stored.tell(Lane.LIVE, [person_values(9, 2, points=9)], 9)
    assert not database.write_now(stored.store.fold, beyond=0), "bulk has passed nothing"
    stored.tell(Lane.BULK, [], 5)
    stored.fold()
    assert (stored.count("value_delta"), stored.count("column_block")) == (1, 1)
    assert contents(stored.loaded())["points"] == {1: (3,), 2: (9,)}
    stored.tell(Lane.BULK, [block_change(6, "points", {2: 6})], 6)
    restarted = stored.loaded()
    restarted.apply([block_change(6, "points", {2: 6})], Lane.BULK, {Lane.LIVE: 5, Lane.BULK: 5}, Touched())
    assert contents(restarted)["points"] == {1: (3,), 2: (9,)}


def test_a_column_of_another_type_leaves_nothing_behind(database: Database) -> None:
    stored = Stored(database)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7)], 1)
    stored.tell(Lane.BULK, [block_change(2, "points", {2: 8})], 2)
    text = TagType("points", ValueType(Kind.TEXT))
    stored.tell(Lane.LIVE, [tag_change(text, 3), person_values(4, 3, points="many")], 4)
    assert contents(stored.loaded())["points"] == {3: ("many",)}
    stored.tell(Lane.LIVE, [tag_change(text, 5, deleted=True)], 5)
    assert "points" not in contents(stored.loaded())
    assert stored.count("value_delta") == 0
